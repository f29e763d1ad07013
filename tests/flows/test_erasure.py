"""A person is erased: no row and no byte names them, the books stay, and no sync brings anything back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.services.ops import account_erasure, audit
from bridge.services.shop import inbox, processing
from bridge.storage.engine.metadata import metadata
from bridge.web.context import utcnow
from tests.factories import (
    balance_of,
    customer,
    deliver,
    give,
    line,
    merge,
    order,
    put_package,
    put_user,
    spend,
    state_of,
)
from tests.support.ledger_sql import rows
from tests.support.linked_sites import account, bearer, link

EMAIL, NAME, SITE = "ada.lovelace@example.test", "Ada Lovelace", "Ada's blog"
SECRETS = (EMAIL, NAME, "Lovelace", "Ada's", "blog.example.com", "ada-before.example.com")


def person_order(number, status="completed", *, at=0, customer=2, placed=None, **more):
    document = order(number, status, at=at, customer=customer, email=EMAIL, **more)
    document["billing"] |= {"first_name": "Ada", "last_name": "Lovelace", "address_1": "1 Lovelace Road"}
    return document | ({"date_created_gmt": placed} if placed else {})


@pytest.fixture
def ada(shop):
    """Return a store in which the data of user 2 is in every place where it may be."""
    put_package(shop, 10, 1000)
    deliver(shop, customer(2, EMAIL) | {"first_name": "Ada", "last_name": "Lovelace"}, "customer.created")
    deliver(shop, person_order(1))
    deliver(shop, person_order(2, "on-hold"))
    # Another order with its number, a document without a clear product, and a guest's order that waits.
    deliver(shop, person_order(3, lines=[line(product=99)]) | {"order_key": "wc_order_a"})
    deliver(shop, person_order(3, at=5) | {"order_key": "wc_order_b"})
    assert shop.client.put("/v1/store", json={"guest_policy": "admin"}, headers=shop.headers).status_code == 200
    deliver(shop, person_order(4, customer=0))
    give(shop, 2, 500)
    put_user(shop, 3, email="grace@example.test", name="Grace Hopper")
    for user, reason in ((2, f"Gift for {NAME}"), (3, f"See the order of {EMAIL.upper()}")):
        body = {"tokens": 5, "reason": reason}
        headers = shop.headers | {"Idempotency-Key": f"gift for {EMAIL} {user}"}
        assert shop.client.post(f"/v1/users/{user}/adjustments", json=body, headers=headers).status_code == 201
    spent = spend(shop, 2, 70, reference=f"chat with {EMAIL}").get_json()
    headers = shop.headers | {"Idempotency-Key": "back"}
    back = {"tokens": 10, "reason": f"{NAME} complained"}
    assert shop.client.post(f"/v1/spends/{spent['id']}/refund", json=back, headers=headers).status_code == 201
    site = link(shop, 2, name=SITE, url="https://ada-before.example.com/")
    key = bearer(site["access_key"]) | {"Idempotency-Key": "site"}
    assert shop.client.post("/v1/spends", json={"module": "chat", "tokens": 9}, headers=key).status_code == 201
    path = f"/v1/sites/{site['id']}"
    for change in ({"monthly_cap": 100}, {"url": "https://blog.example.com/"}):
        assert shop.client.patch(path, json=change, headers=shop.headers).status_code == 200
    hold = {"user": {"id": 2}, "module": "chat", "tokens": 40, "reference": NAME}
    assert shop.client.post("/v1/holds", json=hold, headers=shop.headers | {"Idempotency-Key": "h"}).status_code == 201
    return shop


def site_key(shop):
    """Return a key of another site that is linked to user 2."""
    return link(shop, 2, name="Two", url="https://two.example.com/")["access_key"]


def erase(shop, user=2):
    return shop.client.delete(f"/v1/users/{user}", headers=shop.headers)


def named(database):
    """Return each column in which a part of the person's data is left."""
    found = []
    for table in metadata.sorted_tables:
        for row in rows(database, f"select * from {table.name}"):
            for column, value in row.items():
                shown = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
                # JSON may be stored with letters escaped.
                shown = (shown + shown.encode().decode("unicode_escape", "replace")).lower()
                found += [(table.name, column, part) for part in SECRETS if part.lower() in shown]
    return sorted(set(found))


def faults(database):
    with database.reading() as connection:
        return list(audit.list_faults(connection, now=utcnow()))


def test_no_row_names_the_person_and_the_ledger_stays(ada, database):
    key = site_key(ada)
    before = state_of(ada, 2)
    assert before["held"] == 40
    places = {table for table, _, _ in named(database)}
    assert places >= {
        *("accounts", "orders", "deliveries", "entries", "spends", "refunds", "holds", "sites"),
        *("changes", "idempotency_keys"),
    }

    erased = erase(ada)

    assert (erased.status_code, erased.get_json()["state"]) == (200, "erased")
    assert named(database) == []
    assert faults(database) == []
    assert state_of(ada, 2) == before | {"held": 0, "available": before["balance"]}
    found = ada.client.get("/v1/users/2", headers=ada.headers).get_json()
    assert (found["email"], found["name"], found["roles"]) == (None, None, [])
    assert account(ada, key).status_code == 401
    # What was said of others stays.
    other = ada.client.get("/v1/users/3", headers=ada.headers).get_json()
    assert (other["email"], other["name"]) == ("grace@example.test", "Grace Hopper")
    [gift] = [row["reason"] for row in rows(database, "select reason from entries where reason like 'Gift%'")]
    assert gift == "Gift for [erased]"
    events = ada.client.get("/v1/events", headers=ada.headers).get_json()["items"]
    assert ("user.erased", {"store": "shop", "user": {"id": 2}}) in [(one["type"], one["data"]) for one in events]
    # A second time changes nothing.
    assert erase(ada).get_json() == erased.get_json()
    assert erase(ada, 999).status_code == 404


