"""The use of whole stores by day and every property, added up by a job for `GET /v1/usage`.

Each day is kept twice: with the linked sites together, and by site. So a question
that is not about sites never reads a row for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, case, delete, func, select, tuple_

from bridge.storage.accounts.tables import accounts
from bridge.storage.admin.tables import store_uses
from bridge.storage.engine.bulk import Writer
from bridge.storage.engine.sums import capped_sum
from bridge.storage.metering.tables import usage_days
from bridge.storage.metering.usage import GroupedUse, grouped

MOST_GROUPS = 10_000
"""The most groups that are kept of one store and day."""
_MANY = ""
"""The key of no module: the row of a day that has more groups, and of which no others are kept."""
_KEYS = ("store_id", "is_by_site", "day", "site_id", "module", "operation", "source")
_WRITE = Writer(store_uses, (*_KEYS, "units", "tokens"), keys=_KEYS, replace=("units", "tokens"))
_MOST = 2**62
_FETCHED = 5_000
_DELETED = 500


class Group(NamedTuple):
    """A group of one store and day; `site_id` is 0 for the store itself, and where sites count together."""

    store_id: int
    is_by_site: bool
    site_id: int
    module: str
    operation: str
    source: str


Sums = dict[Group, tuple[int, int]]
"""The units and tokens of each group."""


def used_on(connection: Connection, day: date) -> Sums:
    """Return the use of every store on a day of its own calendar, by group and, apart from that, by site and group."""
    names = ("site_id", "module", "operation", "source")
    rows = connection.execute(
        select(
            accounts.c.store_id,
            *(usage_days.c[name] for name in names),
            capped_sum(usage_days.c.units).label("units"),
            capped_sum(usage_days.c.tokens).label("tokens"),
        )
        .join_from(usage_days, accounts, accounts.c.id == usage_days.c.account_id)
        .where(usage_days.c.day == day)
        .group_by(accounts.c.store_id, *(usage_days.c[name] for name in names))
        .order_by(accounts.c.store_id)
        .execution_options(yield_per=_FETCHED)
    )
    found: Sums = {}
    for store_id, of_store in groupby(rows, key=lambda row: int(row.store_id)):
        found |= _added_up(store_id, of_store)
    return found


def _added_up(store_id: int, rows: Iterable[Row[*tuple[Any, ...]]]) -> Sums:
    """Return the groups of one store in both ways; where there are too many, one that stands for them."""
    both: dict[bool, Sums] = {False: {}, True: {}}
    for row in rows:
        for is_by_site, sums in both.items():
            group = Group(store_id, is_by_site, row.site_id if is_by_site else 0, row.module, row.operation, row.source)
            if len(sums) <= MOST_GROUPS or group in sums:
                units, tokens = sums.get(group, (0, 0))
                sums[group] = (min(units + int(row.units), _MOST), min(tokens + int(row.tokens), _MOST))
    found: Sums = {}
    for is_by_site, sums in both.items():
        many = {Group(store_id, is_by_site, 0, _MANY, "", ""): (0, 0)}
        found |= many if len(sums) > MOST_GROUPS else sums
    return found


def changes_of(connection: Connection, day: date, wanted: Sums) -> tuple[list[tuple[Any, ...]], list[Group]]:
    """Return the rows of a day to write, and the groups to remove, so that these sums are kept."""
    known = {
        Group(row.store_id, row.is_by_site, row.site_id, row.module, row.operation, row.source): (row.units, row.tokens)
        for row in connection.execute(select(store_uses).where(store_uses.c.day == day))
    }
    rows = [
        (group.store_id, group.is_by_site, day, *group[2:], *wanted[group])
        for group in sorted(wanted)
        if wanted[group] != known.get(group)
    ]
    return rows, sorted(known.keys() - wanted.keys())


def write(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows that `changes_of` returned."""
    _WRITE.write(connection, rows)


def remove(connection: Connection, day: date, groups: Sequence[Group]) -> None:
    """Remove groups of a day."""
    key = tuple_(*(store_uses.c[name] for name in Group._fields))
    for first in range(0, len(groups), _DELETED):
        some = groups[first : first + _DELETED]
        connection.execute(delete(store_uses).where(store_uses.c.day == day, key.in_(some)))


def of_store(
    connection: Connection,
    store_id: int,
    by: Sequence[str],
    *,
    first: date,
    last: date,
    most_rows: int,
    most_groups: int,
) -> list[GroupedUse]:
    """Return the kept use of a store from day `first` to day `last`, grouped by these properties.

    Reads at most `most_rows` rows and returns at most `most_groups` groups. A day
    with more groups than are kept counts as `most_rows` rows.
    """
    read = (
        select(store_uses)
        .where(
            store_uses.c.store_id == store_id,
            store_uses.c.is_by_site.is_("site" in by),
            store_uses.c.day.between(first, last),
        )
        .limit(most_rows)
        .subquery()
    )
    rows = func.sum(case((read.c.module == _MANY, most_rows), else_=1))
    return grouped(connection, read, by, rows=rows, most_groups=most_groups)
