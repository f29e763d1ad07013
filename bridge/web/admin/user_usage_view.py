"""The use of one user by day: the chart, and a table by module, operation, site and source."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.accounts.accounts import Account
from bridge.domain.stores.stores import Policy, Store
from bridge.services.admin.store_stats import DayUse, Use, today_of
from bridge.services.ops import exports
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
    found = exports.usage_by_day(connection, account, days=days, now=now)
    last = today_of(store, now)
    by_day = tuple(DayUse(each.day, row.module, row.units, row.tokens) for each in found for row in each.rows)
    sums: defaultdict[tuple[str, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for each in found:
        for row in each.rows:
            total = sums[(row.module, row.operation, row.site, row.source)]
            total[0] += row.units
            total[1] += row.tokens
    lines = [
        UsageLine(policy.label_of(module), operation, site, source, units, tokens)
        for (module, operation, site, source), (units, tokens) in sums.items()
    ]
    lines.sort(key=lambda line: (-line.tokens, line.module, line.operation, line.site, line.source))
    return UserUsage(
        chart=usage_chart(store, policy, Use(last - timedelta(days=days - 1), last, by_day, None), now=now),
        lines=tuple(lines[:MOST_ROWS]),
        more=max(0, len(lines) - MOST_ROWS),
    )
