"""The questions an audit asks: each one set-based query whose rows are the faults, none when the books are sound.

Two sides that must agree are laid under each other with `union all` and summed
by their common key, so that what stands on one side only is found too. The
database sorts; nothing is held in memory here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, TextClause, bindparam, text

from bridge.domain.audit import Extent
from bridge.domain.limits import FOREVER
from bridge.storage import postgresql
from bridge.storage.types import Instant

_BALANCES = text("""
select id as account, max(balance) as balance, max(debt) as debt, max(purchased) as purchased,
       sum(tokens) as tokens, sum(owed) as owed, sum(bought) as bought
from (
    select id, balance, debt, purchased, 0 as tokens, 0 as owed, 0 as bought from accounts
    union all
    select account_id, 0, 0, 0, sum(tokens), sum(debt),
           sum(case when kind in ('grant', 'reversal') then tokens - debt - forgiven else 0 end)
    from entries group by account_id
) as sides
group by id
having max(balance) <> sum(tokens) or max(debt) <> sum(owed) or max(purchased) <> sum(bought)
order by id
""")

_STEPS = text("""
select account_id as account, id as entry, tokens, debt, balance_after, debt_after, balance_before, debt_before
from (
    select account_id, id, tokens, debt, balance_after, debt_after,
           coalesce(lag(balance_after) over chain, 0) as balance_before,
           coalesce(lag(debt_after) over chain, 0) as debt_before
    from entries window chain as (partition by account_id order by id)
) as steps
where balance_after <> balance_before + tokens or debt_after <> debt_before + debt
order by account_id, id
""")

# In whatever order they were written, every state but the first was left behind by one entry and every state but the
# last was found by one.
_LOOSE_ENDS = text("""
select count(*) from (
    select balance, debt from (
        select balance_after - tokens as balance, debt_after - debt as debt, 1 as found
        from entries where account_id = :account
        union all select balance_after, debt_after, -1 from entries where account_id = :account
        union all select balance, debt, 1 from accounts where id = :account
        union all select 0, 0, -1
    ) as states
    group by balance, debt having sum(found) <> 0
) as loose
""")

_SPEND_PARTS = text("""
select account_id as account, id as spend, tokens, from_plan + from_balance + from_allowance + uncovered as parts
from spends where tokens <> from_plan + from_balance + from_allowance + uncovered
order by account_id, id
""")

_SPEND_ENTRIES = text("""
select account_id as account, spend_id as spend, sum(spends) as spends, sum(paid) as paid, sum(back) as back,
       sum(payments) as payments, sum(moved) as moved, sum(returned) as returned
from (
    select account_id, id as spend_id, 1 as spends, from_balance as paid, back_balance as back,
           0 as payments, 0 as moved, 0 as returned
    from spends
    union all
    select account_id, spend_id, 0, 0, 0,
           case when kind = 'spend' then 1 else 0 end,
           case when kind = 'spend' then -tokens else 0 end,
           case when kind = 'refund' then tokens - debt else 0 end
    from entries where kind in ('spend', 'refund')
) as sides
group by account_id, spend_id
having sum(spends) <> 1 or sum(moved) <> sum(paid) or sum(returned) <> sum(back)
    or sum(payments) <> case when sum(paid) > 0 then 1 else 0 end
order by account_id, spend_id
""")

_REFUNDS = text("""
select account_id as account, spend_id as spend, sum(spends) as spends, sum(stated) as stated, sum(given) as given
from (
    select account_id, id as spend_id, 1 as spends, back_plan as plan, back_balance as balance,
           back_allowance as allowance, lapsed,
           back_plan + back_balance + back_allowance + lapsed as stated, 0 as given
    from spends
    union all
    select account_id, spend_id, 0, -to_plan, -to_balance, -to_allowance, -lapsed,
           0, to_plan + to_balance + to_allowance + lapsed
    from refunds
) as sides
group by account_id, spend_id
having sum(spends) <> 1 or sum(plan) <> 0 or sum(balance) <> 0 or sum(allowance) <> 0 or sum(lapsed) <> 0
order by account_id, spend_id
""")

# Windows long past are pruned, and their spends stay.
_WINDOWS = (
    text("""
select account_id as account, module, starts_at, sum(used) as used, sum(taken) as taken
from (
    select account_id, module, starts_at, used, 0 as taken from window_uses
    union all
    select account_id, module, window_starts_at, 0, from_allowance - back_allowance
    from spends where from_allowance > 0
) as sides
where starts_at is null or starts_at = :forever or starts_at >= :recent
group by account_id, module, starts_at
having sum(used) <> sum(taken)
order by account_id, module, starts_at
""")
    .bindparams(bindparam("forever", FOREVER, type_=Instant()), bindparam("recent", type_=Instant()))
    .columns(starts_at=Instant())
)

_PLANS = text("""
select account_id as account, sum(used) as used, sum(taken) as taken
from (
    select account_id, used, 0 as taken from plan_uses
    union all
    select account_id, 0, from_plan - back_plan from spends where from_plan > 0
) as sides
group by account_id having sum(used) <> sum(taken)
order by account_id
""")

# All days together: a store that changed its time zone has days on both calendars.
_USAGE = text("""
select account_id as account, module, operation, sum(units) as units, sum(tokens) as tokens,
       sum(spent_units) as spent_units, sum(spent) as spent