@pytest.mark.parametrize("engine", ["sqlite"])
def test_file_of_sqlite_has_no_byte_of_the_person(ada, database):
    path = database.url.database
    erase(ada)

    kept = b"".join(Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal"))
    assert [part for part in SECRETS if part.encode().lower() in kept.lower()] == []


def test_nothing_is_stored_again_by_the_shop_or_the_api(ada, database):
    erase(ada)

    deliver(ada, customer(2, EMAIL) | {"first_name": "Ada", "last_name": "Lovelace"}, "customer.updated")
    # The orders from before arrive again, one is refunded, one is paid only now, one was never seen.
    deliver(ada, person_order(1, "refunded", at=60))
    deliver(ada, person_order(2, at=60))
    deliver(ada, person_order(8, at=60))
    deliver(ada, person_order(4, at=60, customer=0))
    put_user(ada, 2, email=EMAIL, name=NAME)
    assert spend(ada, 2, 1, user={"id": 2, "email": EMAIL, "name": NAME}).status_code == 201

    assert named(database) == []
    assert faults(database) == []
    # 2000 of orders 2 and 8, 505 of gifts, less what was spent before and now; order 1 was refunded.
    assert balance_of(ada, 2) == 2000 + 505 - 60 - 9 - 1
    tokens = {row["number"]: row["granted"] for row in rows(database, _GRANTED)}
    assert tokens[1] == 0
    assert tokens[2] == tokens[8] == 1000


_GRANTED = "select order_number as number, granted from order_lines"


def test_person_who_buys_again_is_a_customer_again(ada, database):
    erase(ada)
    deliver(ada, person_order(20, "pending", placed="2099-01-01T00:00:00"))
    assert ada.client.get("/v1/users/2", headers=ada.headers).get_json()["email"] is None
    put_user(ada, 2, email=EMAIL)
    assert ada.client.get("/v1/users/2", headers=ada.headers).get_json()["email"] is None
    deliver(ada, person_order(20, at=60, placed="2099-01-01T00:00:00"))
    put_user(ada, 2, email=EMAIL)

    assert ada.client.get("/v1/users/2", headers=ada.headers).get_json()["email"] == EMAIL
    # The orders from before stay without contacts, whatever the shop sends.
    deliver(ada, person_order(1, at=90))
    emails = {row["number"]: row["email"] for row in rows(database, "select number, email from orders")}
    assert (emails[1], emails[20]) == ("", EMAIL)
    assert erase(ada).get_json()["state"] == "erased"
    assert named(database) == []


def test_merged_users_are_erased_together(ada, database):
    put_user(ada, 5, email="second@example.test", name=NAME)
    merge(ada, 5, 2)

    assert erase(ada, 2).get_json()["state"] == "erased"

    assert named(database) == []
    assert rows(database, "select email from accounts where email like 'second%'") == []
    give(ada, 9, 1)
    assert merge(ada, 5, 9).get_json()["code"] == "user_erased"
    assert faults(database) == []


def test_interrupted_erasure_is_finished_by_the_job(app, ada, database):
    """The process ends after each step in turn; the job goes on where it stopped."""
    store = ada.connected.store
    with database.transaction() as connection:
        account_erasure._begin(connection, store, 2, actor="test", now=utcnow())
    assert "accounts" not in {table for table, _, _ in named(database)}

    steps = 0
    while named(database):
        account_erasure.work(database, clock=utcnow, may_go_on=iter([True, False]).__next__)
        steps += 1
        assert steps < 100
    assert steps > 3
    account_erasure.work(database, clock=utcnow)
    assert account_erasure.work(database, clock=utcnow) == 0
    [row] = rows(database, "select terms, position, finished_at from erasures")
    assert row["finished_at"] is not None
    assert (row["terms"], row["position"]) == (None, None)
    assert faults(database) == []


def test_stored_deliveries_keep_what_orders_are_computed_from(ada, database):
    """One that is processed again still grants."""
    deliver(ada, person_order(30, "on-hold", at=60))
    deliver(ada, person_order(30, at=90))
    erase(ada)

    balance = balance_of(ada, 2)
    stored = rows(database, "select id, body from deliveries where resource_id = 30 order by id")
    kept = json.loads(bytes(stored[-1]["body"]))
    assert "billing" not in kept
    assert (kept["status"], kept["line_items"][0]["product_id"]) == ("completed", 10)
    for one in stored:
        with database.transaction() as connection:
            inbox.replay(connection, one["id"], now=utcnow())
        assert processing.process_stored(database.transaction, one["id"], now=utcnow())
    assert balance_of(ada, 2) == balance
    assert named(database) == []
