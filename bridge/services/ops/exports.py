"""History of an account: its use by day, and all of its use, entries and purchases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.ledger import Entry
from bridge.domain.metering.errors import UsageRangeTooLarge
from bridge.services.orders import purchases
from bridge.services.orders.purchases import Purchase
from bridge.storage.accounts import ledger
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies
from bridge.storage.metering.usage import UsageRow as UsageRow
from bridge.storage.ops import account_usage
from bridge.storage.ops.account_usage import WantedUse

SPANS = (30, 90, 365)
"""The permitted numbers of days."""

MOST_ROWS = 50_000
"""How many rows of use one answer has; `iterate_usage` has all."""
_PAGE = 200
"""How many rows are read at a time."""


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """The use of an account on one local day."""

    day: date
    rows: tuple[UsageRow, ...]


def usage_by_day(
    connection: Connection,
    account: Account,
    *,
    days: int,
    now: datetime,
    site_id: int | None = None,
    most: int = MOST_ROWS,
) -> list[DayOfUse]:
    """Return an account's use on each of the last `days` local days that had any, today included, newest first.

    With `site_id`, it is the use through that linked site. Raises
    `UsageRangeTooLarge` for more than `most` rows.
    """
    wanted = replace(_wanted(connection, account, days=days, now=now), site_id=site_id)
    rows = list(account_usage.iterate_rows(connection, wanted, limit=most + 1))
    if len(rows) > most:
        raise UsageRangeTooLarge()
    return [DayOfUse(day, tuple(group)) for day, group in groupby(rows, key=lambda row: row.day)]


def iterate_usage(connection: Connection, account: Account, *, days: int, now: datetime) -> Iterator[UsageRow]:
    """Yield the same rows one by one, read on demand, without a limit."""
    yield from account_usage.iterate_rows(connection, _wanted(connection, account, days=days, now=now))


def iterate_entries(connection: Connection, account: Account) -> Iterator[Entry]:
    """Yield an account's whole ledger, the newest entry first."""
    before: int | None = None
    while page := ledger.list_page(connection, account.id, before=before, limit=_PAGE):
        yield from page
        before = page[-1].id


def iterate_purchases(connection: Connection, account: Account) -> Iterator[Purchase]:
    """Yield all of an account's purchases, the newest order first."""
    before: int | None = None
    while True:
        page = purchases.list_purchases(connection, account, before=before, limit=_PAGE)
        yield from page.purchases
        if page.next_before is None:
            return
        before = page.next_before


def _wanted(connection: Connection, account: Account, *, days: int, now: datetime) -> WantedUse:
    zone = policies.for_store(connection, account.store_id).calendar.zone
    return WantedUse(account.id, now.astimezone(zone).date() - timedelta(days=days - 1))
