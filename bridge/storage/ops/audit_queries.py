"""The queries of the audit: each returns the faults it finds, and no rows if there are none.

Two sides that must agree are combined with `union all` and summed by their common
key, so that rows on only one side are found too. The database sorts; nothing is
held in memory.
"""

from __future__ import annotations

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.sql.expression import Executable

from bridge.domain.metering.limits import FOREVER
from bridge.storage.engine.types import Instant

BALANCES = text("""
select id as account, max(balance) as balance, max(debt) as debt, max(purchased) as purchased,
       sum(tokens) as tokens, sum(owed) as owed, sum(bought) as bought
from (
    select id, balance, debt, purchased, 0 as tokens, 0 as owed, 0 as bought
    from accounts where id > :low and id <= :high
    union all
    select account_id, 0, 0, 0, sum(tokens), sum(debt),
           sum(case when kind in ('grant', 'reversal') then tokens - debt - forgiven else 0 end)
    from entries where account_id > :low and account_id <= :high group by account_id
    union all
    select into_id, 0, 0, 0, 0, 0, purchased from merges where into_id > :low and into_id <= :high
    union all
    select account_id, 0, 0, 0, 0, 0, -purchased from merges where account_id > :low and account_id <= :high
) as sides
group by id
having max(balance) <> sum(tokens) or max(debt) <> sum(owed) or max(purchased) <> sum(bought)
order by id
""")

# The permitted effect of each kind of entry, and its references. No other check covers entries without references.
ENTRIES = text("""
select account_id as account, id as entry, kind, tokens, debt, forgiven
from entries
where account_id > :low and account_id <= :high and not case kind
    when 'grant' then tokens >= 0 and debt <= 0 and forgiven = 0 and tokens - debt > 0
        and order_number is not null and store_id is not null and line_id is not null and posting is not null
        and spend_id is null
    when 'reversal' then tokens <= 0 and debt >= 0 and forgiven >= 0 and tokens - debt - forgiven < 0
        and order_number is not null and store_id is not null and line_id is not null and posting is not null
        and spend_id is null
    when 'spend' then tokens < 0 and debt = 0 and forgiven = 0 and spend_id is not null and order_number is null
    when 'refund' then tokens >= 0 and debt <= 0 and forgiven = 0 and tokens - debt > 0
        and spend_id is not null and order_number is null
    else forgiven = 0 and spend_id is null and order_number is null end
order by account_id, id
""")

STEPS = text("""
select account_id as account, id as entry, tokens, debt, balance_after, debt_after, balance_before, debt_before
from (
    select account_id, id, tokens, debt, balance_after, debt_after,
           coalesce(lag(balance_after) over chain, 0) as balance_before,
           coalesce(lag(debt_after) over chain, 0) as debt_before
    from entries where account_id > :low and account_id <= :high
    window chain as (partition by account_id order by id)
) as steps
where balance_after <> balance_before + tokens or debt_after <> debt_before + debt
order by account_id, id
""")

