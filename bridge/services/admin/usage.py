"""The use of a whole store in a range of days, grouped as the caller chooses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.domain.stores.stores import Store
from bridge.services.admin import store_stats
from bridge.storage.engine.database import Connection
from bridge.storage.metering import usage
from bridge.storage.metering.usage import GroupedUse as GroupedUse

MAX_DAYS = 400
"""The longest range of days."""
MAX_ROWS = 250_000
"""The most rows of history that one request reads."""
MAX_ITEMS = 10_000
"""The most groups of one response."""


class Grouping(StrEnum):
    """A property of use by which it can be grouped."""

    DAY = "day"
    MODULE = "module"
    OPERATION = "operation"
    SITE = "site"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class StoreUse:
    """The use of a store by group, in ascending order; `as_of` is None where it is current."""

    items: tuple[GroupedUse, ...]
    as_of: datetime | None


def use_of_store(
    connection: Connection,
    store: Store,
    first: date,
    last: date,
    by: frozenset[Grouping],
    *,
    now: datetime,
    most_rows: int = MAX_ROWS,
) -> StoreUse:
    """Return what a store used from `first` to `last`, both local days included.

    Days and modules are read from the figures that a job keeps, other groupings
    from the history. Raises `UsageRangeTooLarge` where more than `most_rows`
    rows or `MAX_ITEMS` groups would be read.
    """
    if by <= {Grouping.DAY, Grouping.MODULE}:
        kept = store_stats.use_between(connection, store, first, last, now=now)
        items, as_of = _added_up(kept.days, by), kept.as_of
        rows = 0
    else:
        names = [each.value for each in Grouping if each in by]
        items = usage.of_store(
            connection, store.id, names, first=first, last=last, most_rows=most_rows + 1, most_groups=MAX_ITEMS + 1
        )
        rows, as_of = sum(item.rows for item in items), None
    if len(items) > MAX_ITEMS or rows > most_rows:
        raise UsageRangeTooLarge()
    return StoreUse(tuple(items), as_of)


def _added_up(days: Iterable[store_stats.DayUse], by: frozenset[Grouping]) -> list[GroupedUse]:
    found: dict[tuple[date | None, str | None], tuple[int, int]] = {}
    for use in days:
        place = (use.day if Grouping.DAY in by else None, use.module if Grouping.MODULE in by else None)
        units, tokens = found.get(place, (0, 0))
        found[place] = (units + use.units, tokens + use.tokens)
    return [
        GroupedUse(units=units, tokens=tokens, day=day, module=module)
        for (day, module), (units, tokens) in sorted(
            found.items(), key=lambda item: (item[0][0] or date.min, item[0][1] or "")
        )
    ]
