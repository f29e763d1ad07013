"""Invalid requests are answered with a code of their own, and move nothing."""

from __future__ import annotations

import itertools
import json

import pytest
from sqlalchemy import select

from bridge.storage.engine.metadata import metadata
from tests.factories import add_shop, give
from tests.support.linked_sites import bearer, link
from tests.support.metering_faults import BOTH, CASES, CHAT, UNKNOWN, WHO, WHY

_keys = itertools.count(1)
# Callers, and the ids a linked site guesses, are recorded; neither moves a token.
NOT_LEDGER = {"access_keys", "link_guesses"}


def everything(database):
    """Return every row of every table of the ledger."""
    found = {}
    with database.reading() as connection:
        for table in metadata.sorted_tables:
            if table.name not in NOT_LEDGER:
                found[table.name] = sorted(map(repr, connection.execute(select(table))))
    return found


def call(shop, method, path, body=None, *, headers=None):
    more = {"Idempotency-Key": f"bad-{next(_keys)}"} if method == "POST" else {}
    return shop.client.open(f"/v1{path}", method=method, json=body, headers=(headers or shop.headers) | more)


@pytest.fixture
def there(shop, app):
    """Return user 2 with tokens; an open, a captured and a released hold; a spend, partly refunded."""
    give(shop, 2, 1_000)
    chat = {"user": {"id": 2}, "module": "chat", "tokens": 10}
    ids = {}
    for name in ("open", "captured", "released"):
        ids[name] = call(shop, "POST", "/holds", chat).get_json()["id"]
    ids["plain"] = ids["open"]
    ids["spend"] = call(shop, "POST", f"/holds/{ids['captured']}/capture", {"tokens": 10}).get_json()["id"]
    call(shop, "POST", f"/holds/{ids['released']}/release")
    preview = {"user": {"id": 2}, "operation": "image.preview", "quantity": 2}
    ids["preview"] = call(shop, "POST", "/holds", preview).get_json()["id"]
    refund = call(shop, "POST", f"/spends/{ids['spend']}/refund", {"tokens": 4, "reason": "half of it failed"})
    ids["refund"] = refund.get_json()["id"]
    neighbour = type(shop)(add_shop(app, "other")[0], app.test_client())
    give(neighbour, 2, 100)
    ids["their_hold"] = call(neighbour, "POST", "/holds", chat).get_json()["id"]
    ids["their_spend"] = call(neighbour, "POST", "/spends", chat).get_json()["id"]
    return ids


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_each_bad_request_has_its_code_and_moves_nothing(shop, there, database):
    """All in one database, since none of them changes anything in it."""
    call(shop, "GET", "/users/2")
    before = everything(database)
    faults = []

    for name, (method, path, body, status, code) in CASES.items():
        answer = call(shop, method, path.format(**there), body)
        document = answer.get_json()
        if (answer.status_code, document.get("code")) != (status, code):
            faults.append(f"{name}: {answer.status_code} {document.get('code')}, not {status} {code}")
        if answer.content_type != "application/problem+json":
            faults.append(f"{name}: {answer.content_type}")
        if everything(database) != before:
            faults.append(f"{name}: something was written")
            before = everything(database)

    assert faults == []


GARBAGE = [
    "x",
    "0",
    "-1",
    "ho_",
    "sp_0",
    "ho_0000000000000000",
    "ho_zzzzzzzzzzzzz",
    "ho_00000000000il",
    "%00",
    "ho_%F0%9F%92%A9",
    "1' or 1=1",
    "sp_" + UNKNOWN,
]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_ids_that_are_none_are_unknown(shop, there, database):
    before = everything(database)

    answers = [
        call(shop, method, path.format(id), body)
        for id in (*GARBAGE, there["spend"].upper())  # noqa: A001
        for method, path, body in (
            ("POST", "/holds/{}/capture", {"tokens": 1}),
            ("POST", "/holds/{}/release", {}),
            ("GET", "/holds/{}", None),
            ("POST", "/spends/{}/refund", WHY),
        )
    ]

    # The last invalid value is a spend's id that could be one: unknown as well.
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.get_json()["code"] for answer in answers} <= {"unknown_hold", "unknown_spend", "not_found"}
    assert everything(database) == before


def test_bad_items_of_a_batch_are_each_reported_and_the_good_ones_are_paid(shop, there):
    spends = [
        {"key": "a"} | CHAT,
        {"key": "b"} | WHO | BOTH,
        {"key": "c"} | WHO | {"operation": "no.such"},
        {"key": "d"} | WHO | {"operation": "image.preview", "quantity": 6},
        CHAT,
        {"key": "e"} | CHAT | {"tokens": 10**9},
        {"key": "f"} | CHAT,
    ]

    results = call(shop, "POST", "/spends/batch", {"spends": spends}).get_json()["results"]

    assert [(one["status"], one.get("code")) for one in results] == [
        (201, None),
        (422, "operation_and_tokens"),
        (404, "unknown_operation"),
        (422, "too_many_units"),
        (422, "invalid_request"),
        (402, "insufficient_tokens"),
        (201, None),
    ]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "path", ["/holds", "/spends", "/holds/{open}/capture", "/spends/{spend}/refund", "/users/2/adjustments"]
)
def test_what_moves_tokens_needs_a_key(shop, there, database, path):
    before = everything(database)

    answer = shop.client.post(f"/v1{path.format(**there)}", json=CHAT, headers=shop.headers)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "idempotency_key_required")
    assert everything(database) == before


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_linked_site_has_its_own_account_and_no_others_holds(shop, there, database):
    give(shop, 3, 100)
    site = link(shop, 3)
    before = everything(database)

    for path, body in (
        ("/holds/{open}/capture", {"tokens": 1}),
        ("/holds/{open}/release", {}),
        ("/spends/{spend}/refund", WHY),
    ):
        answer = call(shop, "POST", path.format(**there), body, headers=bearer(site["access_key"]))
        assert answer.status_code == 404, json.dumps(answer.get_json())
    for path in ("/users/2/explain?module=chat", "/users/3/usage", "/operations"):
        answer = call(shop, "GET", path, headers=bearer(site["access_key"]))
        assert (answer.status_code, answer.get_json()["code"]) == (403, "store_key_required")

    assert everything(database) == before