# In any order of the entries: each balance except the first is the result of one entry, and each balance except the
# last is the start of one.
LOOSE_ENDS = text("""
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

SPEND_PARTS = text("""
select account_id as account, id as spend, tokens, from_plan + from_balance + from_allowance + uncovered as parts,
       from_plan + from_balance + from_allowance as paid, back_plan + back_balance + back_allowance + lapsed as back
from spends
where account_id > :low and account_id <= :high
  and (tokens <> from_plan + from_balance + from_allowance + uncovered
    or from_plan < 0 or from_balance < 0 or from_allowance < 0 or uncovered < 0
    or back_plan < 0 or back_balance < 0 or back_allowance < 0 or lapsed < 0
    or back_plan > from_plan or back_balance > from_balance or back_allowance > from_allowance
    or back_plan + back_allowance + lapsed > from_plan + from_allowance)
order by account_id, id
""")

SPEND_ENTRIES = text("""
select account_id as account, spend_id as spend, sum(spends) as spends, sum(paid) as paid, sum(back) as back,
       sum(payments) as payments, sum(moved) as moved, sum(returned) as returned
from (
    select account_id, id as spend_id, 1 as spends, from_balance as paid, back_balance as back,
           0 as payments, 0 as moved, 0 as returned
    from spends where account_id > :low and account_id <= :high
    union all
    select account_id, spend_id, 0, 0, 0,
           case when kind = 'spend' then 1 else 0 end,
           case when kind = 'spend' then -tokens else 0 end,
           case when kind = 'refund' then tokens - debt else 0 end
    from entries where kind in ('spend', 'refund') and account_id > :low and account_id <= :high
) as sides
group by account_id, spend_id
having sum(spends) <> 1 or sum(moved) <> sum(paid) or sum(returned) <> sum(back)
    or sum(payments) <> case when sum(paid) > 0 then 1 else 0 end
order by account_id, spend_id
""")

REFUNDS = text("""
select account_id as account, spend_id as spend, sum(spends) as spends, sum(stated) as stated, sum(given) as given
from (
    select account_id, id as spend_id, 1 as spends, back_plan as plan, back_balance as balance,
           back_allowance as allowance, lapsed,
           back_plan + back_balance + back_allowance + lapsed as stated, 0 as given
    from spends where account_id > :low and account_id <= :high
    union all
    select account_id, spend_id, 0, -to_plan, -to_balance, -to_allowance, -lapsed,
           0, to_plan + to_balance + to_allowance + lapsed
    from refunds where account_id > :low and account_id <= :high
) as sides
group by account_id, spend_id
having sum(spends) <> 1 or sum(plan) <> 0 or sum(balance) <> 0 or sum(allowance) <> 0 or sum(lapsed) <> 0
order by account_id, spend_id
""")

# A captured hold has exactly one spend, which refers to it; other holds have none. This finds a hold captured twice.
HOLDS = text("""
select account_id as account, hold_id as hold, sum(holds) as holds, sum(captured) as captured, sum(spends) as spends,
       max(named) as named, max(spend) as spend, sum(broken) as broken
from (
    select account_id, id as hold_id, 1 as holds, case when state = 'captured' then 1 else 0 end as captured,
           coalesce(spend_id, 0) as named, 0 as spends, 0 as spend,
           case when tokens = from_plan + from_balance + from_allowance and from_plan >= 0 and from_balance >= 0
                 and from_allowance >= 0 and (state = 'open') = (settled_at is null) then 0 else 1 end as broken
    from holds where account_id > :low and account_id <= :high
    union all
    select account_id, hold_id, 0, 0, 0, 1, id, 0
    from spends where hold_id is not null and account_id > :low and account_id <= :high
) as sides
group by account_id, hold_id
having sum(holds) <> 1 or sum(captured) <> sum(spends) or max(named) <> max(spend) or sum(broken) <> 0
order by account_id, hold_id
""")

# Rows of old windows are pruned, but their spends are kept.
WINDOWS = (
    text("""
select account_id as account, module, starts_at, counter, sum(used) as used, sum(taken) as taken
from (
    select account_id, module, starts_at, counter, used, 0 as taken
    from window_uses where account_id > :low and account_id <= :high
    union all
    select account_id, module, window_starts_at, 0, 0, from_allowance - back_allowance
    from spends where from_allowance > 0 and account_id > :low and account_id <= :high
      and (window_starts_at is not null or second_window_starts_at is null)
    union all
    select account_id, module, second_window_starts_at, 1, 0, from_allowance - back_allowance
    from spends where from_allowance > 0 and account_id > :low and account_id <= :high
      and second_window_starts_at is not null
    union all
    select account_id, module, starts_at, counter, 0, used
    from carried_uses where product_id = 0 and account_id > :low and account_id <= :high
) as sides
where starts_at is null or starts_at = :forever or starts_at >= :recent
group by account_id, module, starts_at, counter
having sum(used) <> sum(taken)
order by account_id, module, starts_at, counter
""")
    .bindparams(bindparam("forever", FOREVER, type_=Instant()), bindparam("recent", type_=Instant()))
    .columns(starts_at=Instant())
)

# All days are added up, because a store that changed its time zone has days of both calendars.
USAGE = text("""
select account_id as account, module, operation, sum(units) as units, sum(tokens) as tokens,
       sum(spent_units) as spent_units, sum(spent) as spent
from (
    select account_id, module, operation, site_id, source, units, tokens, 0 as spent_units, 0 as spent
    from usage_days where account_id > :low and account_id <= :high
    union all
    select account_id, module, coalesce(operation, ''), site_id, coalesce(source, ''), 0, 0,
           units, tokens - back_plan - back_balance - back_allowance
    from spends where account_id > :low and account_id <= :high
) as sides
group by account_id, module, operation, site_id, source
having sum(units) <> sum(spent_units) or sum(tokens) <> sum(spent)
order by account_id, module, operation
""")

# The recorded use of a site may exceed its spends minus refunds, because after a change of the store's time zone a
# refund may find no month to reduce. It never exceeds its spends, and is never less, or the site could exceed its cap.
SITE_USES = text("""
select site_id as site, sum(used) as used, sum(net) as net, sum(gross) as gross
from (
    select site_id, used, 0 as net, 0 as gross
    from site_uses join sites on sites.id = site_uses.site_id
    where sites.account_id > :low and sites.account_id <= :high
    union all
    select site_id, 0, from_plan + from_balance + from_allowance - back_plan - back_balance - back_allowance,
           from_plan + from_balance + from_allowance
    from spends join accounts on accounts.id = spends.account_id
    where site_id <> 0 and coalesce(accounts.merged_into, accounts.id) > :low
      and coalesce(accounts.merged_into, accounts.id) <= :high
) as sides
group by site_id
having sum(used) < sum(net) or sum(used) > sum(gross)
order by site_id
""")

# A spend has no foreign key to its account, and a linked site may use only its own account, or used one that was merged
# into it.
OWNERS = text("""
select rows.account_id as account, rows.kind as kind, rows.id as row, rows.store_id as store, rows.site_id as site
from (
    select account_id, 'spend' as kind, id, store_id, site_id from spends
    where account_id > :low and account_id <= :high
    union all
    select account_id, 'hold', id, store_id, site_id from holds
    where account_id > :low and account_id <= :high
    union all
    select account_id, 'entry', id, store_id, 0 from entries
    where store_id is not null and account_id > :low and account_id <= :high
) as rows
left join accounts on accounts.id = rows.account_id
left join sites on sites.id = rows.site_id
where accounts.id is null or accounts.store_id <> rows.store_id
   or (rows.site_id <> 0 and (sites.id is null
       or sites.account_id <> coalesce(accounts.merged_into, rows.account_id)))
order by rows.account_id, rows.id
""")

LINES = text("""
select store_id as store, order_number as number, line_id as line, sum(lines) as lines,
       sum(granted) as granted, sum(posted) as posted, sum(postings) as postings, sum(entries) as entries,
       max(posting) as last
from (
    select store_id, order_number, line_id, 1 as lines, granted, postings, 0 as posted, 0 as entries, 0 as posting
    from order_lines
    union all
    select store_id, order_number, line_id, 0, 0, 0, tokens - debt - forgiven, 1, posting
    from entries where order_number is not null
) as sides
group by store_id, order_number, line_id
having sum(lines) <> 1 or sum(granted) <> sum(posted) or sum(postings) <> sum(entries)
    or max(posting) <> sum(postings)
order by store_id, order_number, line_id
""")

POSTINGS = text("""
select store_id as store, order_number as number, line_id as line, posting, count(*) as entries
from entries where order_number is not null
group by store_id, order_number, line_id, posting having count(*) > 1
order by store_id, order_number, line_id, posting
""")

# Divided, because a product could exceed 64 bits.
WORTH = text("""
select store_id as store, order_number as number, line_id as line, granted, tokens, quantity
from order_lines
where granted < 0 or case when granted = 0 then 1 when tokens is null or tokens = 0 then 0
    when (granted - 1) / tokens < quantity then 1 else 0 end <> 1
order by store_id, order_number, line_id
""")

# What a merged account was granted counts as its person's.
HOLDERS = text("""
select store, number, account, holder, sum(granted) as granted
from (
    select e.store_id as store, e.order_number as number, coalesce(a.merged_into, e.account_id) as account,
           o.account_id as holder, e.tokens - e.debt - e.forgiven as granted
    from entries e
    left join accounts a on a.id = e.account_id
    left join orders o on o.store_id = e.store_id and o.number = e.order_number
    where e.order_number is not null
) as held
group by store, number, account, holder
having sum(granted) <> 0 and (holder is null or holder <> account)
order by store, number, account
""")

TERMS = text("""
select t.store_id as store, t.order_number as number, t.line_id as line, t.account_id as account,
       o.account_id as holder, l.line_id as sold
from plan_terms t
left join orders o on o.store_id = t.store_id and o.number = t.order_number
left join order_lines l on l.store_id = t.store_id and l.order_number = t.order_number and l.line_id = t.line_id
where t.months > 0 and (o.account_id is null or o.account_id <> t.account_id or l.line_id is null)
order by t.store_id, t.order_number, t.line_id
""")

PLAN_SPENDS = text("""
select account_id as account, id as spend, from_plan, back_plan, plan_parts
from spends
where account_id > :low and account_id <= :high and from_plan > 0
order by account_id, id
""").columns(plan_parts=JSON())

# A merge moves what it says, and an account that was merged keeps nothing that could still move.
MERGES = text("""
select account, fault, amount from (
    select a.id as account, 'left' as fault, a.balance + a.debt + abs(a.purchased) as amount from accounts a
    where a.merged_into is not null and (a.balance <> 0 or a.debt <> 0 or a.purchased <> 0)
    union all
    select a.id, 'chain', a.merged_into from accounts a left join accounts b on b.id = a.merged_into
    where a.merged_into is not null and (b.id is null or b.merged_into is not null or b.store_id <> a.store_id)
    union all
    select a.id, 'record', a.merged_into from accounts a left join merges m on m.account_id = a.id
    where a.merged_into is not null and m.id is null
    union all
    select m.account_id, 'record', m.into_id from merges m left join accounts a on a.id = m.account_id
    where a.merged_into is null
    union all
    select m.account_id, 'entries', m.id from merges m
    left join entries e on e.account_id = m.account_id and e.kind = 'adjustment' and e.reference = 'merge:' || m.id
         and e.tokens = -m.balance and e.debt = -m.debt
    where e.id is null
    union all
    select m.account_id, 'sum', sum(e.tokens - e.debt)
    from merges m join entries e on e.kind = 'adjustment' and e.reference = 'merge:' || m.id
    group by m.account_id having sum(e.tokens - e.debt) <> 0
    union all
    select h.account_id, 'hold', h.id from holds h join accounts a on a.id = h.account_id
    where a.merged_into is not null and h.state = 'open'
    union all
    select o.account_id, 'order', o.number from orders o join accounts a on a.id = o.account_id
    where a.merged_into is not null
    union all
    select o.claimed_by, 'order', o.number from orders o join accounts a on a.id = o.claimed_by
    where a.merged_into is not null
    union all
    select t.account_id, 'plan', t.order_number from plan_terms t join accounts a on a.id = t.account_id
    where a.merged_into is not null
    union all
    select s.account_id, 'site', s.id from sites s join accounts a on a.id = s.account_id
    where a.merged_into is not null
) as faults
order by account, fault, amount
""")

CARRIED_PLANS = text("""
select account_id as account, product_id as product, starts_at, used as carried
from carried_uses
where product_id <> 0 and account_id > :low and account_id <= :high
order by account_id, product_id, starts_at
""").columns(starts_at=Instant())

PLAN_USES = text("""
select account_id as account, product_id as product, starts_at, used
from plan_uses
where account_id > :low and account_id <= :high
order by account_id, product_id, starts_at
""").columns(starts_at=Instant())

ANSWERS = text("""
select store_id as store, site_id as site, key, answer
from idempotency_keys
where status < 300 and created_at > :since and created_at <= :until
order by created_at
""").bindparams(bindparam("since", type_=Instant()), bindparam("until", type_=Instant()))

OF_ACCOUNTS: dict[str, Executable] = {
    "balance": BALANCES,
    "entry": ENTRIES,
    "spend_parts": SPEND_PARTS,
    "spend_entry": SPEND_ENTRIES,
    "refunds": REFUNDS,
    "hold": HOLDS,
    "window": WINDOWS,
    "usage": USAGE,
    "site_use": SITE_USES,
    "owner": OWNERS,
}
"""The checks of accounts by name; each is run for a range of account ids."""

OF_ORDERS: dict[str, Executable] = {
    "order_line": LINES,
    "posting": POSTINGS,
    "worth": WORTH,
    "holder": HOLDERS,
    "plan_term": TERMS,
    "merge": MERGES,
}
"""The checks of orders, and of merged accounts, by name."""
