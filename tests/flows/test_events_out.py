"""Events sent in order, retried for days, ended by 410, from a spend to a signed request."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest

from bridge.clients.event_sender import Answer, Receivers
from bridge.services.secrets import Vault
from bridge.web.context import utcnow
from schedulers import jobs
from tests.factories import give, spend
from tests.support.clock import shift_at
from tests.support.events import LOOPBACK, NOW, EventDriver, Sender
from tests.support.receivers import receiver_running

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def receiver():
    with receiver_running() as receiver:
        yield receiver


@pytest.fixture
def driver(shop, database) -> EventDriver:
    return EventDriver(shop, database)


def test_event_arrives_signed_with_its_store_and_user(driver, receiver):
    endpoint = driver.endpoint(receiver.url)
    (emitted,) = driver.emit(42)

    driver.fan_out()
    driver.send(Receivers(may_loop=True).post)

    (received,) = receiver.received
    received.verify(endpoint["secret"])
    assert received.id == emitted
    assert received.document == {
        "type": "balance.low",
        "timestamp": "2026-11-20T12:00:00.000000Z",
        "data": {"store": "shop", "user": {"id": 42}, "available": 0},
    }
    assert driver.states() == [(emitted, "delivered", 1)]


def test_receiver_down_for_two_days_gets_every_event_once_and_in_order(driver, receiver):
    endpoint = driver.endpoint(receiver.url)
    receiver.stop()
    post = Receivers(may_loop=True).post
    emitted: dict[int | None, list[str]] = defaultdict(list)
    for step in range(2 * 24 * 2):
        now = NOW + step * 30 * MINUTE
        if step % 16 == 0:
            for user in (1, 2, 3, None):
                emitted[user] += driver.emit(user, at=now)
        driver.fan_out(now)
        driver.send(post, now, draw=(step % 10) / 10)
    assert receiver.received == []

    receiver.start()
    for step in range(2 * 24 * 2, 4 * 24 * 2):
        driver.send(post, NOW + step * 30 * MINUTE)

    for received in receiver.received:
        received.verify(endpoint["secret"])
    arrived = defaultdict(list)
    for received in receiver.received:
        user = received.document["data"]["user"]
        arrived[user and user["id"]].append(received.id)
    assert arrived == emitted
    assert {state for _, state, _ in driver.states()} == {"delivered"}
    assert len(driver.states()) == sum(map(len, emitted.values())) == 24


def test_account_waits_for_its_earlier_event_and_no_other_does(driver):
    driver.endpoint()
    first, second = driver.emit(1, 1)
    (other,) = driver.emit(2)
    sender = Sender(answers={first: 500})
    driver.fan_out()

    driver.send(sender)
    assert sorted(sender.sent) == sorted([first, other])
    assert driver.states() == [(first, "pending", 1), (second, "pending", 0), (other, "delivered", 1)]

    driver.send(sender, NOW + timedelta(seconds=4))
    assert len(sender.sent) == 2

    sender.answers.clear()
    driver.send(sender, NOW + timedelta(seconds=5))
    assert sender.sent[2:] == [first, second]


def test_later_event_of_an_account_waits_though_handed_out_later(driver):
    driver.endpoint()
    (first,) = driver.emit(1)
    sender = Sender(answers={first: 500})
    driver.fan_out()
    driver.send(sender)

    (second,) = driver.emit(1)
    driver.fan_out(NOW + timedelta(seconds=1))
    driver.send(sender, NOW + timedelta(seconds=2))

    assert sender.sent == [first]
    assert driver.states() == [(first, "pending", 1), (second, "pending", 0)]


def test_event_is_given_up_after_the_last_attempt_and_blocks_no_other(driver):
    driver.endpoint()
    first, second = driver.emit(1, 1)
    sender = Sender(answers={first: 500})
    driver.fan_out()

    now = NOW
    for _ in range(12):
        driver.send(sender, now)
        now += 30 * HOUR

    assert driver.states() == [(first, "dead", 10), (second, "delivered", 1)]
    assert sender.sent == [first] * 10 + [second]


def test_410_disables_the_endpoint_and_ends_its_deliveries(driver):
    endpoint = driver.endpoint()
    first, second, other = driver.emit(1, 1, 2)
    driver.fan_out()

    driver.send(Sender(answers={first: 410}))

    assert driver.states() == [(first, "dead", 1), (second, "dead", 0), (other, "delivered", 1)]
    (shown,) = driver.call("GET", "event-endpoints").get_json()["items"]
    assert shown["disabled_reason"] == "the receiver answered 410 Gone"
    assert (shown["disabled_at"], shown["pending"], shown["last_status"]) == ("2026-11-20T12:00:00.000000Z", 0, 410)

    driver.emit(3)
    driver.fan_out()
    assert len(driver.states()) == 3
    refused = driver.call("POST", f"event-endpoints/{endpoint['id']}/replay", json={"since": "2026-11-20T00:00:00Z"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "event_endpoint_disabled")


def test_endpoint_without_an_answer_rests_and_is_probed_again(driver):
    driver.endpoint()
    driver.emit(*range(1, 21))
    sender = Sender(default=None)
    driver.fan_out()

    driver.send(sender, draw=0.0)
    driver.send(sender, NOW + timedelta(seconds=4))
    assert len(sender.sent) == 8

    sender.default = 204
    driver.send(sender, NOW + timedelta(seconds=5))
    assert len(sender.sent) == 28
    assert {state for _, state, _ in driver.states()} == {"delivered"}


def test_slow_endpoint_leaves_its_thread_to_others_after_a_while(driver):
    driver.endpoint()
    driver.emit(*range(1, 41))
    sender = Sender(seconds=11.0)
    driver.fan_out()

    assert driver.send(sender) == 16
    assert driver.send(sender) == 16


def test_failing_endpoint_does_not_keep_events_from_another(driver):
    bad, good = driver.endpoint("http://127.0.0.1:9/bad"), driver.endpoint("http://127.0.0.1:9/good")
    (emitted,) = driver.emit(1)
    driver.fan_out()

    driver.send(lambda url, _body, _headers: Answer(500 if url.endswith("bad") else 200))

    shown = {item["id"]: item for item in driver.call("GET", "event-endpoints").get_json()["items"]}
    assert (shown[bad["id"]]["pending"], shown[bad["id"]]["last_status"]) == (1, 500)
    assert (shown[good["id"]]["pending"], shown[good["id"]]["last_status"]) == (0, 200)
    assert shown[good["id"]]["last_delivered_at"] == "2026-11-20T12:00:00.000000Z"
    assert sorted(driver.states()) == [(emitted, "delivered", 1), (emitted, "pending", 1)]


def test_secret_under_another_key_of_the_service_rests_the_endpoint(driver):
    driver.endpoint()
    driver.emit(1)
    driver.fan_out()
    driver.vault = Vault("another key of the service, put in by mistake")

    assert driver.send(Sender()) == 0

    (shown,) = driver.call("GET", "event-endpoints").get_json()["items"]
    assert "BRIDGE_SECRET_KEY" in shown["last_error"]
    assert shown["pending"] == 1


def test_job_hands_out_and_sends(driver, receiver):
    driver.endpoint(receiver.url)
    (emitted,) = driver.emit(1)

    outcome = jobs.send_events(shift_at(driver.database, NOW), vault=driver.vault, public_url=LOOPBACK)
    again = jobs.send_events(shift_at(driver.database, NOW), vault=driver.vault, public_url=LOOPBACK)

    assert (outcome, again) == ("1 attempts", "0 attempts")
    assert [received.id for received in receiver.received] == [emitted]


def test_bridge_in_public_sends_nothing_to_a_private_address(driver, receiver):
    driver.endpoint(receiver.url)
    driver.emit(1)

    jobs.send_events(shift_at(driver.database, NOW), vault=driver.vault, public_url="https://bridge.example.com")

    assert receiver.received == []
    (shown,) = driver.call("GET", "event-endpoints").get_json()["items"]
    assert (shown["pending"], shown["last_error"]) == (1, "the address is in a private network")


def test_spending_and_granting_announce_each_crossing_once(shop, driver, receiver, app):
    """From the request to the event: the store warns below 1000 tokens."""
    endpoint = driver.endpoint(receiver.url)
    give(shop, 42, 2000)
    for tokens in (500, 600, 100, 800, 1):
        spend(shop, 42, tokens)
    give(shop, 42, 50)

    jobs.send_events(shift_at(driver.database, utcnow()), vault=driver.vault, public_url=LOOPBACK)

    for received in receiver.received:
        received.verify(endpoint["secret"])
    emitted = [(received.document["type"], received.document["data"]["available"]) for received in receiver.received]
    assert emitted == [("balance.low", 900), ("balance.exhausted", 0), ("balance.replenished", 50)]
