"""History: the daily roll-up of use, read by day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

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


def usage(connection: Connection, account_id: int, *, since: date) -> Iterator[UsageRow]:
    """Yield an account's use by day since `since`, the newest day first, read row by row."""
    statement = (
        select(usage_days, sites.c.name.label("site_name"))
        .join_from(usage_days, sites, sites.c.id == usage_days.c.site_id, isouter=True)
        .where(usage_days.c.account_id == account_id, usage_days.c.day >= since)
        .order_by(
            usage_days.c.day.desc(),
            usage_days.c.module,
            usage_days.c.operation,
            usage_days.c.site_id,
            usage_days.c.source,
        )
    )
    for row in connection.execution_options(yield_per=500).execute(statement):
        yield UsageRow(row.day, row.module, row.operation, row.site_name or "", row.source, row.units, row.tokens)
