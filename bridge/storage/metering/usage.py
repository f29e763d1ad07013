"""History: the daily roll-up of use, read by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, Connection, Subquery, func, select

from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.bulk import among
from bridge.storage.engine.ids import first_id_at
from bridge.storage.engine.sums import capped_sum
from bridge.storage.metering.tables import usage_days
from bridge.storage.sites.tables import sites


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The use of one account on one local day, of one operation, through one site and source; blank for none."""

    day: date
    module: str
    operation: str
    site: str
    source: str
    units: int
    tokens: int


@dataclass(frozen=True, slots=True)
class GroupedUse:
    """The use of a store in one group; properties that it is not grouped by are None.

    `operation` and `source` are blank for none, `site_id` is 0 for the store
    itself. `rows` is the number of rows of history in the group.
    """

    units: int
    tokens: int
    day: date | None = None
    module: str | None = None
    operation: str | None = None
    site_id: int | None = None
    site_name: str | None = None
    source: str | None = None
    rows: int = 0


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
    """Return the use of a store from day `first` to day `last`, grouped and sorted by these properties.

    Reads at most `most_rows` rows of history and returns at most `most_groups` groups.
    Rows are found by the store's accounts, so the use of other stores does not matter.
    """
    read = (
        select(usage_days)
        .join_from(accounts, usage_days, accounts.c.id == usage_days.c.account_id)
        .where(accounts.c.store_id == store_id, usage_days.c.day.between(first, last))
        .limit(most_rows)
        .subquery()
    )
    return grouped(connection, read, by, rows=func.count(), most_groups=most_groups)


def grouped(
    connection: Connection, read: Subquery, by: Sequence[str], *, rows: ColumnElement[int], most_groups: int
) -> list[GroupedUse]:
    """Return rows with the columns of `usage_days`, grouped and sorted; `rows` counts those of a group."""
    columns = [read.c["site_id" if name == "site" else name] for name in by]
    figures = (
        capped_sum(read.c.units).label("units"),
        capped_sum(read.c.tokens).label("tokens"),
        rows.label("rows"),
    )
    statement = select(*columns, *figures).group_by(*columns).order_by(*columns).limit(most_groups)
    found = connection.execute(statement).all()
    names = _site_names(connection, {row.site_id for row in found}) if "site" in by else {}
    keys = [column.name for column in columns]
    return [
        GroupedUse(
            units=int(row.units),
            tokens=int(row.tokens),
            rows=int(row.rows),
            site_name=names.get(row.site_id) if "site" in by else None,
            **{key: getattr(row, key) for key in keys},
        )
        for row in found
    ]


def _site_names(connection: Connection, site_ids: set[int]) -> dict[int, str]:
    rows = connection.execute(
        select(sites.c.id, sites.c.name).where(among(sites.c.id, "ids")), {"ids": sorted(site_ids - {0})}
    )
    return {row.id: row.name for row in rows}


def spend_spans(connection: Connection, account_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return spans of ids that hold all spends of accounts, by the days on which they have usage, in order.

    The key of a spend is its id alone, so an account's spends are found by time.
    """
    days = select(usage_days.c.day).where(usage_days.c.account_id.in_(account_ids)).distinct()
    spans: list[tuple[date, date]] = []
    for day in sorted(connection.execute(days).scalars()):
        # A local day begins and ends up to 14 hours from the same day in UTC.
        first, last = day - timedelta(days=1), day + timedelta(days=2)
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return [(_first_id(first), _first_id(last)) for first, last in spans]


def _first_id(day: date) -> int:
    return first_id_at(datetime.combine(day, time(), tzinfo=UTC))
