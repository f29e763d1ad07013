"""The use of a whole store in a range of days, grouped as the caller chooses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.domain.stores.stores import Store
from bridge.services.admin import store_stats
from bridge.storage.admin import grouped_uses, rollups
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

    All are read from the figures that jobs keep, and from the history where the
    store has few users or a job has not come that far. Raises `UsageRangeTooLarge`
    where more than `most_rows` rows or `MAX_ITEMS` groups would be read.
    """
    if by <= {Grouping.DAY, Grouping.MODULE}:
        kept = store_stats.use_between(connection, store, first, last, now=now)
        found = StoreUse(tuple(_added_up(kept.days, by)), kept.as_of)
    else:
        found = _by_group(connection, store, first, last, by, most_rows=most_rows)
    if len(found.items) > MAX_ITEMS:
        raise UsageRangeTooLarge()
    return found


def _by_group(
    connection: Connection, store: Store, first: date, last: date, by: frozenset[Grouping], *, most_rows: int
) -> StoreUse:
    spans = store_stats.day_spans(connection, store, first, last, rollups.progress(connection, rollups.GROUPS))
    names, left = [each.value for each in Grouping if each in by], most_rows
    sums: dict[GroupedUse, tuple[int, int]] = {}
    for read, listed in ((grouped_uses.of_store, spans.kept), (usage.of_store, spans.current)):
        for begin, end in listed:
            items = read(
                connection, store.id, names, first=begin, last=end, most_rows=left + 1, most_groups=MAX_ITEMS + 1
            )
            left -= sum(item.rows for item in items)
            if left < 0 or len(items) > MAX_ITEMS:
                raise UsageRangeTooLarge()
            for item in items:
                group = replace(item, units=0, tokens=0, rows=0)
                units, tokens = sums.get(group, (0, 0))
                sums[group] = (units + item.units, tokens + item.tokens)
    found = (replace(group, units=units, tokens=tokens) for group, (units, tokens) in sums.items())
    return StoreUse(tuple(sorted(found, key=lambda item: _place(item, names))), spans.as_of)


def _place(item: GroupedUse, names: Sequence[str]) -> tuple[date | str | int, ...]:
    return tuple(getattr(item, "site_id" if name == "site" else name) for name in names)


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
