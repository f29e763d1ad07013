"""Events out: sent in order, tried again for days, ended by 410, from a spend to a signed request."""

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
from tests.support.events import LOOPBACK, NOW, Desk, Sender
from tests.support.receivers import receiver_running

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def receiver():
    with receiver_running() as receiver:
        yield receiver


@pytest.fixture
def desk(shop, database) -> Desk:
    return Desk(shop, database)


def test_event_arrives_signed_with_its_store_and_user(desk, receiver):
    endpoint = desk.endpoint(receiver.url)
    (told,) = desk.tell(42)

    desk.fan_out()
    desk.send(Receivers(may_loop=True).post)

    (received,) = receiver.received
    received.verify(endpoint["secret"])
    assert received.id == told
    assert received.document == {
        "type": "balance.low",
        "timestamp": "2026-11-20T12:00:00.000000Z",
        "data": {"store": "shop", "user": {"id": 42}, "available": 0},
    }
    assert desk.states() == [(told, "delivered", 1)]


def test_receiver_down_for_two_days_gets_every_event_once_and_in_order(desk, receiver):
    endpoint = desk.endpoint(receiver.url)
    receiver.stop()
    post = Receivers(may_loop=True).post
    told: dict[int | None, list[str]] = defaultdict(list)
    for step in range(2 * 24 * 2):
        now = NOW + step * 30 * MINUTE
        if step % 16 == 0:
            for user in (1, 2, 3, None):
                told[user] += desk.tell(user, at=now)
        desk.fan_out(now)
        desk.send(post, now, chance=(step % 10) / 10)
    assert receiver.received == []

    receiver.start()
    for step in range(2 * 24 * 2, 4 * 24 * 2):
        desk.send(post, NOW + step * 30 * MINUTE)

    for received in receiver.received:
        received.verify(endpoint["secret"])
    arrived = defaultdict(list)
    for received in receiver.received:
        user = received.document["data"]["user"]
        arrived[user and user["id"]].append(received.id)
    assert arrived == told
    assert {state for _, state, _ in desk.states()} == {"delivered"}
    assert len(desk.states()) == sum(map(len, told.values())) == 24


def test_account_waits_for_its_earlier_event_and_no_other_does(desk):
    desk.endpoint()
    first, second = desk.tell(1, 1)
    (other,) = desk.tell(2)
    sender = Sender(answers={first: 500})
    desk.fan_out()

    desk.send(sender)
    assert sorted(sender.sent) == sorted([first, other])
    assert desk.states() == [(first, "pending", 1), (second, "pending", 0), (other, "delivered", 1)]

    desk.send(sender, NOW + timedelta(seconds=4))
    assert len(sender.sent) == 2

    sender.answers.clear()
    desk.send(sender, NOW + timedelta(seconds=5))
    assert sender.sent[2:] == [first, second]


def test_later_event_of_an_account_waits_though_handed_out_later(desk):
    desk.endpoint()
    (first,) = desk.tell(1)
    sender = Sender(answers={first: 500})
    desk.fan_out()
    desk.send(sender)

    (second,) = desk.tell(1)
    desk.fan_out(NOW + timedelta(seconds=1))
    desk.send(sender, NOW + timedelta(seconds=2))

    assert sender.sent == [first]
    assert desk.states() == [(first, "pending", 1), (second, "pending", 0)]


def test_event_is_given_up_after_the_last_attempt_and_blocks_nobody(desk):
    desk.endpoint()
    first, second = desk.tell(1, 1)
    sender = Sender(answers={first: 500})
    desk.fan_out()

    now = NOW
    for _ in range(12):
        desk.send(sender, now)
        now += 30 * HOUR

    assert desk.states() == [(first, "dead", 10), (second, "delivered", 1)]
    assert sender.sent == [first] * 10 + [second]


