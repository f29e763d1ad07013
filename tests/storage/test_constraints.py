"""Constraints of the database, which hold whatever the code above it does."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, InternalError

from bridge.domain.errors import Unavailable
from bridge.storage.engine.database import TryAgain
from tests.factories import add_shop, deliver, give, line, order, put_package, spend
from tests.support import ledger_sql
from tests.support.replayed import replay


@pytest.fixture
def filled(shop, database):
    """Return user 2 with 5 pieces of a package of 1000, of which 30 tokens are spent."""
    replay(_fill, shop, database)
    return database


def _fill(shop):
    put_package(shop, 10, 1_000)
    deliver(shop, order(lines=[line(quantity=5)]))
    spend(shop, 2, 30, key="used")


def execute(database, sql, **values):
    with database.engine.execution_options(bridge_writes=True).begin() as connection:
        return connection.execute(text(sql), values).rowcount


@pytest.mark.parametrize(
    "sql",
    [
        "update accounts set balance = -1",
        "update accounts set balance = balance - 4971",
        "update accounts set balance = 9007199254740992",
        "update accounts set debt = -1",
        "update accounts set guest_hash = 'g'",
        "update accounts set user_id = null",
        "update accounts set user_id = null, guest_hash = 'g'",
        "update entries set balance_after = -1",
        "update entries set debt_after = -1",
        "update entries set kind = 'gift'",
        "update entries set account_id = 5",
        "update order_lines set granted = 5001",
        "update order_lines set granted = -1",
        "update order_lines set quantity = 4",
        "update order_lines set quantity = 0",
        "update order_lines set tokens = 999",
        "update order_lines set tokens = null",
        "update order_lines set tokens = -1",
        "update spends set tokens = 31",
        "update spends set from_balance = -30, tokens = -30",
        "update deliveries set state = 'lost'",
        "update packages set admin_tokens = -1",
        "update packages set shop_tokens = 9007199254740992",
        "update orders set account_id = 5",
        "delete from accounts",
        "delete from stores",
    ],
)
def test_rows_that_cannot_be_true(filled, sql):
    with pytest.raises(IntegrityError):
        execute(filled, sql)

    assert ledger_sql.faults(filled) == []


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        # The same difference of an order line posted a second time.
        ("entries", {"id": "id + 1"}),
        ("entries", {"id": "id + 1", "account_id": "account_id", "tokens": "1"}),
        # A row of the same key.
        ("idempotency_keys", {"fingerprint": "'other'"}),
        ("accounts", {"id": "id + 1"}),
        ("orders", {"status": "'completed'"}),
        ("order_lines", {"granted": "0"}),
        ("packages", {"name": "'other'"}),
        ("stores", {"id": "id + 1"}),
        ("access_keys", {"id": "id + 1"}),
        ("spends", {"tokens": "tokens"}),
        ("usage_days", {"tokens": "0"}),
    ],
)
def test_rows_that_are_there_already(filled, table, changes):
    columns = list(ledger_sql.rows(filled, f"select * from {table}")[0])
    values = ", ".join(changes.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    where = "where order_number is not null" if table == "entries" else ""

    with pytest.raises(IntegrityError):
        execute(filled, f"insert into {table} ({names}) select {values} from {table} {where}")

    assert ledger_sql.faults(filled) == []


def test_line_may_grant_exactly_what_it_is_worth(filled):
    """Also where the value is past 64 bits: the check divides."""
    worth = 2**53 - 1

    assert execute(filled, "update order_lines set granted = 5000") == 1
    assert execute(filled, f"update order_lines set tokens = {worth}, granted = {worth}, quantity = 2147483647") == 1
    assert execute(filled, "update order_lines set quantity = 1") == 1
    assert execute(filled, "update order_lines set tokens = 1000, granted = 5000, quantity = 5") == 1


def test_guest_never_has_a_balance(shop, database):
    shop.client.post(
        "/v1/spends",
        json={"guest": {"id": "g"}, "module": "chat", "tokens": 1},
        headers=shop.headers | {"Idempotency-Key": "k"},
    )

    with pytest.raises(IntegrityError):
        execute(database, "update accounts set balance = 1 where guest_hash is not null")


def test_a_row_that_exists_already_is_retried_and_nothing_is_stored(filled):
    """For a caller, a duplicate row means that two requests met."""

    def give_and_add_what_is_there():
        with filled.transaction() as connection:
            connection.execute(text("update accounts set balance = balance + 1"))
            connection.execute(text("insert into leases select * from leases"))

    with filled.transaction() as connection:
        connection.execute(text("insert into leases values ('test', 'holder', :at)"), {"at": _instant(filled)})
    with pytest.raises(TryAgain) as refused:
        give_and_add_what_is_there()

    assert isinstance(refused.value, Unavailable)
    assert ledger_sql.faults(filled) == []


def test_what_no_other_try_would_pass_is_not_tried_again(filled):
    """A balance below zero is a fault of the service: one item must not fail all others of its batch."""

    def give_and_take_too_much():
        with filled.transaction() as connection:
            connection.execute(text("update accounts set balance = balance + 1"))
            connection.execute(text("update accounts set balance = -1"))

    with pytest.raises(IntegrityError):
        give_and_take_too_much()

    assert ledger_sql.faults(filled) == []


def _instant(database):
    return 0 if database.is_sqlite else datetime(1970, 1, 1, tzinfo=UTC)


def test_writes_in_a_reading_transaction_are_not_stored(filled):
    """PostgreSQL refuses at once; SQLite accepts it and forgets it."""
    with contextlib.suppress(InternalError), filled.reading() as connection:
        connection.execute(text("update accounts set balance = 0"))

    assert ledger_sql.faults(filled) == []
    assert ledger_sql.balances(filled) == {2: 4_970}


def test_two_stores_keep_their_own_keys_orders_and_users(filled, shop, app):
    """Everything that must be unique is unique for each store."""
    other, _ = add_shop(app, "other")
    neighbour = type(shop)(other, app.test_client())
    put_package(neighbour, 10, 7)
    give(neighbour, 2, 30)

    assert deliver(neighbour, order(lines=[line(quantity=5)])).status_code == 200
    assert spend(neighbour, 2, 30, key="used").status_code == 201
    assert ledger_sql.balances(filled, store="other") == {2: 35}
    assert ledger_sql.balances(filled) == {2: 4_970}
