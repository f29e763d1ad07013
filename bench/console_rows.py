"""The rows of a large store beside its users: those that filters find, long lists, and one user with many rows.

The rows that a rare filter finds are the oldest ones, where a list that is read
from the newest on meets them last.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, text

from bench import growth_data
from bridge.domain.metering.limits import Allows, Limit, Period, Rule, window_at
from bridge.services.metering import limits
from bridge.services.stores import settings
from bridge.storage.engine.database import Database
from bridge.storage.engine.types import Instant

RARE_ROLE = "editor"
BUSY_USER = 1
"""The user who has a tenth as many entries and orders as the store has users."""
_FREE = 5
_QUESTIONS_FROM = 5_000_000_000


def vary_users(database: Database, store_id: int, *, now: datetime) -> None:
    """Give some users no tokens, a debt or a rare role; the newer half was active today."""
    values = {"now": now, "store": store_id}
    with database.transaction() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("set local statement_timeout = 0")
        for statement in _VARIED:
            ours = text(statement).bindparams(*(bindparam("now", type_=Instant()) for _ in range(":now" in statement)))
            connection.execute(ours, {name: value for name, value in values.items() if f":{name}" in statement})


def add_lists(database: Database, store_id: int, count: int, *, now: datetime) -> None:
    """Add so many deliveries, recorded changes and orders with a question, and a tenth as many rows of one user."""
    values = {
        "now": now - timedelta(days=1),
        "store": store_id,
        "account": growth_data.account_id(BUSY_USER),
        "first": growth_data.account_id(20_000_000_000),
        "user": BUSY_USER,
    }
    for statement in _LISTS:
        growth_data.run(database, statement, values, low=1, high=count)
    for statement in _QUESTIONS:
        growth_data.run(database, statement, values, low=_QUESTIONS_FROM, high=_QUESTIONS_FROM + count - 1)
    few = max(count // 10, 1)
    growth_data.run(database, _ENTRIES, values, low=1, high=few)
    growth_data.add_orders(database, store_id, first=2_000_000_000, count=few, user=BUSY_USER, now=now)


def add_free_use(database: Database, store_id: int, count: int, *, now: datetime) -> None:
    """Limit a module, and let one user of a hundred have used that up; one of a hundred has a plan."""
    with database.transaction() as connection:
        limit = Limit("chat", Period.DAILY, {"user": Rule(Allows.AMOUNT, _FREE)})
        limits.put_limit(connection, store_id, limit, actor="bench", now=now)
        store = settings.get_by_id(connection, store_id)
    window = window_at(Period.DAILY, now, store.calendar)
    values = {"now": window.starts_at, "store": store_id, "first": growth_data.account_id(0), "tokens": _FREE}
    for statement in _FREE_USE:
        growth_data.run(database, statement, values, low=1, high=max(count // 100, 1))


_OF_USERS = "where store_id = :store and user_id is not null and"
_VARIED = (
    f"""update accounts set roles = '["customer"]', updated_at = :now {_OF_USERS}
       user_id > (select max(user_id) / 2 from accounts where store_id = :store)""",
    f'update accounts set roles = \'["customer", "{RARE_ROLE}"]\' {_OF_USERS} user_id % 10000 = 5',
    f"update accounts set balance = 0 {_OF_USERS} user_id % 1000 = 7",
    f"update accounts set debt = 5 {_OF_USERS} user_id % 5000 = 7",
)

_LISTS = (
    """insert into deliveries (id, store_id, received_at, topic, source, shop_delivery, webhook_id, resource_id, body,
       state, outcome, attempts, next_attempt_at, held_for) SERIES
       select i, :store, :now, 'order.updated', '', '', '2', i, cast('{}' as BYTES),
       case when i = 1 then 'rejected' when i in (2, 3) then 'received' when i % 10 = 0 then 'ignored'
       else 'processed' end, '', 1, case when i = 3 then :now end,
       case when i = 2 then 'https://other.example.com' end from n""",
    """insert into changes (id, store_id, actor, subject, name, created_at) SERIES
       select i, :store, 'bench', case when i = 1 then 'module' else 'limit' end, 'chat', :now from n""",
)

_QUESTIONS = (
    """insert into orders (store_id, number, status, customer_id, email, name, currency, effect, keeper_id, total,
       refunded, trash_key, restores_ahead, question, placed_at, created_at, updated_at) SERIES
       select :store, i, 'completed', 0, 'guest@example.com', 'A guest', 'USD', 'grants', 0, '10.00', '0', '', false,
       'no_buyer', :now, :now, :now from n""",
    """insert into order_lines (store_id, order_number, line_id, product_id, variation_id, quantity, total, name, sku,
       tokens, granted) SERIES
       select :store, i, 1, 10, 0, 1, '10.00', 'Tokens', '', 1000, 0 from n""",
)

_ENTRIES = """insert into entries (account_id, id, kind, tokens, balance_after, debt_after, actor, reason,
       created_at) SERIES
       select :account, :first + i, 'adjustment', 1, 1000000, 0, 'bench', 'tokens for the benchmark', :now from n"""

_FREE_USE = (
    """insert into window_uses (account_id, module, starts_at, ends_at, used) SERIES
       select :first + i * 10, 'chat', :now, null, :tokens from n""",
    """insert into plan_terms (account_id, store_id, order_number, line_id, product_id, name, tokens, months, bought_at)
       SERIES select :first + i * 10, :store, i * 10, 1, 20, 'Monthly', 100, 12, :now from n""",
)