from (
    select account_id, module, operation, site_id, source, units, tokens, 0 as spent_units, 0 as spent from usage_days
    union all
    select account_id, module, coalesce(operation, ''), site_id, coalesce(source, ''), 0, 0,
           units, tokens - back_plan - back_balance - back_allowance
    from spends
) as sides
group by account_id, module, operation, site_id, source
having sum(units) <> sum(spent_units) or sum(tokens) <> sum(spent)
order by account_id, module, operation
""")

_LINES = text("""
select store_id as store, order_number as number, line_id as line, sum(lines) as lines,
       sum(granted) as granted, sum(posted) as posted, sum(postings) as postings, sum(entries) as entries
from (
    select store_id, order_number, line_id, 1 as lines, granted, postings, 0 as posted, 0 as entries from order_lines
    union all
    select store_id, order_number, line_id, 0, 0, 0, tokens - debt - forgiven, 1
    from entries where order_number is not null
) as sides
group by store_id, order_number, line_id
having sum(lines) <> 1 or sum(granted) <> sum(posted) or sum(postings) <> sum(entries)
order by store_id, order_number, line_id
""")

_HOLDERS = text("""
select e.store_id as store, e.order_number as number, e.account_id as account, o.account_id as holder,
       sum(e.tokens - e.debt - e.forgiven) as granted
from entries e left join orders o on o.store_id = e.store_id and o.number = e.order_number
where e.order_number is not null
group by e.store_id, e.order_number, e.account_id, o.account_id
having sum(e.tokens - e.debt - e.forgiven) <> 0 and (o.account_id is null or o.account_id <> e.account_id)
order by e.store_id, e.order_number, e.account_id
""")

# The answer holds the spend's id as letters, so each spend's letters are worked out beside it.
_LETTERS = " || ".join(f"substr(:letters, 1 + cast((id >> {shift}) & 31 as integer), 1)" for shift in range(60, -1, -5))
_ANSWERS = text(f"""
select max(store_id) as store, max(key) as key, letters as spend
from (
    select store_id, key, substr(answer, 12, 13) as letters, 1 as answers, 0 as spends
    from idempotency_keys where status = 201 and answer like '{{"id": "sp_%'
    union all
    select null, null, {_LETTERS}, 0, 1 from spends
) as sides
group by letters having sum(answers) > 0 and sum(spends) = 0
order by store, key
""").bindparams(bindparam("letters"))  # noqa: S608 -- made of numbers

QUERIES: Mapping[str, TextClause] = {
    "balance": _BALANCES,
    "spend_parts": _SPEND_PARTS,
    "spend_entry": _SPEND_ENTRIES,
    "refunds": _REFUNDS,
    "window": _WINDOWS,  # type: ignore[dict-item]
    "plan": _PLANS,
    "usage": _USAGE,
    "order_line": _LINES,
    "holder": _HOLDERS,
    "answer": _ANSWERS,
}
"""Every check but that of the entries' order, by name."""


def list_faults(connection: Connection, check: str, **values: Any) -> Iterator[Row[Any]]:
    """The rows that contradict the others, read as they come; `check` is one of `QUERIES`."""
    yield from _stream(connection, QUERIES[check], values)


def list_broken_steps(connection: Connection) -> Iterator[Row[Any]]:
    """The entries whose balance does not follow from the entry before.

    Ids order the entries, and those of two machines whose clocks differ can
    cross; an account whose entries form a whole chain in some order is sound.
    """
    rows = _stream(connection, _STEPS, {})
    for account, steps in groupby(rows, key=lambda row: row.account):
        loose_ends = connection.execute(_LOOSE_ENDS, {"account": account}).scalar_one()
        if loose_ends:
            yield from steps


def extent(connection: Connection) -> Extent:
    """How many rows the books have."""
    counts = [
        connection.execute(text(f"select count(*) from {table}")).scalar_one()  # noqa: S608 -- four known names
        for table in ("accounts", "entries", "spends", "orders")
    ]
    return Extent(*counts)


def take_time(connection: Connection) -> None:
    """Let this transaction's statements run for as long as large books need."""
    if connection.dialect.name == "postgresql":
        postgresql.take_time(connection)


def _stream(connection: Connection, query: TextClause, values: Mapping[str, Any]) -> Iterator[Row[Any]]:
    result = connection.execute(query.execution_options(stream_results=True, yield_per=200), dict(values))
    try:
        yield from result
    finally:
        result.close()
