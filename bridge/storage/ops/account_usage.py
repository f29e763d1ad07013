"""The use of one account by day, added up in the database: what is read does not grow with the number of spends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, func, select, true

from bridge.storage.engine.sums import capped_sum
from bridge.storage.metering.tables import usage_days
from bridge.storage.metering.usage import UsageRow
from bridge.storage.sites.tables import sites

_SITE = func.coalesce(sites.c.name, "")
_ORDER = (usage_days.c.module, usage_days.c.operation, usage_days.c.site_id, usage_days.c.source)


@dataclass(frozen=True, slots=True)
class WantedUse:
    """The use of an account from day `first` on, of one module, site or source; None for all.

    A site is named, or given by its `site_id`; an empty name is the store itself, and
    an empty source none.
    """

    account_id: int
    first: date
    module: str | None = None
    site: str | None = None
    source: str | None = None
    site_id: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleDay:
    """The use of a module on one day, and the number of rows of history that it was added up from."""

    day: date
    module: str
    units: int
    tokens: int
    rows: int


class Name(NamedTuple):
    """A module in use, with its site and source; blank for the store itself and for no source."""

    module: str
    site: str
    source: str


def list_module_days(connection: Connection, wanted: WantedUse) -> list[ModuleDay]:
    """Return the use of each module on each day, the newest day first."""
    figures = (
        capped_sum(usage_days.c.units).label("units"),
        capped_sum(usage_days.c.tokens).label("tokens"),
        func.count().label("rows"),
    )
    places = (usage_days.c.day, usage_days.c.module)
    statement = _from(select(*places, *figures), wanted).group_by(*places).order_by(places[0].desc(), places[1])
    return [
        ModuleDay(row.day, row.module, int(row.units), int(row.tokens), row.rows)
        for row in connection.execute(statement)
    ]


def list_names(connection: Connection, wanted: WantedUse, *, limit: int) -> list[Name]:
    """Return the different names in this use, at most `limit`; which ones is not defined if there are more."""
    # Without an order, the search ends as soon as there are enough.
    places = (usage_days.c.module, _SITE.label("site"), usage_days.c.source)
    statement = _from(select(*places), wanted).distinct().limit(limit)
    return [Name(*row) for row in connection.execute(statement)]


def list_rows(connection: Connection, wanted: WantedUse, days: Sequence[date], *, each: int) -> list[UsageRow]:
    """Return the rows of these days, the newest day first, of each day the first `each`."""
    if not days:
        return []
    place = func.row_number().over(partition_by=usage_days.c.day, order_by=_ORDER).label("place")
    columns = (*usage_days.c, _SITE.label("site_name"), place)
    ranked = _from(select(*columns), wanted).where(usage_days.c.day.in_(days)).subquery()
    order = (ranked.c.module, ranked.c.operation, ranked.c.site_id, ranked.c.source)
    statement = select(ranked).where(ranked.c.place <= each).order_by(ranked.c.day.desc(), *order)
    return [_row(row) for row in connection.execute(statement)]


def iterate_rows(connection: Connection, wanted: WantedUse, *, limit: int | None = None) -> Iterator[UsageRow]:
    """Yield the rows of all days, the newest day first, without loading them all."""
    columns = (*usage_days.c, _SITE.label("site_name"))
    statement = _from(select(*columns), wanted).order_by(usage_days.c.day.desc(), *_ORDER).limit(limit)
    for row in connection.execution_options(yield_per=500).execute(statement):
        yield _row(row)


def list_totals(connection: Connection, wanted: WantedUse, *, limit: int) -> tuple[list[UsageRow], int]:
    """Return the use of each operation through each site and source, the largest first, and how many there are.

    At most `limit` are returned; their `day` is the last one.
    """
    places = (usage_days.c.module, usage_days.c.operation, _SITE.label("site_name"), usage_days.c.source)
    units, tokens = capped_sum(usage_days.c.units).label("units"), capped_sum(usage_days.c.tokens).label("tokens")
    groups = _from(select(*places, units, tokens, func.max(usage_days.c.day).label("day")), wanted).group_by(*places)
    grouped = groups.subquery()
    order = (grouped.c.module, grouped.c.operation, grouped.c.site_name, grouped.c.source)
    largest = select(grouped).order_by(grouped.c.tokens.desc(), *order).limit(limit)
    count = connection.execute(select(func.count()).select_from(grouped)).scalar_one()
    return [_row(row) for row in connection.execute(largest)], count


def _from(statement: Select[Any], wanted: WantedUse) -> Select[Any]:
    pairs = (
        (usage_days.c.module, wanted.module),
        (_SITE, wanted.site),
        (usage_days.c.source, wanted.source),
        (usage_days.c.site_id, wanted.site_id),
    )
    return (
        statement.select_from(usage_days)
        .join(sites, sites.c.id == usage_days.c.site_id, isouter=True)
        .where(
            usage_days.c.account_id == wanted.account_id,
            usage_days.c.day >= wanted.first,
            and_(true(), *(column == value for column, value in pairs if value is not None)),
        )
    )


def _row(row: Row[Any]) -> UsageRow:
    units, tokens = int(row.units), int(row.tokens)
    return UsageRow(row.day, row.module, row.operation, row.site_name, row.source, units, tokens)
