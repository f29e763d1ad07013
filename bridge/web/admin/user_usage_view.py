"""The use of one user by day: the chart, and a table by module, operation, site and source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.accounts.accounts import Account
from bridge.domain.stores.stores import Policy, Store
from bridge.services.admin.store_stats import DayUse, Use, today_of
from bridge.services.ops import account_usage
from bridge.services.ops.account_usage import WantedUse
from bridge.storage.engine.database import Connection
from bridge.web.admin.usage_chart import UsageChart, usage_chart

MOST_ROWS = 50
"""The most rows of the table; the CSV has all."""


@dataclass(frozen=True, slots=True)
class UsageLine:
    """The use of one operation through one site and source in all days; blank for none."""

    module: str
    operation: str
    site: str
    source: str
    units: int
    tokens: int


@dataclass(frozen=True, slots=True)
class UserUsage:
    """The use of a user in the last days; `more` counts the rows that are left out."""

    chart: UsageChart
    lines: tuple[UsageLine, ...]
    more: int


def user_usage(
    connection: Connection, store: Store, policy: Policy, account: Account, *, days: int, now: datetime
) -> UserUsage:
    """Return the use of an account in the last `days` local days, today included."""
    last = today_of(store, now)
    wanted = WantedUse(account.id, last - timedelta(days=days - 1))
    found = account_usage.list_module_days(connection, wanted)
    by_day = tuple(DayUse(each.day, each.module, each.units, each.tokens) for each in found)
    totals, count = account_usage.list_totals(connection, wanted, limit=MOST_ROWS)
    return UserUsage(
        chart=usage_chart(store, policy, Use(wanted.first, last, by_day, None), now=now),
        lines=tuple(
            UsageLine(policy.label_of(row.module), row.operation, row.site, row.source, row.units, row.tokens)
            for row in totals
        ),
        more=count - len(totals),
    )
