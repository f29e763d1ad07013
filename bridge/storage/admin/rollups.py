"""The use of whole stores by day and module, added up by a job for the console."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from bridge.storage.accounts.tables import accounts
from bridge.storage.admin.tables import rollups, store_days
from bridge.storage.engine.bulk import Writer
from bridge.storage.engine.ids import first_id_at
from bridge.storage.engine.sums import capped_sum
from bridge.storage.metering.tables import refunds, spends, usage_days

USAGE, GROUPS = "usage", "groups"
"""The names of the two roll-ups: by day and module, and by every property (`grouped_uses.py`)."""
_WRITE = Writer(
    store_days,
    ("store_id", "day", "module", "units", "tokens"),
    keys=("store_id", "day", "module"),
    replace=("units", "tokens"),
)

DayUse = tuple[int, str, int, int]
"""The units and tokens of one module that a store used on one day."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of the job: all days up to `day` are added up, from the history as it was at `as_of`."""

    day: date
    as_of: datetime


@dataclass(frozen=True, slots=True)
class RefundedSpend:
    """The store and the time of a spend that was refunded, so that its day must be added up again."""

    store_id: int
    created_at: datetime


def progress(connection: Connection, name: str = USAGE) -> Progress | None:
    """Return the progress of a roll-up; None before its first run."""
    row = connection.execute(select(rollups).where(rollups.c.name == name)).one_or_none()
    return None if row is None else Progress(row.day, row.as_of)


def set_progress(connection: Connection, found: Progress, name: str = USAGE) -> None:
    """Store the progress of a roll-up."""
    values = {"day": found.day, "as_of": found.as_of}
    changed = connection.execute(update(rollups).where(rollups.c.name == name).values(**values))
    if not changed.rowcount:
        connection.execute(insert(rollups).values(name=name, **values))


def first_day(connection: Connection) -> date | None:
    """Return the first day with any use; None if there is none."""
    found: date | None = connection.execute(select(func.min(usage_days.c.day))).scalar_one()
    return found


def refunded_since(connection: Connection, moment: datetime) -> list[RefundedSpend]:
    """Return the spends refunded since a moment; the history of their days has changed."""
    rows = connection.execute(
        select(spends.c.store_id, spends.c.created_at)
        .join_from(refunds, spends, spends.c.id == refunds.c.spend_id)
        .where(refunds.c.id >= first_id_at(moment))
        .distinct()
    )
    return [RefundedSpend(row.store_id, row.created_at) for row in rows]


def used_on(connection: Connection, day: date) -> list[DayUse]:
    """Return the use of each module by every store on a day of its own calendar."""
    rows = connection.execute(
        select(
            accounts.c.store_id,
            usage_days.c.module,
            capped_sum(usage_days.c.units).label("units"),
            capped_sum(usage_days.c.tokens).label("tokens"),
        )
        .join_from(usage_days, accounts, accounts.c.id == usage_days.c.account_id)
        .where(usage_days.c.day == day)
        .group_by(accounts.c.store_id, usage_days.c.module)
    )
    return [(row.store_id, row.module, int(row.units), int(row.tokens)) for row in rows]


def replace_day(connection: Connection, day: date, found: Iterable[DayUse]) -> int:
    """Write the use of a day; return how many rows changed."""
    known = {
        (row.store_id, row.module): (row.units, row.tokens)
        for row in connection.execute(select(store_days).where(store_days.c.day == day))
    }
    wanted = {(store, module): (units, tokens) for store, module, units, tokens in found}
    changed = [
        (store, day, module, *wanted[store, module])
        for store, module in sorted(wanted)
        if wanted[store, module] != known.get((store, module))
    ]
    gone = sorted(known.keys() - wanted.keys())
    _WRITE.write(connection, changed)
    for store, module in gone:
        connection.execute(
            delete(store_days).where(
                store_days.c.store_id == store, store_days.c.day == day, store_days.c.module == module
            )
        )
    return len(changed) + len(gone)


def days_of(connection: Connection, store_id: int, *, first: date, last: date) -> list[tuple[date, str, int, int]]:
    """Return day, module, units and tokens of a store from the first to the last day, in that order."""
    rows = connection.execute(
        select(store_days.c.day, store_days.c.module, store_days.c.units, store_days.c.tokens)
        .where(store_days.c.store_id == store_id, store_days.c.day.between(first, last))
        .order_by(store_days.c.day, store_days.c.module)
    )
    return [(row.day, row.module, row.units, row.tokens) for row in rows]


def days_of_now(connection: Connection, store_id: int, *, first: date, last: date) -> list[tuple[date, str, int, int]]:
    """Return the same from the history of the store's accounts, up to this moment.

    Reads a row for each user and day. Use it for stores with few users, and for
    days that the job has not added up.
    """
    rows = connection.execute(
        select(
            usage_days.c.day,
            usage_days.c.module,
            capped_sum(usage_days.c.units).label("units"),
            capped_sum(usage_days.c.tokens).label("tokens"),
        )
        .join_from(accounts, usage_days, accounts.c.id == usage_days.c.account_id)
        .where(accounts.c.store_id == store_id, usage_days.c.day.between(first, last))
        .group_by(usage_days.c.day, usage_days.c.module)
        .order_by(usage_days.c.day, usage_days.c.module)
    )
    return [(row.day, row.module, int(row.units), int(row.tokens)) for row in rows]
