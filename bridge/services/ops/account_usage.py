"""The use of one account for a page: sums by day, what can be chosen, and the first rows of the days that are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from bridge.storage.engine.database import Connection
from bridge.storage.metering.usage import UsageRow as UsageRow
from bridge.storage.ops import account_usage as stored
from bridge.storage.ops.account_usage import ModuleDay as ModuleDay
from bridge.storage.ops.account_usage import Name as Name
from bridge.storage.ops.account_usage import WantedUse as WantedUse

MOST_NAMES = 500
"""How many different modules with their sites and sources can be chosen."""


@dataclass(frozen=True, slots=True)
class ShownDay:
    """A day with its first rows; `more` rows are left out."""

    day: date
    units: int
    tokens: int
    rows: tuple[UsageRow, ...]
    more: int


def list_module_days(connection: Connection, wanted: WantedUse) -> list[ModuleDay]:
    """Return the use of each module on each day, the newest day first."""
    return stored.list_module_days(connection, wanted)


def list_names(connection: Connection, wanted: WantedUse) -> list[Name]:
    """Return the modules, sites and sources that can be chosen; not all of them if there are more than can be shown."""
    return stored.list_names(connection, wanted, limit=MOST_NAMES)


def list_days(
    connection: Connection, wanted: WantedUse, found: Sequence[ModuleDay], *, before: date | None, days: int, each: int
) -> tuple[list[ShownDay], bool]:
    """Return the newest `days` days before a day, each with its first rows, and whether there are earlier ones.

    `found` is the use of all days that are wanted.
    """
    earlier = [use for use in found if before is None or use.day < before]
    by_day = [(day, list(uses)) for day, uses in groupby(earlier, key=lambda use: use.day)]
    shown = by_day[:days]
    rows = stored.list_rows(connection, wanted, [day for day, _ in shown], each=each)
    of_day = {day: tuple(group) for day, group in groupby(rows, key=lambda row: row.day)}
    return [
        ShownDay(
            day=day,
            units=sum(use.units for use in uses),
            tokens=sum(use.tokens for use in uses),
            rows=of_day.get(day, ()),
            more=sum(use.rows for use in uses) - len(of_day.get(day, ())),
        )
        for day, uses in shown
    ], len(by_day) > len(shown)


def iterate_rows(connection: Connection, wanted: WantedUse) -> Iterator[UsageRow]:
    """Yield the rows of all days, the newest day first, without loading them all."""
    return stored.iterate_rows(connection, wanted)


def list_totals(connection: Connection, wanted: WantedUse, *, limit: int) -> tuple[list[UsageRow], int]:
    """Return the use by operation, site and source in all days, the largest first, and the number of those."""
    return stored.list_totals(connection, wanted, limit=limit)
