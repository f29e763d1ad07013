"""The API of events: endpoints, the list of events, replays, and refusals."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from bridge.domain.events.events import EventType
from bridge.services.events.endpoints import MAX_ENDPOINTS
from tests.support.events import NOW, EventDriver, Sender
from tests.support.ledger_sql import rows

pytestmark = pytest.mark.one_engine

URL = "https://hooks.example.com/bridge"
MINUTE = timedelta(minutes=1)
BEFORE = "2026-11-20T00:00:00Z"
BAD_ENDPOINTS = [
    ({}, "url"),
    ({"url": None}, "url"),
    ({"url": 7}, "url"),
    ({"url": ""}, "url"),
    ({"url": "ftp://hooks.example.com/"}, "url"),
    ({"url": "not an address"}, "url"),
    ({"url": "https://hooks.example.com/" + "a" * 2048}, "url"),
    ({"url": "http://10.0.0.1/"}, "url"),
    ({"url": "http://169.254.169.254/latest/meta-data/"}, "url"),
    ({"url": "https://hooks.example.com/\u0000"}, "url"),
    ({"url": URL, "types": []}, "types"),
    ({"url": URL, "types": "balance.low"}, "types"),
    ({"url": URL, "types": ["balance.low", "balance.high"]}, "types.1"),
    ({"url": URL, "type": ["balance.low"]}, "type"),
]
BAD_REPLAYS = [
    ({}, "since"),
    ({"since": BEFORE, "event": "evt_1"}, "since"),
    ({"since": "yesterday"}, "since"),
    ({"since": "2026-11-20T00:00:00"}, "since"),
    ({"since": "0001-01-01T00:00:00+14:00"}, "since"),
    ({"since": "9999-12-31T23:59:59-14:00"}, "since"),
    ({"since": 5}, "since"),
    ({"since": BEFORE, "cursor": "x"}, "cursor"),
    ({"since": BEFORE, "cursor": "evt_0000000000001"}, "cursor"),
    ({"event": 5}, "event"),
]


@pytest.fixture
def driver(shop, database) -> EventDriver:
    return EventDriver(shop, database)


def test_secret_is_shown_once_and_stored_sealed(driver, database):
    created = driver.call("POST", "event-endpoints", json={"url": URL, "types": ["balance.low"]})

    assert created.status_code == 201
    secret = created.get_json()["secret"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    listing = driver.call("GET", "event-endpoints")
    assert secret not in listing.text
    assert secret not in str(rows(database, "select * from event_endpoints"))
    (item,) = listing.get_json()["items"]
    assert item == {key: value for key, value in created.get_json().items() if key != "secret"} | {
        "pending": 0,
        "last_attempt_at": None,
        "last_delivered_at": None,
        "last_status": None,
        "last_error": None,
        "disabled_at": None,
        "disabled_reason": None,
    }


def test_deleted_endpoint_gets_nothing_more(driver, database):
    endpoint = driver.endpoint()
    driver.emit(1)
    driver.fan_out()

    assert driver.call("DELETE", f"event-endpoints/{endpoint['id']}").status_code == 204

    assert rows(database, "select * from event_deliveries") == []
    assert driver.call("DELETE", f"event-endpoints/{endpoint['id']}").status_code == 404
    assert driver.send(Sender()) == 0


@pytest.mark.both_engines
def test_endpoint_deleted_while_it_is_sent_to_ends_the_run(driver):
    endpoint = driver.endpoint()
    driver.emit(1, 1)
    driver.fan_out()
    sender = Sender()

    def send(url, body, headers):
        driver.call("DELETE", f"event-endpoints/{endpoint['id']}")
        return sender(url, body, headers)

    assert driver.send(send) == 1


def test_bad_endpoints_are_refused_by_field(driver):
    for body, field in BAD_ENDPOINTS:
        answer = driver.call("POST", "event-endpoints", json=body)

        assert answer.status_code == 422, (body, answer.text)
        assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert driver.call("GET", "event-endpoints").get_json()["items"] == []


def test_store_has_a_bounded_number_of_endpoints(driver):
    for number in range(MAX_ENDPOINTS):
        assert driver.call("POST", "event-endpoints", json={"url": f"{URL}/{number}"}).status_code == 201

    refused = driver.call("POST", "event-endpoints", json={"url": URL})

    assert (refused.status_code, refused.get_json()["code"]) == (409, "too_many_event_endpoints")


def test_events_are_listed_newest_first_page_by_page(driver):
    emitted = [driver.emit(user, at=NOW + number * MINUTE)[0] for number, user in enumerate((1, 2, None, 1, 2))]
    # Of two at one moment, the one with the higher id is the newer.
    emitted += driver.emit(3, 4, at=NOW + 4 * MINUTE)

    pages, path = [], "events?limit=3"
    while path:
        page = driver.call("GET", path).get_json()
        pages.append(page["items"])
        path = f"events?limit=3&cursor={page['next']}" if page["next"] else None

    assert [len(page) for page in pages] == [3, 3, 1]
    listed = [item for page in pages for item in page]
    assert [item["id"] for item in listed] == emitted[::-1]
    assert listed[4]["data"] == {"store": "shop", "user": None, "available": 0}
    assert listed[4]["timestamp"] == "2026-11-20T12:02:00.000000Z"


def test_bad_queries_are_refused_by_field(driver):
    bad = {"cursor=evt_x": "cursor", "cursor=evt_0000000000001": "cursor", "limit=0": "limit"}
    for query, field in bad.items():
        answer = driver.call("GET", f"events?{query}")

        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == field


def test_replay_since_sends_again_what_was_delivered_and_what_was_given_up(driver):
    endpoint = driver.endpoint()
    early, later, last = (driver.emit(1, at=NOW + number * MINUTE)[0] for number in range(3))
    sender = Sender(answers={later: 500})
    driver.fan_out()
    now = NOW
    for _ in range(12):
        driver.send(sender, now)
        now += timedelta(hours=30)
    assert [state for _, state, _ in driver.states()] == ["delivered", "dead", "delivered"]
    sender.sent.clear()
    sender.answers.clear()

    answer = driver.call("POST", f"event-endpoints/{endpoint['id']}/replay", json={"since": (NOW + MINUTE).isoformat()})

    assert answer.get_json() == {"replayed": 2, "next": None}
    driver.send(sender, now + timedelta(days=3650))
    assert sender.sent == [later, last]
    assert early not in sender.sent
    assert {state for _, state, _ in driver.states()} == {"delivered"}


def test_replay_sends_a_new_endpoint_the_events_from_before_it_was_created(driver):
    emitted = driver.emit(1, 2)
    (unwanted,) = driver.emit(3, type_=EventType.GRANT_CREATED)
    driver.fan_out()
    endpoint = driver.endpoint(types=[EventType.BALANCE_LOW])
    path = f"event-endpoints/{endpoint['id']}/replay"

    assert driver.call("POST", path, json={"since": BEFORE}).get_json()["replayed"] == 2
    assert [id_ for id_, _, _ in driver.states()] == emitted

    assert driver.call("POST", path, json={"event": unwanted}).get_json() == {"replayed": 1, "next": None}
    assert driver.states()[-1][0] == unwanted


def test_replay_ends_the_wait_and_the_rest(driver):
    endpoint = driver.endpoint()
    (emitted,) = driver.emit(1)
    sender = Sender(default=None)
    driver.fan_out()
    driver.send(sender)

    driver.call("POST", f"event-endpoints/{endpoint['id']}/replay", json={"event": emitted})

    row = rows(driver.database, "select * from event_endpoints")[0]
    assert (row["failures"], row["resting_until"]) == (0, None)
    assert driver.states() == [(emitted, "pending", 0)]


def test_replay_of_many_goes_on_at_its_cursor(driver, monkeypatch):
    monkeypatch.setattr("bridge.services.events.endpoints.REPLAYED_AT_ONCE", 2)
    emitted = driver.emit(1, 2, 3, 4, 5)
    driver.fan_out()
    endpoint = driver.endpoint()
    path, body, counts = f"event-endpoints/{endpoint['id']}/replay", {"since": BEFORE}, []

    while True:
        answer = driver.call("POST", path, json=body).get_json()
        counts.append(answer["replayed"])
        if answer["next"] is None:
            break
        body["cursor"] = answer["next"]

    assert counts == [2, 2, 1]
    assert [id_ for id_, _, _ in driver.states()] == emitted


def test_replay_leaves_events_that_are_not_handed_out_yet_to_their_turn(driver):
    endpoint = driver.endpoint()
    (emitted,) = driver.emit(1)
    path = f"event-endpoints/{endpoint['id']}/replay"

    assert driver.call("POST", path, json={"since": BEFORE}).get_json()["replayed"] == 0
    assert driver.call("POST", path, json={"event": emitted}).status_code == 404


def test_bad_replays_are_refused_by_field(driver):
    endpoint = driver.endpoint()

    for body, field in BAD_REPLAYS:
        answer = driver.call("POST", f"event-endpoints/{endpoint['id']}/replay", json=body)

        assert answer.status_code == 422, (body, answer.text)
        assert field in {error["field"] for error in answer.get_json()["errors"]}


def test_endpoint_that_is_none_is_unknown(driver):
    for id_ in ("x", "ep_x", "ep_zzzzzzzzzzzzz", "evt_0000000000001", "ep_0000000000001", "%00"):
        for method, path in (("DELETE", ""), ("POST", "/replay")):
            answer = driver.call(method, f"event-endpoints/{id_}{path}", json={"since": BEFORE})
            assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_event_endpoint")


def test_calls_need_a_key(shop):
    for method, path in (("GET", "event-endpoints"), ("POST", "event-endpoints"), ("GET", "events")):
        assert shop.client.open(f"/v1/{path}", method=method).status_code == 401
