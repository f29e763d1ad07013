"""Two accounts of one person become one; what arrives for the old one later counts for the person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.domain.accounts.opening_balances import Opening
from bridge.domain.admin.admins import Admin, Role
from bridge.domain.admin.bulk_changes import Source
from bridge.rendering.ids import encode_id
from bridge.services.accounts import opening_balances
from bridge.services.admin import bulk_changes
from bridge.services.ops import audit
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
from tests.support import ledger_sql
from tests.support.ledger_sql import rows
from tests.support.linked_sites import account, bearer, link, listed

OLD, NEW = 42, 43


@pytest.fixture
def person(shop):
    """Return a store with users 42 and 43, each with an order of 1000 tokens; the chat has 100 free a day."""
    day = {"period": "daily", "rules": {"user": 100}}
    assert shop.client.put("/v1/limits/chat", json=day, headers=shop.headers).status_code == 200
    allowance_first = {"spend_order": ["allowance", "plan", "balance"]}
    assert shop.client.put("/v1/store", json=allowance_first, headers=shop.headers).status_code == 200
    put_package(shop, 10, 1000)
    deliver(shop, order(1, customer=OLD, email="old@example.test"))
    deliver(shop, order(2, customer=NEW, email="new@example.test"))
    return shop


def check(database):
    """Assert that the audit, and the sums of plain SQL, find nothing."""
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow(), rows=2)) == []
    assert ledger_sql.faults(database) == []


def post(shop, path, key, **body):
    return shop.client.post(path, json=body, headers=shop.headers | {"Idempotency-Key": key})


def hold(shop, user, tokens, key, **more):
    return post(shop, "/v1/holds", key, user={"id": user}, module="ai_forms", tokens=tokens, **more).get_json()


def chat_use(shop, user):
    limits = shop.client.get(f"/v1/users/{user}", headers=shop.headers).get_json()["limits"]
    return next(limit["used"] for limit in limits if limit["module"] == "chat")


def entries(shop, user, **query):
    found = shop.client.get(f"/v1/users/{user}/entries", query_string=query, headers=shop.headers)
    return [(entry["kind"], entry["tokens"], entry["reason"]) for entry in found.get_json()["items"]]


def test_balance_moves_by_one_entry_in_each_ledger(person, database):
    assert spend(person, OLD, 160).status_code == 201
    assert spend(person, NEW, 30).status_code == 201

    merged = merge(person, NEW, OLD, key="m", reason="Second account")
    again = merge(person, NEW, OLD, key="m", reason="Second account")

    document = merged.get_json()
    assert merged.status_code == 201
    assert {name: document[name] for name in ("from", "into", "balance", "debt", "reason")} == {
        "from": OLD,
        "into": NEW,
        "balance": 940,
        "debt": 0,
        "reason": "Second account",
    }
    assert document["user"]["balance"]["balance"] == 1940
    assert (again.data, again.headers["Idempotent-Replayed"]) == (merged.data, "true")
    assert entries(person, NEW)[0] == ("adjustment", 940, "Merged from user 42: Second account")
    assert entries(person, NEW, merged=OLD)[:2] == [
        ("adjustment", -940, "Merged into user 43: Second account"),
        ("spend", -60, "chat"),
    ]
    # The old user is the person now, and used the free 100 of today already.
    found = person.client.get(f"/v1/users/{OLD}", headers=person.headers).get_json()
    assert (found["id"], found["balance"]["balance"]) == (NEW, 1940)
    assert chat_use(person, OLD) == 130
    refused = spend(person, OLD, 1941)
    assert refused.status_code == 402
    spent = spend(person, OLD, 10)
    assert spent.get_json()["paid_by"] == {"plan": 0, "balance": 10, "allowance": 0}
    assert balance_of(person, NEW) == 1930
    merges = person.client.get(f"/v1/users/{NEW}/merges", headers=person.headers).get_json()
    assert [(one["from"], one["into"], one["balance"]) for one in merges["items"]] == [(OLD, NEW, 940)]
    users = person.client.get("/v1/users", headers=person.headers).get_json()["items"]
    assert [(user["id"], user["purchased"]) for user in users] == [(NEW, 2000)]
    by_old_id = person.client.get("/v1/users?q=42", headers=person.headers).get_json()["items"]
    assert [user["id"] for user in by_old_id] == [NEW]
    check(database)


def test_orders_of_the_old_user_count_for_the_person(person, database):
    put_user(person, OLD, email="old@example.test")
    deliver(person, order(3, "on-hold", customer=OLD))
    assert spend(person, OLD, 1000).status_code == 201
    merge(person, NEW, OLD)

    # A refund of an order granted to the old account, an order that waited, a new one, and a guest's.
    deliver(person, order(1, "refunded", at=60, customer=OLD))
    assert state_of(person, NEW) == {"balance": 100, "held": 0, "available": 100, "debt": 0}
    deliver(person, order(3, at=60, customer=OLD))
    deliver(person, order(4, customer=OLD))
    deliver(person, order(5, customer=0, email="old@example.test"))
    assert balance_of(person, NEW) == 3100
    # The shop gives an order that the old account was granted to someone else.
    deliver(person, order(3, at=90, customer=7))
    assert (balance_of(person, NEW), balance_of(person, 7)) == (2100, 1000)
    bought = person.client.get(f"/v1/users/{OLD}/purchases", headers=person.headers).get_json()["items"]
    assert [(one["order"], one["tokens"], one["reversed"]) for one in bought] == [
        (5, 1000, 0),
        (4, 1000, 0),
        (2, 1000, 0),
        (1, 1000, 1000),
    ]
    # The shop keeps the profile of the old user up to date; it stays apart from the person's.
    deliver(person, customer(OLD, "older@example.test"), "customer.updated")
    assert person.client.get(f"/v1/users/{NEW}", headers=person.headers).get_json()["email"] is None
    check(database)


def test_holds_and_refunds_of_the_old_account_reach_the_person(person, database):
    plan = {"plan": "Plus", "tokens": 500, "months": 2}
    assert person.client.put("/v1/packages/70", json=plan, headers=person.headers).status_code == 200
    bought = order(6, customer=OLD, lines=[line(product=70)])
    deliver(person, bought | {"date_created_gmt": utcnow().replace(tzinfo=None, microsecond=0).isoformat()})
    free = spend(person, OLD, 60).get_json()
    from_plan = spend(person, OLD, 90).get_json()
    assert from_plan["paid_by"] == {"plan": 50, "balance": 0, "allowance": 40}
    paid = spend(person, OLD, 700).get_json()
    assert paid["paid_by"]["balance"] == 250
    kept = hold(person, OLD, 40, "h1")
    dropped = hold(person, OLD, 50, "h2")
    merge(person, NEW, OLD)
    assert state_of(person, NEW) == {"balance": 1750, "held": 90, "available": 1660, "debt": 0}
    plan = person.client.get(f"/v1/users/{NEW}", headers=person.headers).get_json()["plan"]
    assert (plan["tokens"], plan["used"]) == (500, 500)

    captured = post(person, f"/v1/holds/{kept['id']}/capture", "c", tokens=30)
    released = person.client.post(f"/v1/holds/{dropped['id']}/release", headers=person.headers)
    assert (captured.status_code, released.status_code) == (201, 200)
    assert state_of(person, NEW) == {"balance": 1720, "held": 0, "available": 1720, "debt": 0}
    refund = post(person, f"/v1/spends/{paid['id']}/refund", "r1", tokens=250, reason="failed").get_json()
    assert refund["balance"]["balance"] == 1970
    assert entries(person, NEW, merged=OLD)[:2] == [
        ("adjustment", -250, "Passed on: this user was merged"),
        ("refund", 250, "failed"),
    ]
    assert chat_use(person, NEW) == 100
    post(person, f"/v1/spends/{free['id']}/refund", "r2", reason="failed")
    assert chat_use(person, NEW) == 40
    post(person, f"/v1/spends/{from_plan['id']}/refund", "r3", reason="failed")
    assert chat_use(person, NEW) == 0
    plan = person.client.get(f"/v1/users/{NEW}", headers=person.headers).get_json()["plan"]
    assert plan["used"] == 450
    hold_before = person.client.get(f"/v1/holds/{kept['id']}", headers=person.headers).get_json()
    assert hold_before["balance"]["balance"] == 1970
    check(database)


def test_linked_sites_and_own_limits_go_with_the_person(person, database):
    site = link(person, OLD)
    key = bearer(site["access_key"])
    code = person.client.post(f"/v1/users/{OLD}/link-codes", headers=person.headers).get_json()["code"]
    for user, module, tokens in ((OLD, "alt_text", 5), (OLD, "chat", 7), (NEW, "chat", 9)):
        path = f"/v1/users/{user}/limits/{module}"
        assert person.client.put(path, json={"limit": tokens}, headers=person.headers).status_code == 200
    body = {"module": "ai_forms", "tokens": 20}
    first = person.client.post("/v1/spends", json=body, headers=key | {"Idempotency-Key": "s1"})
    assert first.status_code == 201

    merge(person, NEW, OLD)

    # The same key, replays and refunds of what it spent before, and its use of the month.
    again = person.client.post("/v1/spends", json=body, headers=key | {"Idempotency-Key": "s1"})
    assert again.data == first.data
    more = person.client.post("/v1/spends", json=body, headers=key | {"Idempotency-Key": "s2"})
    assert more.get_json()["balance"]["balance"] == 1960
    back = {"reason": "failed"}
    path = f"/v1/spends/{first.get_json()['id']}/refund"
    assert person.client.post(path, json=back, headers=key | {"Idempotency-Key": "r"}).status_code == 201
    assert account(person, site["access_key"]).get_json()["balance"]["balance"] == 1980
    quoted = person.client.post("/v1/quotes", json={"items": [{"module": "ai_forms", "tokens": 1980}]}, headers=key)
    assert quoted.get_json()["affordable"]
    [found] = listed(person, NEW)
    assert (found["id"], found["used_this_month"]) == (site["id"], 20)
    linked = {"code": code, "url": "https://two.example.com/", "name": "Two"}
    assert person.client.post("/v1/link", json=linked).status_code == 201
    assert len(listed(person, NEW)) == 2
    own = rows(database, "select a.user_id, o.* from limit_overrides o join accounts a on a.id = o.account_id")
    assert {(one["user_id"], one["module"]): one["tokens"] for one in own} == {(NEW, "alt_text"): 5, (NEW, "chat"): 9}
    check(database)


def test_debt_is_paid_as_if_it_had_been_one_account(person, database):
    assert spend(person, OLD, 1000).status_code == 201
    deliver(person, order(1, "refunded", at=60, customer=OLD))
    assert state_of(person, OLD)["debt"] == 900

    document = merge(person, NEW, OLD).get_json()

    assert (document["balance"], document["debt"]) == (0, 900)
    assert state_of(person, NEW) == {"balance": 100, "held": 0, "available": 100, "debt": 0}
    check(database)


def test_merges_in_a_chain_lead_to_the_last_account(person, database):
    free = spend(person, OLD, 50).get_json()
    give(person, 44, 5)
    merge(person, NEW, OLD)
    merge(person, 44, NEW)

    assert balance_of(person, OLD) == balance_of(person, NEW) == balance_of(person, 44) == 2005
    assert chat_use(person, 44) == 50
    post(person, f"/v1/spends/{free['id']}/refund", "r", reason="failed")
    assert chat_use(person, 44) == 0
    deliver(person, order(9, customer=OLD))
    assert balance_of(person, 44) == 3005
    check(database)
    give(person, 50, 5)
    for into, source, status, code in (
        (44, OLD, 409, "already_merged"),
        (44, NEW, 409, "already_merged"),
        (OLD, 44, 422, "invalid_request"),
        (44, 44, 422, "invalid_request"),
        (44, 999, 404, "unknown_user"),
    ):
        response = merge(person, into, source)
        assert (response.status_code, response.get_json()["code"]) == (status, code)
    # Into a user who was merged: into the person.
    assert merge(person, OLD, 50).get_json()["into"] == 44
    assert balance_of(person, 50) == 3010


def test_event_and_recorded_change_name_both(person, database):
    merge(person, NEW, OLD)

    events = person.client.get("/v1/events", headers=person.headers).get_json()["items"]
    assert events[0]["type"] == "user.merged"
    assert events[0]["data"] == {"store": "shop", "user": {"id": NEW}, "from": OLD, "balance": 1000, "debt": 0}
    [change] = rows(database, "select name, actor from changes where subject = 'user'")
    assert change["name"] == "user 42"
    assert change["actor"].startswith("key tb_")


def test_spends_on_their_way_are_charged_to_the_person(app, person, database):
    """Spends of both users and of a linked site, and orders, arrive during the merge; each counts once."""
    site = link(person, OLD)
    key = bearer(site["access_key"])
    body = {"module": "ai_forms", "tokens": 1}

    def act(number):
        client = app.test_client()
        if number == 20:
            return merge(person, NEW, OLD).status_code
        if number % 10 == 5:
            return deliver(person, order(100 + number, customer=OLD), client=client).status_code + 1
        if number % 3 == 0:
            headers = key | {"Idempotency-Key": f"site-{number}"}
            return client.post("/v1/spends", json=body, headers=headers).status_code
        user = OLD if number % 3 == 1 else NEW
        return spend(person, user, 1, module="ai_forms", key=f"n-{number}", client=client).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(act, range(60)))

    assert set(statuses) == {201}
    # 6 orders of 1000 tokens, 53 spends, and the merge.
    assert balance_of(person, NEW) == 8000 - 53
    # A refund by a process that knows nothing of the merge.
    [first] = rows(database, "select id from spends order by id limit 1")
    path = f"/v1/spends/{encode_id('sp', first['id'])}/refund"
    assert post(person, path, "back", reason="failed").status_code == 201
    assert balance_of(person, OLD) == 8000 - 52
    check(database)


def test_import_and_bulk_change_treat_merged_users_as_one(app, person, database):
    rows_of_file = [Opening(OLD, 50, "old@example.test", "Old", ("subscriber",), line=2)]
    rows_of_file.append(Opening(NEW, 70, "new@example.test", "New", None, line=3))
    parts = app.extensions["bridge"]
    with database.transaction() as connection:
        opening_balances.post(connection, person.connected.store, rows_of_file[:1], now=utcnow())
    merge(person, NEW, OLD)

    with database.transaction() as connection:
        imported = opening_balances.post(connection, person.connected.store, rows_of_file, now=utcnow())
        previewed = opening_balances.preview(connection, person.connected.store, rows_of_file)
    assert (imported.posted, imported.known, previewed.known) == (1, 1, 2)
    assert balance_of(person, NEW) == 2120
    found = person.client.get(f"/v1/users/{NEW}", headers=person.headers).get_json()
    assert (found["email"], found["name"]) == ("new@example.test", "New")

    admin = Admin(1, "admin@example.test", Role.OWNER)
    changes = bulk_changes.rows_for_users([OLD, NEW], tokens=5, reason="gift")
    with database.transaction() as connection:
        store = person.connected.store
        bulk = bulk_changes.prepare(
            connection, store, Source.SELECTION, changes, key="k", fingerprint="f", admin=admin, now=utcnow()
        )
        bulk_changes.confirm(connection, store, bulk, admin=admin, now=utcnow())
    while not bulk_changes.apply(parts.database.transaction, bulk, now=utcnow()):
        pass
    assert balance_of(person, NEW) == 2130
    check(database)
