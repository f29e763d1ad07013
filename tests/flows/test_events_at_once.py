"""Events out, by several processes: handed out once, claimed, sent again after a death, and to nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from bridge.clients.event_sender import Answer, Receivers
from bridge.domain.events.events import EventType, NewEvent
from bridge.services.events import dispatch
from bridge.services.events.dispatch import LEASE
from bridge.services.metering import documents
from bridge.services.ops import retention
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox as outbox_rows
from bridge.web.context import utcnow
from tests.factories import add_shop
from tests.support.books import rows
from tests.support.events import NOW, Desk, Sender
from tests.support.receivers import receiver_running


@pytest.fixture
def receiver():
    with receiver_running() as receiver:
        yield receiver


@pytest.fixture
def desk(shop, database) -> Desk:
    return Desk(shop, database)


class Killed(BaseException):
    """The process dies here."""


def test_process_killed_between_sending_and_noting_sends_again_under_the_same_id(desk, receiver):
    desk.endpoint(receiver.url)
    (told,) = desk.tell(1)
    post = Receivers(may_loop=True).post
    desk.fan_out()

    def killed(url, body, headers):
        post(url, body, headers)
        raise Killed

    with pytest.raises(Killed):
        desk.send(killed)
    assert desk.states() == [(told, "pending", 0)]

    assert desk.send(post, NOW + LEASE - timedelta(seconds=1)) == 0
    assert desk.send(post, NOW + LEASE) == 1
    assert [received.id for received in receiver.received] == [told, told]
    assert desk.states() == [(told, "delivered", 1)]


def test_two_senders_at_once_send_each_event_once(desk):
    for number in range(4):
        desk.endpoint(f"http://127.0.0.1:9/{number}")
    told = desk.tell(*range(1, 31))
    desk.fan_out()
    sender, gate = Sender(), threading.Barrier(4)

    def send() -> int:
        gate.wait(10)
        return desk.send(sender)

    with ThreadPoolExecutor(4) as pool:
        counts = [turn.result() for turn in [pool.submit(send) for _ in range(4)]]

    assert sum(counts) == len(sender.sent) == 120
    assert sorted(sender.sent) == sorted(told * 4)


def test_sender_that_lost_its_claim_changes_nothing_that_is_settled(desk):
    """A process that slept through its claim wakes when another has done its work."""
    desk.endpoint()
    (told,) = desk.tell(1)
    desk.fan_out()
    quick = Sender()

    def slow(_url, _body, _headers):
        desk.send(quick, NOW + LEASE)
        return Answer(500)

    desk.send(slow)

    assert quick.sent == [told]
    assert desk.states() == [(told, "delivered", 1)]


def test_handing_out_at_once_makes_one_delivery_for_each_endpoint(desk):
    desk.endpoint()
    desk.endpoint()
    told = desk.tell(*[1, 2, 3, 4, 5] * 40)
    gate = threading.Barrier(4)

    def hand_out() -> int:
        gate.wait(10)
        return desk.fan_out()

    with ThreadPoolExecutor(4) as pool:
        counts = [turn.result() for turn in [pool.submit(hand_out) for _ in range(4)]]

    assert sum(counts) == 200
    assert [id_ for id_, _, _ in desk.states()] == [id_ for id_ in sorted(told) for _ in range(2)]
    heads = rows(desk.database, "select * from event_deliveries where next_attempt_at is not null")
    assert len(heads) == 10


@pytest.mark.parametrize("engine", ["postgresql"])
def test_event_committed_after_one_with_a_higher_id_is_handed_out_too(desk):
    """Ids follow the clock and commits do not: whoever kept a cursor would step over it.

    SQLite has one writer at a time, so there ids commit in order.
    """
    desk.endpoint()
    early = NewEvent(new_id(), desk.shop.id, None, EventType.WEBHOOK_SILENT, {}, NOW)
    with desk.database.transaction() as connection:
        outbox_rows.add(connection, [early])
        desk.tell(1)
        assert desk.fan_out() == 1

    assert desk.fan_out() == 1
    assert len(desk.states()) == 2


def test_handing_out_and_noting_at_once_leave_no_event_behind(desk):
    """An event added behind one that is just settled must not wait for ever."""
    desk.endpoint()
    sender, done = Sender(), threading.Event()

    def keep_sending() -> None:
        while not done.is_set():
            desk.send(sender)

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(keep_sending)
        told = []
        for _ in range(40):
            told += desk.tell(1)
            desk.fan_out()
        done.set()
        sending.result()
    desk.send(sender)

    assert sender.sent == told


@pytest.mark.parametrize("engine", ["postgresql"])
def test_noting_waits_for_an_event_that_is_just_added_behind(desk):
    """Else neither would see the other, and the event added would have nobody to make it the next."""
    desk.endpoint()
    (first,) = desk.tell(1)
    desk.fan_out()
    (second,) = desk.tell(1)
    sent, added, may_commit = threading.Event(), threading.Event(), threading.Event()
    sender = Sender()

    @contextmanager
    def held_open():
        with desk.database.transaction() as connection:
            yield connection
            added.set()
            may_commit.wait(10)

    def send(url, body, headers):
        sent.set()
        added.wait(10)
        return sender(url, body, headers)

    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(desk.send, send)
        sent.wait(10)
        adding = pool.submit(dispatch.fan_out, held_open, now=NOW)
        with suppress(TimeoutError):
            sending.result(0.5)
        may_commit.set()
        adding.result(10)
        sending.result(10)
    desk.send(sender)

    assert sender.sent == [first, second]


def test_endpoint_gets_only_the_types_it_wants(desk):
    endpoint = desk.endpoint(types=[EventType.GRANT_CREATED])
    desk.tell(1)
    (wanted,) = desk.tell(1, type_=EventType.GRANT_CREATED)

    desk.fan_out()

    assert endpoint["types"] == ["grant.created"]
    assert [id_ for id_, _, _ in desk.states()] == [wanted]


def test_stores_do_not_get_each_others_events(desk, app):
    connected, headers = add_shop(app, "other")
    theirs = desk.endpoint(store_id=connected.store.id)
    mine = desk.endpoint()
    (told,) = desk.tell(1)
    event = NewEvent(new_id(), connected.store.id, None, EventType.WEBHOOK_SILENT, {}, NOW)
    with desk.database.transaction() as connection:
        outbox_rows.add(connection, [event])

    desk.fan_out()

    found = {(row["endpoint_id"], row["event_id"]) for row in rows(desk.database, "select * from event_deliveries")}
    assert found == {
        (documents.decode_id("ep", mine["id"]), documents.decode_id("evt", told)),
        (documents.decode_id("ep", theirs["id"]), event.id),
    }
    assert [item["data"]["store"] for item in desk.call("GET", "events", headers).get_json()["items"]] == ["other"]
    replay = desk.call(
        "POST", f"event-endpoints/{mine['id']}/replay", json={"event": documents.encode_id("evt", event.id)}
    )
    assert (replay.status_code, replay.get_json()["code"]) == (404, "unknown_event")
    replay = desk.call("POST", f"event-endpoints/{mine['id']}/replay", json={"since": "2026-11-20T00:00:00Z"})
    assert replay.get_json()["replayed"] == 1
    assert [item["id"] for item in desk.call("GET", "event-endpoints").get_json()["items"]] == [mine["id"]]
    for method, path in (("DELETE", ""), ("POST", "/replay")):
        answer = desk.call(method, f"event-endpoints/{theirs['id']}{path}", json={"since": "2026-11-20T00:00:00Z"})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_event_endpoint")


def test_process_that_is_told_to_stop_ends_after_the_round_it_is_at(desk):
    desk.endpoint()
    desk.tell(*range(1, 21))
    desk.fan_out()
    sender = Sender()

    dispatch.send_due(desk.database.transaction, sender, vault_=desk.vault, now=NOW, may_go_on=lambda: False)

    assert len(sender.sent) == 8
    assert desk.send(sender) == 12


def test_old_events_are_pruned_once_nobody_waits_for_them(desk):
    desk.endpoint()
    _, waiting = desk.tell(1, 2)
    desk.fan_out()
    desk.send(Sender(answers={waiting: 500}))

    prune = retention.steps(now=utcnow() + timedelta(days=91))["events"]
    with desk.database.transaction() as connection:
        counts = [prune(connection), prune(connection)]

    assert counts == [1, 0]
    assert desk.states() == [(waiting, "pending", 1)]
    assert [item["id"] for item in desk.call("GET", "events").get_json()["items"]] == [waiting]
