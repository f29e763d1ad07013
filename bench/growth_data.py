"""Bulk creation of a large, consistent database: one statement for each kind of row.

Account `i` belongs to user `i`. Order `i` granted its tokens, and it spends one
token in each round. The rounds follow each other in time, so that an account's
rows lie as far apart as those of a shop that runs for years.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import bindparam, text

from bridge.domain.metering.idempotency import Answer, Outcome
from bridge.rendering.ids import encode_id
from bridge.storage.engine.database import Connection, Database
from bridge.storage.engine.types import Instant
from bridge.storage.metering import idempotency

GRANTED = 1_000_000
"""The tokens each account is granted by its order."""

_FIRST = 1_000_000_000_000_000_000
"""Above the ids that the service itself creates before the year 2035."""

_SERIES = "with recursive n(i) as (select {low} union all select i + 1 from n where i < {high})"


def account_id(user: int) -> int:
    """Return the id of a user's account."""
    return _FIRST + user


def add_accounts(database: Database, store_id: int, count: int, *, now: datetime) -> None:
    """Add `count` users, each with an order that granted them `GRANTED` tokens."""
    with database.reading() as connection:
        last = connection.execute(text("select max(id) from accounts where id > :first"), {"first": _FIRST}).scalar()
    first = (last or _FIRST) - _FIRST + 1
    then = {"now": now - timedelta(days=30), "store": store_id, "first": _FIRST, "tokens": GRANTED}
    for statement in _ACCOUNTS:
        run(database, statement, then, low=first, high=first + count - 1)


def add_spends(database: Database, store_id: int, *, users: int, rounds: int, now: datetime) -> None:
    """Add one spend of one token for each user in each of the rounds, on one day."""
    moment = now - timedelta(days=1)
    for turn in range(rounds):
        values = {
            "now": moment,
            "store": store_id,
            "first": _FIRST,
            "spent": _FIRST + 10_000_000_000 + turn * users * 2,
            "after": GRANTED - turn - 1,
        }
        for statement in _SPENDS:
            run(database, statement, values, low=1, high=users)
    day = {"first": _FIRST, "day": moment.date().isoformat(), "tokens": rounds}
    with database.transaction() as connection:
        as_day = ":day" if database.is_sqlite else "cast(:day as date)"
        connection.execute(text(_series(_USAGE.replace(":day", as_day), low=1, high=users)), day)
        connection.execute(
            text("update accounts set balance = balance - :spent where id > :first and id <= :first + :users"),
            {"spent": rounds, "first": _FIRST, "users": users},
        )


def add_usage(database: Database, *, users: int, days: int, apart: int, now: datetime) -> None:
    """Add the use of each user on so many days, that many days apart; nothing else that a spend writes.

    There are four operations, five sources, and 200 linked sites, through which one user in fifty has their use.
    """
    as_day = ":day" if database.is_sqlite else "cast(:day as date)"
    for turn in range(days):
        day = (now - timedelta(days=1 + turn * apart)).date().isoformat()
        values = {"first": _FIRST, "day": day, "tokens": turn + 1}
        run(database, _VARIED_USAGE.replace(":day", as_day), values, low=1, high=users)


def add_answers(database: Database, store_id: int, *, users: int, now: datetime) -> None:
    """Store the answer of each user's first spend under a key."""
    spent = _FIRST + 10_000_000_000
    for first in range(1, users + 1, 10_000):
        answered = {
            (store_id, 0, f"first-{user}"): Answer(
                "f",
                Outcome.CREATED,
                json.dumps({"id": encode_id("sp", spent + 2 * user), "tokens": 1, "note": "x" * 560}),
            )
            for user in range(first, min(users, first + 9_999) + 1)
        }
        with database.transaction() as connection:
            idempotency.add_answers(connection, answered, now=now)


def add_orders(database: Database, store_id: int, *, first: int, count: int, user: int, now: datetime) -> None:
    """Add orders numbered from `first` that granted nothing, of a product that is no package."""
    values = {"now": now, "store": store_id, "account": account_id(user), "user": user}
    for statement in _PLAIN_ORDERS:
        run(database, statement, values, low=first, high=first + count - 1)


