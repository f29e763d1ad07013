"""Spends and their refunds, and the daily roll-up of use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from bridge.domain.metering.funding import PlanPart
from bridge.domain.metering.spends import Refund, Spend
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.engine.json_times import pack_time, unpack_time
from bridge.storage.metering.tables import refunds, spends, usage_days

UsagePlace = tuple[int, date, str, str, int, str]
"""One row of history: account, local day, module, operation, linked site, source; blank for none."""

_BACK = ("back_plan", "back_balance", "back_allowance", "lapsed")
_GIVE_BACK = Writer(spends, ("id", *_BACK), keys=("id",), replace=_BACK, is_update=True)
_REFUND_COLUMNS = (
    "account_id",
    "id",
    "spend_id",
    "to_plan",
    "to_balance",
    "to_allowance",
    "lapsed",
    "reason",
    "created_at",
)
_INSERT_REFUNDS = Writer(refunds, _REFUND_COLUMNS)
_SPENDS = select(spends).where(among(spends.c.id, "ids"))
_OWNERS = select(spends.c.id, spends.c.store_id, spends.c.site_id, spends.c.account_id).where(among(spends.c.id, "ids"))
_USAGE = select(usage_days.c.account_id, usage_days.c.day, usage_days.c.units, usage_days.c.tokens).where(
    among(usage_days.c.account_id, "ids")
)
_ADD_USAGE = Writer(
    usage_days,
    ("account_id", "day", "module", "operation", "site_id", "source", "units", "tokens"),
    keys=("account_id", "day", "module", "operation", "site_id", "source"),
    add=("units", "tokens"),
)


class Owner(NamedTuple):
    """The owner of a spend or hold: store, linked site that made it (0 for the store itself), and account."""

    store_id: int
    site_id: int
    account_id: int


_INSERT_SPENDS = Writer(spends, Spend._fields)


def pack_parts(parts: Sequence[PlanPart]) -> list[list[Any]] | None:
    """Return the parts paid by plans as stored JSON; None without any, as in most spends."""
    if not parts:
        return None
    return [[part.product_id, pack_time(part.starts_at), pack_time(part.ends_at), part.tokens] for part in parts]


def unpack_parts(packed: Sequence[Any] | None) -> tuple[PlanPart, ...]:
    """Return the parts that `pack_parts` packed."""
    return tuple(
        PlanPart(product, unpack_time(starts), unpack_time(ends), tokens)
        for product, starts, ends, tokens in packed or ()
    )


def add(connection: Connection, added: Iterable[Spend]) -> None:
    """Write spends with one statement."""
    _INSERT_SPENDS.write(
        connection,
        [(*spend[:-1], pack_parts(spend.plan_parts)) for spend in added],
    )


def owners(connection: Connection, spend_ids: Iterable[int]) -> dict[int, Owner]:
    """Return the owner of each spend, which never changes; unknown ids are left out."""
    rows = connection.execute(_OWNERS, {"ids": sorted(spend_ids)})
    return {row.id: Owner(row.store_id, row.site_id, row.account_id) for row in rows}


def find_many(connection: Connection, spend_ids: Iterable[int]) -> dict[int, Spend]:
    """Return these spends; to change them, lock their accounts first."""
    found = {}
    for row in connection.execute(_SPENDS, {"ids": sorted(spend_ids)}):
        values = {name: getattr(row, name) for name in Spend._fields}
        found[row.id] = Spend(**{**values, "plan_parts": unpack_parts(row.plan_parts)})
    return found


def give_back(connection: Connection, changed: Iterable[Spend]) -> None:
    """Write the refunded tokens of spends; the caller has locked their accounts."""
    _GIVE_BACK.write(
        connection,
        [(spend.id, *(getattr(spend, name) for name in _BACK)) for spend in changed],
    )


def add_refunds(connection: Connection, added: Iterable[Refund]) -> None:
    """Write refunds with one statement."""
    _INSERT_REFUNDS.write(
        connection, [tuple(getattr(refund, column) for column in _REFUND_COLUMNS) for refund in added]
    )


def usage_totals(
    connection: Connection, account_ids: Iterable[int], days: Iterable[date]
) -> dict[tuple[int, date], tuple[int, int]]:
    """Return the units and tokens that these accounts used on each of these days, with all operations added up."""
    totals: dict[tuple[int, date], tuple[int, int]] = {}
    for row in connection.execute(_USAGE.where(usage_days.c.day.in_(sorted(days))), {"ids": sorted(account_ids)}):
        # Added up here: SQLite's `sum` fails above 2^63, and earlier versions had no limit.
        units, tokens = totals.get((row.account_id, row.day), (0, 0))
        totals[row.account_id, row.day] = (units + row.units, tokens + row.tokens)
    return totals


def add_usage(connection: Connection, usage: Mapping[UsagePlace, tuple[int, int]]) -> None:
    """Add units and tokens to their days of history."""
    _ADD_USAGE.write(connection, [(*place, *amounts) for place, amounts in sorted(usage.items())])
