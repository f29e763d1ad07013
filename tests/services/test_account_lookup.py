"""Existing accounts are cached by their ids, and compared with what is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from bridge.domain.accounts.accounts import Profile
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.stores.principals import Caller
from bridge.services.metering import account_lookup
from bridge.services.metering.execute import spend_many
from bridge.storage.engine.database import TryAgain
from tests.factories import add_shop
from tests.support import ledger_sql
from tests.support.spend_replies import status_of
from tests.support.statements import counted

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)


def ask(store_id, user, *, key):
    caller = Caller(store_id, "key")
    return SpendRequest(caller=caller, key=key, fingerprint=key, who=Profile(user), module="chat", tokens=1)


def spend(database, *asks):
    with database.transaction() as connection:
        return [status_of(reply) for reply in spend_many(connection, asks, now=NOW)]


def test_user_met_before_is_not_looked_up_again(shop, database):
    for key in ("made", "met"):
        spend(database, ask(shop.id, 5, key=key))

    with counted(database) as seen:
        spend(database, ask(shop.id, 5, key="again"))

    assert not [statement for statement in seen if "accounts.user_id = wanted" in statement]


def test_same_user_id_of_two_stores_is_two_accounts(app, shop, database):
    other = add_shop(app, "other")[0].store.id
    for key in ("made", "met", "again"):
        spend(database, ask(shop.id, 5, key=key), ask(other, 5, key=key))

    found = ledger_sql.rows(database, "select distinct store_id, account_id from spends")
    placed = ledger_sql.rows(database, "select store_id, id as account_id from accounts where user_id = 5")
    assert {(row["store_id"], row["account_id"]) for row in found} <= {
        (row["store_id"], row["account_id"]) for row in placed
    }
    assert len(placed) == 2


def test_account_of_a_rolled_back_transaction_is_not_remembered(shop, database):
    def fail():
        with database.transaction() as connection:
            spend_many(connection, [ask(shop.id, 5, key="lost")], now=NOW)
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError, match="the power went"):
        fail()

    assert spend(database, ask(shop.id, 5, key="kept")) == [402]
    assert ledger_sql.faults(database) == []


def test_database_put_back_to_an_earlier_day_is_noticed(shop, database):
    """The user was recreated there, and has another id."""
    for key in ("made", "met"):
        spend(database, ask(shop.id, 5, key=key))
    with database.transaction() as connection:
        for table in ("idempotency_keys", "spends", "usage_days", "window_uses"):
            connection.execute(text(f"delete from {table}"))
        connection.execute(text("update accounts set id = id + 1 where user_id = 5"))

    with pytest.raises(TryAgain):
        spend(database, ask(shop.id, 5, key="first"))

    assert spend(database, ask(shop.id, 5, key="again")) == [402]


def test_memory_is_emptied_before_it_grows_too_large(shop, database, monkeypatch):
    monkeypatch.setattr(account_lookup._known, "most", 3)
    for key in ("made", "met"):
        spend(database, *(ask(shop.id, user, key=f"{key} {user}") for user in range(1, 3)))

    spend(database, *(ask(shop.id, user, key=f"more {user}") for user in range(3, 5)))
    spend(database, *(ask(shop.id, user, key=f"again {user}") for user in range(3, 5)))

    assert len(account_lookup._known.of(database)) <= 3
    assert spend(database, ask(shop.id, 1, key="late")) == [402]