def add_keys(database: Database, store_id: int, *, first: int, count: int, at: datetime) -> None:
    """Add idempotency keys of that moment, numbered from `first`, with answers as long as those of spends."""
    values = {"now": at, "store": store_id, "filler": "x" * 560}
    run(database, _KEYS, values, low=first, high=first + count - 1)


def add_holds(database: Database, store_id: int, *, first: int, count: int, users: int, expired_at: datetime) -> None:
    """Add open, expired holds of one token, numbered from `first`, for the users in turn."""
    values = {"now": expired_at, "store": store_id, "first": _FIRST, "users": users}
    run(database, _HOLDS, values, low=first, high=first + count - 1)


def add_packages(database: Database, store_id: int, count: int, *, now: datetime) -> None:
    """Add packages of 1,000 tokens that appear in no order, where they do not exist yet."""
    run(database, _PACKAGES, {"now": now, "store": store_id}, low=100_001, high=100_000 + count)


def add_exceptions(database: Database, store_id: int, *, first: int, count: int, now: datetime) -> None:
    """Add a rule and a manual reset for each of the users counted from `first`."""
    values = {"now": now, "store": store_id, "first": _FIRST}
    for statement in _EXCEPTIONS:
        run(database, statement, values, low=first, high=first + count - 1)


def add_deliveries(database: Database, store_id: int, *, first: int, count: int, at: datetime) -> None:
    """Add processed deliveries of an old date, with ids counted from `first`."""
    run(database, _DELIVERIES, {"now": at, "store": store_id}, low=first, high=first + count - 1)


def add_events(database: Database, store_id: int, *, first: int, count: int, at: datetime) -> None:
    """Add dispatched events of an old date, with ids counted from `first`."""
    run(database, _EVENTS, {"now": at, "store": store_id}, low=first, high=first + count - 1)


def add_uses(database: Database, *, first: int, count: int, at: datetime) -> None:
    """Add the use of windows that began and ended at that moment, one for each user counted from `first`."""
    run(database, _USES, {"now": at, "first": _FIRST}, low=first, high=first + count - 1)


def settle_statistics(database: Database) -> None:
    """Update PostgreSQL's statistics, as it does by itself a minute later; SQLite has none."""
    if not database.is_sqlite:
        with server(database) as connection:
            connection.execute("VACUUM ANALYZE")


def server(database: Database) -> psycopg.Connection[Any]:
    """Return a connection to the PostgreSQL server for statements that need autocommit."""
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=True)


def _series(statement: str, *, low: int, high: int) -> str:
    return statement.replace("SERIES", _SERIES.format(low=low, high=high))


def run(database: Database, statement: str, values: Mapping[str, Any], *, low: int, high: int) -> None:
    """Run a statement for each number `i` from `low` to `high`; `SERIES` in its text stands for them."""
    if high < low:
        return
    statement = statement.replace("BYTES", "blob" if database.is_sqlite else "bytea")
    ours = text(_series(statement, low=low, high=high))
    ours = ours.bindparams(*(bindparam("now", type_=Instant()) for _ in range(":now" in statement)))
    with database.transaction() as connection:
        _spread_over_time(connection)
        connection.execute(ours, {name: value for name, value in values.items() if f":{name}" in statement})


def _spread_over_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("set local statement_timeout = 0")


def long_ago() -> datetime:
    """Return a moment before everything that pruning keeps."""
    return datetime.now(UTC) - timedelta(days=500)


