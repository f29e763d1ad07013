"""Events out: handed out once, sent in order, tried again for days, ended by 410, replayed."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bridge.clients.receivers import Answer, Receivers
from bridge.domain.events import EventType, NewEvent
from bridge.services import event_endpoints, outbox
from bridge.services.outbox import LEASE
from bridge.services.vault import Vault
from bridge.storage import accounts
from bridge.storage import outbox as outbox_rows
from bridge.storage.ids import new_id
from tests.conftest import SECRET_KEY, Shop
from tests.factories import add_shop
from tests.support.books import rows
from tests.support.receivers import receiver_running

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LOOPBACK = "http://127.0.0.1:8000"


@pytest.fixture
def receiver():
    with receiver_running() as receiver:
        yield receiver


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Sender:
    """Stands in for the client: keeps what it was asked to send; `answers` says the status by webhook-id."""

    default: int | None = 204
    answers: dict[str, int | None] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __call__(self, _url, _body, headers) -> Answer:
        id_ = headers["webhook-id"]
        self.sent.append(id_)
        status = self.answers.get(id_, self.default)
        return Answer(status, "" if status == 204 else f"HTTP {status}", self.seconds)


@dataclass
class Desk:
    """What the tests do with a store's events."""

    shop: Shop
    database: object
    vault: Vault = field(default_factory=lambda: Vault(SECRET_KEY))

    def endpoint(self, url: str = "http://127.0.0.1:9/hook", types: Iterable[EventType] | None = None, **more) -> dict:
        """An endpoint of the store, with its secret."""
        with self.database.transaction() as connection:
            created = event_endpoints.create(
                connection,
                more.get("store_id", self.shop.id),
                url=url,
                types=types,
                public_url=LOOPBACK,
                vault_=self.vault,
                now=NOW,
            )
        return {**event_endpoints.endpoint_document(created.endpoint), "secret": created.secret}

    def account(self, user_id: int) -> int:
        """The account of a user."""
        place = (self.shop.id, user_id)
        with self.database.transaction() as connection:
            return accounts.locate_or_add(connection, [place], now=NOW)[place]

    def tell(self, *user_ids: int | None, at: datetime = NOW, type_: EventType = EventType.BALANCE_LOW) -> list[str]:
        """Write an event for each user, None for the store's own; their webhook-ids."""
        new = [
            NewEvent(new_id(), self.shop.id, user and self.account(user), type_, {"available": number}, at)
            for number, user in enumerate(user_ids)
        ]
        with self.database.transaction() as connection:
            outbox_rows.add(connection, new)
        return [outbox.answers.opaque("evt", event.id) for event in new]

    def fan_out(self, now: datetime = NOW) -> int:
        """Hand out what waits."""
        return outbox.fan_out(self.database.transaction, now=now)

    def send(self, send, now: datetime = NOW, *, limit: int = 500, chance: float = 0.5) -> int:
        """Send what is due."""
        return outbox.send_due(
            self.database.transaction, send, vault_=self.vault, now=now, limit=limit, chance=lambda: chance
        )

    def states(self) -> list[tuple[str, str, int]]:
        """Every delivery: webhook-id, state and attempts, in order."""
        found = rows(self.database, "select * from event_deliveries order by event_id, endpoint_id")
        return [(outbox.answers.opaque("evt", row["event_id"]), row["state"], row["attempts"]) for row in found]

    def call(self, method: str, path: str, headers=None, **options):
        """A call to the API."""
        return self.shop.client.open(f"/v1/{path}", method=method, headers=headers or self.shop.headers, **options)


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
    desk.tell(1)

    desk.fan_out()

    (row,) = rows(desk.database, "select * from event_deliveries")
    assert outbox.answers.opaque("ep", row["endpoint_id"]) == mine["id"]
    assert desk.call("GET", "events", headers).get_json()["items"] == []
    assert [item["id"] for item in desk.call("GET", "event-endpoints").get_json()["items"]] == [mine["id"]]
    for method, path in (("DELETE", ""), ("POST", "/replay")):
        answer = desk.call(method, f"event-endpoints/{theirs['id']}{path}", json={"since": "2026-11-20T00:00:00Z"})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_event_endpoint")


def test_secret_under_another_key_of_the_service_rests_the_endpoint(desk):
    desk.endpoint()
    desk.tell(1)
    desk.fan_out()
    desk.vault = Vault("another key of the service, put in by mistake")

    assert desk.send(Sender()) == 0

    (shown,) = desk.call("GET", "event-endpoints").get_json()["items"]
    assert "BRIDGE_SECRET_KEY" in shown["last_error"]
    assert shown["pending"] == 1
