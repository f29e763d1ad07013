"""Cached keys are checked again in the transaction of a write: withdrawn elsewhere, they change nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from bridge.domain.errors import SiteUnlinked
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.stores.principals import Caller, UnverifiedCaller
from bridge.runtime import Runtime
from bridge.services.stores import access_keys
from bridge.web.api import auth
from tests.factories import give
from tests.support import ledger_sql
from tests.support.linked_sites import bearer, link, rotate
from tests.support.spend_replies import status_of
from tests.support.statements import counted

SPEND = {"module": "chat", "tokens": 10}


def post(shop, path, key, body, *, once):
    headers = bearer(key) | {"Idempotency-Key": once}
    return shop.client.post(f"/v1/{path}", json=body, headers=headers)


def spent(shop, key, *, once, body=SPEND):
    response = post(shop, "spends", key, body, once=once)
    return response.status_code, response.get_json().get("code")


@pytest.fixture
def site(shop):
    """Return a linked site of user 2, who has 1000 tokens; its key is cached."""
    linked = link(shop)
    give(shop, 2, 1_000)
    assert spent(shop, linked["access_key"], once="first") == (201, None)
    return linked


def elsewhere(database, sql):
    """Run statements as another process would."""
    with database.transaction() as connection:
        connection.execute(text(sql))


def test_cached_key_is_checked_only_in_the_transaction_of_the_write(app, shop, site):
    parts: Runtime = app.extensions["bridge"]

    with counted(parts.database) as seen:
        assert spent(shop, site["access_key"], once="second") == (201, None)

    assert len([statement for statement in seen if "FROM access_keys" in statement]) == 1


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("update sites set unlinked_at = created_at", "site_unlinked"),
        ("update access_keys set expires_at = created_at where site_id <> 0", "key_expired"),
        ("delete from access_keys where site_id <> 0", "unauthorized"),
    ],
)
def test_key_withdrawn_by_another_process_moves_nothing(shop, database, site, sql, code):
    held = post(shop, "holds", site["access_key"], SPEND, once="hold").get_json()
    paid = post(shop, "spends", site["access_key"], SPEND, once="spend").get_json()
    elsewhere(database, sql)
    before = ledger_sql.rows(database, "select balance from accounts")

    for number, (path, body) in enumerate(
        {
            "spends": SPEND,
            "holds": SPEND,
            f"holds/{held['id']}/capture": {"tokens": 5},
            f"holds/{held['id']}/release": {},
            f"spends/{paid['id']}/refund": {"reason": "no"},
        }.items()
    ):
        response = post(shop, path, site["access_key"], body, once=f"late {number}")
        assert (response.status_code, response.get_json()["code"]) == (401, code), path

    assert ledger_sql.rows(database, "select balance from accounts") == before
    assert not ledger_sql.rows(database, "select 1 from idempotency_keys where key like 'late%'")
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize(
    ("sql", "code", "who"),
    [
        ("update access_keys set expires_at = created_at", "key_expired", "user_id=2"),
        ("delete from access_keys", "unauthorized", "user_id=2&view=balance"),
        ("delete from access_keys", "unauthorized", "guest_id=visitor"),
        ("delete from access_keys", "unauthorized", "user_id=none"),
    ],
)
def test_widget_is_not_shown_to_a_key_withdrawn_by_another_process(shop, database, sql, code, who):
    give(shop, 2, 1_234)
    first = shop.client.get("/v1/widget?user_id=2", headers=shop.headers)
    assert (first.status_code, "1,234" in first.text) == (200, True)
    elsewhere(database, sql)

    answer = shop.client.get(f"/v1/widget?{who}", headers=shop.headers | {"If-None-Match": first.headers["ETag"]})

    assert (answer.status_code, answer.get_json()["code"]) == (401, code)


def test_widget_is_not_shown_to_the_key_of_a_linked_site(shop, site):
    answer = shop.client.get("/v1/widget?user_id=2", headers=bearer(site["access_key"]))

    assert (answer.status_code, answer.get_json()["code"]) == (403, "store_key_required")


def test_replay_under_a_withdrawn_key_reveals_nothing(shop, database, site):
    elsewhere(database, "update sites set unlinked_at = created_at")

    assert spent(shop, site["access_key"], once="first") == (401, "site_unlinked")


def test_withdrawn_store_key_makes_no_account(shop, database):
    key = shop.connected.access_key
    assert spent(shop, key, once="first", body=SPEND | {"user": {"id": 5}})[0] == 402
    elsewhere(database, "delete from access_keys")

    status, _ = spent(shop, key, once="late", body=SPEND | {"user": {"id": 6}})

    assert status == 401
    assert ledger_sql.rows(database, "select user_id from accounts") == [{"user_id": 5}]


def test_bad_request_under_a_withdrawn_key_is_refused_for_the_key(shop, database, site):
    elsewhere(database, "update sites set unlinked_at = created_at")

    assert spent(shop, site["access_key"], once="late", body={"module": "chat"}) == (401, "site_unlinked")


def test_rotated_key_ends_with_its_grace_while_it_is_remembered(shop, site, monkeypatch):
    fresh = rotate(shop, site, grace_seconds=60)
    assert spent(shop, site["access_key"], once="in time") == (201, None)
    clock = auth.utcnow

    later = clock().timestamp() + 61
    parts: Runtime = shop.client.application.extensions["bridge"]
    monkeypatch.setattr(parts.group_commit, "_clock", lambda: clock().fromtimestamp(later, clock().tzinfo))

    assert spent(shop, site["access_key"], once="too late") == (401, "key_expired")
    assert spent(shop, fresh["access_key"], once="fresh") == (201, None)


def test_one_withdrawn_key_of_a_batch_stops_no_other(app, shop, database, site):
    """The requests share a transaction; one of them has a key that was withdrawn."""
    parts: Runtime = app.extensions["bridge"]
    other = link(shop, 3)
    give(shop, 3, 1_000)
    assert spent(shop, other["access_key"], once="other") == (201, None)
    elsewhere(
        database,
        "update sites set unlinked_at = created_at where account_id in (select id from accounts where user_id = 3)",
    )
    asks = []
    with app.test_request_context():
        for name, linked in (("stays", site), ("gone", other), ("stays too", site)):
            caller = access_keys.remembered(parts.database, linked["access_key"], now=auth.utcnow())
            asks.append(SpendRequest(caller=caller, key=name, fingerprint=name, who=None, module="chat", tokens=1))

    replies = parts.group_commit.spend_all(asks)

    assert [status_of(reply) for reply in replies] == [201, 0, 201]
    assert isinstance(replies[1], SiteUnlinked)


def test_caller_from_the_cache_is_no_verified_caller(app, site):
    headers = {"Authorization": f"Bearer {site['access_key']}"}
    with app.test_request_context(headers=headers):
        assert isinstance(auth.deferred_auth(lambda: auth.principal())(), UnverifiedCaller)
        with pytest.raises(TypeError, match="does not verify"):
            auth.deferred_auth(lambda: auth.caller())()
        assert isinstance(auth.store_or_site_key(lambda: auth.caller())(), Caller)