def test_410_disables_the_endpoint_and_ends_its_deliveries(desk):
    endpoint = desk.endpoint()
    first, second, other = desk.tell(1, 1, 2)
    desk.fan_out()

    desk.send(Sender(answers={first: 410}))

    assert desk.states() == [(first, "dead", 1), (second, "dead", 0), (other, "delivered", 1)]
    (shown,) = desk.call("GET", "event-endpoints").get_json()["items"]
    assert shown["disabled_reason"] == "the receiver answered 410 Gone"
    assert (shown["disabled_at"], shown["pending"], shown["last_status"]) == ("2026-11-20T12:00:00.000000Z", 0, 410)

    desk.tell(3)
    desk.fan_out()
    assert len(desk.states()) == 3
    refused = desk.call("POST", f"event-endpoints/{endpoint['id']}/replay", json={"since": "2026-11-20T00:00:00Z"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "event_endpoint_disabled")


def test_endpoint_nobody_answers_at_rests_and_is_probed_again(desk):
    desk.endpoint()
    desk.tell(*range(1, 21))
    sender = Sender(default=None)
    desk.fan_out()

    desk.send(sender, chance=0.0)
    desk.send(sender, NOW + timedelta(seconds=4))
    assert len(sender.sent) == 8

    sender.default = 204
    desk.send(sender, NOW + timedelta(seconds=5))
    assert len(sender.sent) == 28
    assert {state for _, state, _ in desk.states()} == {"delivered"}


def test_slow_endpoint_leaves_its_thread_to_others_after_a_while(desk):
    desk.endpoint()
    desk.tell(*range(1, 41))
    sender = Sender(seconds=11.0)
    desk.fan_out()

    assert desk.send(sender) == 16
    assert desk.send(sender) == 16


def test_failing_endpoint_does_not_keep_events_from_another(desk):
    bad, good = desk.endpoint("http://127.0.0.1:9/bad"), desk.endpoint("http://127.0.0.1:9/good")
    (told,) = desk.tell(1)
    desk.fan_out()

    desk.send(lambda url, _body, _headers: Answer(500 if url.endswith("bad") else 200))

    shown = {item["id"]: item for item in desk.call("GET", "event-endpoints").get_json()["items"]}
    assert (shown[bad["id"]]["pending"], shown[bad["id"]]["last_status"]) == (1, 500)
    assert (shown[good["id"]]["pending"], shown[good["id"]]["last_status"]) == (0, 200)
    assert shown[good["id"]]["last_delivered_at"] == "2026-11-20T12:00:00.000000Z"
    assert sorted(desk.states()) == [(told, "delivered", 1), (told, "pending", 1)]


def test_secret_under_another_key_of_the_service_rests_the_endpoint(desk):
    desk.endpoint()
    desk.tell(1)
    desk.fan_out()
    desk.vault = Vault("another key of the service, put in by mistake")

    assert desk.send(Sender()) == 0

    (shown,) = desk.call("GET", "event-endpoints").get_json()["items"]
    assert "BRIDGE_SECRET_KEY" in shown["last_error"]
    assert shown["pending"] == 1


def test_job_hands_out_and_sends(desk, receiver):
    desk.endpoint(receiver.url)
    (told,) = desk.tell(1)

    outcome = jobs.send_events(shift_at(desk.database, NOW), vault=desk.vault, public_url=LOOPBACK)
    again = jobs.send_events(shift_at(desk.database, NOW), vault=desk.vault, public_url=LOOPBACK)

    assert (outcome, again) == ("1 attempts", "0 attempts")
    assert [received.id for received in receiver.received] == [told]


def test_bridge_in_public_sends_nothing_to_a_private_address(desk, receiver):
    desk.endpoint(receiver.url)
    desk.tell(1)

    jobs.send_events(shift_at(desk.database, NOW), vault=desk.vault, public_url="https://bridge.example.com")

    assert receiver.received == []
    (shown,) = desk.call("GET", "event-endpoints").get_json()["items"]
    assert (shown["pending"], shown["last_error"]) == (1, "the address lies in a private network")


def test_spending_and_granting_tell_of_each_crossing_once(shop, desk, receiver, app):
    """The whole walk: the store warns below 1000 tokens."""
    endpoint = desk.endpoint(receiver.url)
    give(shop, 42, 2000)
    for tokens in (500, 600, 100, 800, 1):
        spend(shop, 42, tokens)
    give(shop, 42, 50)

    jobs.send_events(shift_at(desk.database, utcnow()), vault=desk.vault, public_url=LOOPBACK)

    for received in receiver.received:
        received.verify(endpoint["secret"])
    told = [(received.document["type"], received.document["data"]["available"]) for received in receiver.received]
    assert told == [("balance.low", 900), ("balance.exhausted", 0), ("balance.replenished", 50)]
