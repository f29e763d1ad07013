"""A person is erased: no row and no byte names them, the books stay, and no sync brings anything back."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
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
FORMER_EMAIL, FORMER_NAME = "byron@example.test", "Élodie Ångström"
SECRETS = (EMAIL, NAME, "Lovelace", "Ada's", "blog.example.com", "ada-before.example.com", FORMER_EMAIL, "Ångström")


def person_order(number, status="completed", *, at=0, customer=2, placed=None, **more):
    document = order(number, status, at=at, customer=customer, email=EMAIL, **more)
    document["billing"] |= {"first_name": "Ada", "last_name": "Lovelace", "address_1": "1 Lovelace Road"}
    return document | ({"date_created_gmt": placed} if placed else {})


@pytest.fixture
def ada(shop):
    """Return a store in which the data of user 2 is in every place where it may be."""
    put_package(shop, 10, 1000)
    put_user(shop, 2, email=FORMER_EMAIL, name=FORMER_NAME)
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
    reasons = {
        2: f"Gift for {NAME}",
        3: f"See the order of {EMAIL.upper()}",
        4: f"Was\n{FORMER_NAME.upper()}, <{FORMER_EMAIL}>",
    }
    for user, reason in reasons.items():
        put_user(shop, user)
        body = {"tokens": 5, "reason": reason}
        headers = shop.headers | {"Idempotency-Key": f"gift for {EMAIL if user < 4 else FORMER_EMAIL} {user}"}
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


_CHANGED = "select reason from entries where kind = 'adjustment' and reason like '%erased%' order by id"
_UNESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def named(database):
    """Return each column in which a part of the person's data is left."""
    found = []
    for table in metadata.sorted_tables:
        for row in rows(database, f"select * from {table.name}"):
            for column, value in row.items():
                shown = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
                # JSON may be stored with letters escaped.
                shown = (shown + _UNESCAPED.sub(lambda part: chr(int(part[1], 16)), shown)).lower()
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
    changed = [row["reason"] for row in rows(database, _CHANGED)]
    assert changed == ["Gift for [erased]", "See the order of [erased]", "Was\n[erased], <[erased]>"]
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


def test_person_with_many_names_is_erased_in_bounded_statements(shop, database):
    """Each engine limits how many conditions one statement may have."""
    for number in range(40):
        put_user(shop, 2, email=f"ada{number}@example.test", name=f"Ada Lovelace the {number}th")
    for number in (0, 39):
        put_user(shop, 3)
        body = {"tokens": 1, "reason": f"of ada{number}@example.test"}
        headers = shop.headers | {"Idempotency-Key": f"{number}"}
        assert shop.client.post("/v1/users/3/adjustments", json=body, headers=headers).status_code == 201

    assert erase(shop).get_json()["state"] == "erased"

    assert {row["reason"] for row in rows(database, "select reason from entries")} == {"of [erased]"}
    assert rows(database, "select * from former_contacts") == []


def test_former_contacts_are_kept_once_and_change_nothing_for_others(shop, database):
    put_user(shop, 2, email="one@example.test", name="One")
    put_user(shop, 3, email="one@example.test")
    for _ in range(2):
        put_user(shop, 2, email="two@example.test", name="one")
        put_user(shop, 2, email="ONE@example.test")
    spend(shop, 2, 1, user={"id": 2, "email": "three@example.test", "roles": ["editor"]})

    kept = rows(database, "select kind, contact from former_contacts order by kind, contact")
    assert [(row["kind"], row["contact"]) for row in kept] == [
        ("email", "ONE@example.test"),
        ("email", "one@example.test"),
        ("email", "two@example.test"),
    ]
    # They find no order: only the email of now does.
    deliver(shop, order(7, customer=0, email="two@example.test"))
    assert rows(database, "select account_id from orders") == [{"account_id": None}]


_FIGURES = """insert into account_figures
    (account_id, store_id, balance, held, debt, used, active_at, name, email, roles, search_key)
    select id, store_id, 0, 0, 0, 0, updated_at, name, '', '', search_key from accounts"""


@pytest.mark.parametrize("engine", ["sqlite"])
def test_search_index_of_sqlite_has_no_part_of_the_name(shop, database):
    """The index writes a deletion beside the deleted words, until both are merged away."""
    parts = [part.encode() for part in ("ሀሁሂ", "ሂሃ", "ለሉሊ")]

    def bytes_of_file():
        database.checkpoint()
        path = database.url.database
        kept = b"".join(Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal"))
        return [part in kept for part in parts]

    put_user(shop, 2, name="ሀሁሂሃ ለሉሊ")
    for user in range(3, 30):
        put_user(shop, user, name=f"Grace Hopper {user}")
    with database.transaction() as connection:
        connection.exec_driver_sql(_FIGURES)
    put_user(shop, 2, name="Grace Hopper 2")
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "update account_figures set search_key = 'grace hopper 2' where search_key like 'ሀ%'"
        )
    assert bytes_of_file() == [True] * 3

    assert erase(shop).get_json()["state"] == "erased"

    assert bytes_of_file() == [False] * 3
    with database.reading() as connection:
        hoppers = connection.exec_driver_sql("select count(*) from account_search where account_search match '\"hop\"'")
        assert hoppers.scalar_one() == 27
        connection.exec_driver_sql("insert into account_search(account_search) values ('integrity-check')")


def test_deletion_ignores_a_small_body_and_refuses_a_large_one(shop):
    put_user(shop, 2, email=EMAIL)
    large = shop.client.delete("/v1/users/2", data=b"x" * 1024 * 1024, headers=shop.headers)
    assert (large.status_code, large.get_json()["code"]) == (413, "body_too_large")
    assert shop.client.get("/v1/users/2", headers=shop.headers).get_json()["email"] == EMAIL
    assert shop.client.delete("/v1/users/2", data=b'{"id": 3}', headers=shop.headers).status_code == 200
    assert shop.client.get("/v1/users/2", headers=shop.headers).get_json()["email"] is None
    for path in ("/v1/users", "/v1/users/"):
        assert shop.client.delete(path, headers=shop.headers).status_code in {404, 405}
    assert shop.client.delete("/v1/users/2").status_code == 401


def test_erasure_during_spends_and_webhooks_keeps_the_ledger_consistent(app, ada, database):
    key = site_key(ada)
    give(ada, 2, 10_000)

    def act(number):
        client = app.test_client()
        if number == 20:
            return client.delete("/v1/users/2", headers=ada.headers).status_code
        if number % 4 == 0:
            who = {"id": 2, "email": EMAIL, "name": NAME}
            return spend(ada, 2, 3, user=who, client=client, reference="run").status_code
        if number % 4 == 1:
            headers = ada.headers | {"Idempotency-Key": f"hold {number}"}
            body = {"user": {"id": 2}, "module": "chat", "tokens": 2}
            return client.post("/v1/holds", json=body, headers=headers).status_code
        if number % 4 == 2:
            headers = bearer(key) | {"Idempotency-Key": f"site {number}"}
            return client.post("/v1/spends", json={"module": "chat", "tokens": 1}, headers=headers).status_code
        return deliver(ada, person_order(50 + number, at=60), client=client).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(act, range(60)))

    assert set(statuses) <= {200, 201, 401}
    assert statuses[20] == 200
    # What came between the profile and the search of the texts is searched as well.
    account_erasure.work(database, clock=utcnow)
    assert erase(ada).get_json()["state"] == "erased"
    assert named(database) == []
    assert faults(database) == []
    assert account(ada, key).status_code == 401
