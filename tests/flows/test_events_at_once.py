"""Events sent by several processes: fanned out once, claimed, and sent again after a crash."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from bridge.clients.event_sender import Answer, Receivers
from bridge.domain.events.events import EventType, NewEvent
from bridge.rendering.ids import decode_id, encode_id
from bridge.services.events import dispatch
from bridge.services.events.dispatch import LEASE
from bridge.services.ops import retention
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox as outbox_rows
from bridge.web.context import utcnow
from tests.factories import add_shop
from tests.support.events import NOW, EventDriver, Sender
from tests.support.ledger_sql import rows
from tests.support.receivers import receiver_running


@pytest.fixture
def receiver():
    with receiver_running() as receiver:
        yield receiver


@pytest.fixture
def driver(shop, database) -> EventDriver:
    return EventDriver(shop, database)


class Killed(BaseException):
    """An exception that stands for the death of the process."""


def test_process_killed_between_sending_and_noting_sends_again_under_the_same_id(driver, receiver):
    driver.endpoint(receiver.url)
    (emitted,) = driver.emit(1)
    post = Receivers(may_loop=True).post
    driver.fan_out()

    def killed(url, body, headers):
        post(url, body, headers)
        raise Killed

    with pytest.raises(Killed):
        driver.send(killed)
    assert driver.states() == [(emitted, "pending", 0)]

    assert driver.send(post, NOW + LEASE - timedelta(seconds=1)) == 0
    assert driver.send(post, NOW + LEASE) == 1
    assert [received.id for received in receiver.received] == [emitted, emitted]
    assert driver.states() == [(emitted, "delivered", 1)]


def test_two_senders_at_once_send_each_event_once(driver):
    for number in range(4):
        driver.endpoint(f"http://127.0.0.1:9/{number}")
    emitted = driver.emit(*range(1, 31))
    driver.fan_out()
    sender, gate = Sender(), threading.Barrier(4)

    def send() -> int:
        gate.wait(10)
        return driver.send(sender)

    with ThreadPoolExecutor(4) as pool:
        counts = [turn.result() for turn in [pool.submit(send) for _ in range(4)]]

    assert sum(counts) == len(sender.sent) == 120
    assert sorted(sender.sent) == sorted(emitted * 4)


def test_sender_that_lost_its_claim_changes_nothing_that_is_settled(driver):
    """A process that slept through its claim wakes when another has finished the work."""
    driver.endpoint()
    (emitted,) = driver.emit(1)
    driver.fan_out()
    quick = Sender()

    def slow(_url, _body, _headers):
        driver.send(quick, NOW + LEASE)
        return Answer(500)

    driver.send(slow)

    assert quick.sent == [emitted]
    assert driver.states() == [(emitted, "delivered", 1)]


def test_handing_out_at_once_makes_one_delivery_for_each_endpoint(driver):
    driver.endpoint()
    driver.endpoint()
    emitted = driver.emit(*[1, 2, 3, 4, 5] * 40)
    gate = threading.Barrier(4)

    def hand_out() -> int:
        gate.wait(10)
        return driver.fan_out()

    with ThreadPoolExecutor(4) as pool:
        counts = [turn.result() for turn in [pool.submit(hand_out) for _ in range(4)]]

    assert sum(counts) == 200
    assert [id_ for id_, _, _ in driver.states()] == [id_ for id_ in sorted(emitted) for _ in range(2)]
    heads = rows(driver.database, "select * from event_deliveries where next_attempt_at is not null")
    assert len(heads) == 10


@pytest.mark.parametrize("engine", ["postgresql"])
def test_event_committed_after_one_with_a_higher_id_is_handed_out_too(driver):
    """Ids follow the clock and commits do not: a reader with a cursor would skip the event.

    SQLite has one writer at a time, so there ids commit in order.
    """
    driver.endpoint()
    early = NewEvent(new_id(), driver.shop.id, None, EventType.WEBHOOK_SILENT, {}, NOW)
    with driver.database.transaction() as connection:
        outbox_rows.add(connection, [early])
        driver.emit(1)
        assert driver.fan_out() == 1

    assert driver.fan_out() == 1
    assert len(driver.states()) == 2


def test_handing_out_and_noting_at_once_leave_no_event_behind(driver):
    """An event added behind one that is just settled must not wait for ever."""
    driver.endpoint()
    sender, done = Sender(), threading.Event()

    def keep_sending() -> None:
        while not done.is_set():
            driver.send(sender)

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(keep_sending)
        emitted = []
        for _ in range(40):
            emitted += driver.emit(1)
            driver.fan_out()
        done.set()
        sending.result()
    driver.send(sender)

    assert sender.sent == emitted


@pytest.mark.parametrize("engine", ["postgresql"])
def test_noting_waits_for_an_event_that_is_just_added_behind(driver):
    """Else neither would see the other, and the added event would never become the next."""
    driver.endpoint()
    (first,) = driver.emit(1)
    driver.fan_out()
    (second,) = driver.emit(1)
    sent, added, may_commit = threading.Event(), threading.Event(), threading.Event()
    sender = Sender()

    @contextmanager
    def held_open():
        with driver.database.transaction() as connection:
            yield connection
            added.set()
            may_commit.wait(10)

    def send(url, body, headers):
        sent.set()
        added.wait(10)
        return sender(url, body, headers)

    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(driver.send, send)
        sent.wait(10)
        adding = pool.submit(dispatch.fan_out, held_open, now=NOW)
        with suppress(TimeoutError):
            sending.result(0.5)
        may_commit.set()
        adding.result(10)
        sending.result(10)
    driver.send(sender)

    assert sender.sent == [first, second]


def test_endpoint_gets_only_the_types_it_wants(driver):
    endpoint = driver.endpoint(types=[EventType.GRANT_CREATED])
    driver.emit(1)
    (wanted,) = driver.emit(1, type_=EventType.GRANT_CREATED)

    driver.fan_out()

    assert endpoint["types"] == ["grant.created"]
    assert [id_ for id_, _, _ in driver.states()] == [wanted]


def test_stores_do_not_get_each_others_events(driver, app):
    connected, headers = add_shop(app, "other")
    theirs = driver.endpoint(store_id=connected.store.id)
    mine = driver.endpoint()
    (emitted,) = driver.emit(1)
    event = NewEvent(new_id(), connected.store.id, None, EventType.WEBHOOK_SILENT, {}, NOW)
    with driver.database.transaction() as connection:
        outbox_rows.add(connection, [event])

    driver.fan_out()

    found = {(row["endpoint_id"], row["event_id"]) for row in rows(driver.database, "select * from event_deliveries")}
    assert found == {
        (decode_id("ep", mine["id"]), decode_id("evt", emitted)),
        (decode_id("ep", theirs["id"]), event.id),
    }
    assert [item["data"]["store"] for item in driver.call("GET", "events", headers).get_json()["items"]] == ["other"]
    replay = driver.call("POST", f"event-endpoints/{mine['id']}/replay", json={"event": encode_id("evt", event.id)})
    assert (replay.status_code, replay.get_json()["code"]) == (404, "unknown_event")
    replay = driver.call("POST", f"event-endpoints/{mine['id']}/replay", json={"since": "2026-11-20T00:00:00Z"})
    assert replay.get_json()["replayed"] == 1
    assert [item["id"] for item in driver.call("GET", "event-endpoints").get_json()["items"]] == [mine["id"]]
    for method, path in (("DELETE", ""), ("POST", "/replay")):
        answer = driver.call(method, f"event-endpoints/{theirs['id']}{path}", json={"since": "2026-11-20T00:00:00Z"})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_event_endpoint")


def test_process_asked_to_stop_ends_after_its_current_round(driver):
    driver.endpoint()
    driver.emit(*range(1, 21))
    driver.fan_out()
    sender = Sender()

    dispatch.send_due(driver.database.transaction, sender, vault_=driver.vault, now=NOW, may_go_on=lambda: False)

    assert len(sender.sent) == 8
    assert driver.send(sender) == 12


def test_old_events_are_pruned_once_no_delivery_waits_for_them(driver):
    driver.endpoint()
    _, waiting = driver.emit(1, 2)
    driver.fan_out()
    driver.send(Sender(answers={waiting: 500}))

    prune = retention.steps(now=utcnow() + timedelta(days=91))["events"]
    with driver.database.transaction() as connection:
        counts = [prune(connection), prune(connection)]

    assert counts == [1, 0]
    assert driver.states() == [(waiting, "pending", 1)]
    assert [item["id"] for item in driver.call("GET", "events").get_json()["items"]] == [waiting]