_ACCOUNTS = (
    """insert into accounts (id, store_id, user_id, email, email_key, name, name_key, roles, balance, purchased,
       created_at, updated_at) SERIES
       select :first + i, :store, i, 'user' || i || '@example.com', 'user' || i || '@example.com', 'User ' || i,
       'user ' || i, '[]', :tokens, :tokens, :now, :now from n""",
    """insert into orders (store_id, number, status, customer_id, email, name, currency, effect, keeper_id, total,
       refunded, account_id, trash_key, restores_ahead, placed_at, created_at, updated_at) SERIES
       select :store, i, 'completed', i, '', '', 'USD', 'grants', 0, '10.00', '0', :first + i, '', false,
       :now, :now, :now from n""",
    """insert into order_lines (store_id, order_number, line_id, product_id, variation_id, quantity, total, name, sku,
       tokens, granted, postings) SERIES
       select :store, i, 1, 10, 0, 1, '10.00', 'Tokens', '', :tokens, :tokens, 1 from n""",
    """insert into entries (account_id, id, kind, tokens, balance_after, debt_after, actor, reason, store_id,
       order_number, line_id, posting, created_at) SERIES
       select :first + i, :first + i, 'grant', :tokens, :tokens, 0, 'shop', 'an order', :store, i, 1, 1, :now from n""",
)

_SPENDS = (
    """insert into spends (account_id, id, store_id, module, units, tokens, from_plan, from_balance, from_allowance,
       created_at) SERIES
       select :first + i, :spent + 2 * i, :store, 'chat', 1, 1, 0, 1, 0, :now from n""",
    """insert into entries (account_id, id, kind, tokens, balance_after, debt_after, actor, reason, spend_id,
       created_at) SERIES
       select :first + i, :spent + 2 * i + 1, 'spend', -1, :after, 0, 'key tb_bench', 'chat', :spent + 2 * i, :now
       from n""",
)

_USAGE = """insert into usage_days (account_id, day, module, operation, site_id, source, units, tokens) SERIES
       select :first + i, :day, 'chat', '', 0, '', :tokens, :tokens from n"""

_VARIED_USAGE = _USAGE.replace(
    "'chat', '', 0, ''",
    "'chat', 'op ' || (i % 4), case when i % 50 = 0 then 1 + i / 50 % 200 else 0 end, 'source ' || (i % 5)",
)

_PLAIN_ORDERS = (
    """insert into orders (store_id, number, status, customer_id, email, name, currency, effect, keeper_id, total,
       refunded, account_id, trash_key, restores_ahead, placed_at, created_at, updated_at) SERIES
       select :store, i, 'completed', :user, '', '', 'USD', 'grants', 0, '10.00', '0', :account, '', false,
       :now, :now, :now from n""",
    """insert into order_lines (store_id, order_number, line_id, product_id, variation_id, quantity, total, name, sku,
       tokens, granted) SERIES
       select :store, i, 1, 77, 0, 1, '10.00', 'A book', '', 0, 0 from n""",
)

_KEYS = """insert into idempotency_keys (store_id, site_id, key, fingerprint, status, answer, created_at) SERIES
       select :store, 0, 'old-' || (i * 7919 % 1000003) || '-' || i, 'f', 402,
       '{"status": 402, "detail": "' || :filler || '"}', :now from n"""

_HOLDS = """insert into holds (account_id, id, store_id, site_id, module, units, tokens, from_plan, from_balance,
       from_allowance, state, created_at, expires_at) SERIES
       select :first + 1 + i % :users, :first + i, :store, 0, 'chat', 1, 1, 0, 1, 0, 'open', :now, :now from n"""

_DELIVERIES = """insert into deliveries (id, store_id, received_at, topic, source, shop_delivery, webhook_id, body,
       state) SERIES
       select i, :store, :now, 'order.updated', '', '', '2', cast('{}' as BYTES), 'processed' from n"""

_EVENTS = """insert into outbox (id, store_id, type, payload, created_at, fanned_out_at) SERIES
       select i, :store, 'grant.created', '{}', :now, :now from n"""

_USES = """insert into window_uses (account_id, module, starts_at, ends_at, used) SERIES
       select :first + i, 'chat', :now, :now, 1 from n"""

_PACKAGES = """insert into packages (store_id, product_id, variation_id, admin_tokens, updated_at) SERIES
       select :store, i, 0, 1000, :now from n where true on conflict do nothing"""

_EXCEPTIONS = (
    """insert into limit_overrides (account_id, module, allows, tokens, actor, created_at) SERIES
       select :first + i, 'chat', 'amount', 5, 'bench', :now from n""",
    """insert into limit_resets (id, store_id, account_id, reset_at, actor) SERIES
       select i, :store, :first + i, :now, 'bench' from n""",
)
