"""The filters of the user list that need the rules of the store: who is over a limit, and who has a plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bridge.domain.admin.user_list import Filter
from bridge.domain.metering.limits import Allows, LimitWindow, window_at
from bridge.domain.stores.stores import Policy, Store
from bridge.services.metering.overview import AccountOverview, list_overviews
from bridge.storage.admin import filters
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies

MOST = 10_000
"""The most users such a filter lists."""
_AT_ONCE = 500


def list_accounts(
    connection: Connection, store: Store, wanted: frozenset[Filter], *, now: datetime
) -> list[int] | None:
    """Return the accounts that match the filters of this module, at most `MOST`; None without such a filter."""
    if not wanted & {Filter.OVER_LIMIT, Filter.HAS_PLAN}:
        return None
    policy = policies.for_store(connection, store.id)
    found: set[int] | None = None
    if Filter.OVER_LIMIT in wanted:
        found = _over_limit(connection, policy, now=now)
    if Filter.HAS_PLAN in wanted:
        with_plan = _with_plan(connection, policy, now=now)
        found = with_plan if found is None else found & with_plan
    return sorted(found or ())[:MOST]


def is_over_limit(overview: AccountOverview) -> bool:
    """Return whether the free amount of any module is used up in its current window."""
    return any(each.is_used_up for each in overview.allowances)


def _over_limit(connection: Connection, policy: Policy, *, now: datetime) -> set[int]:
    # A user who used at least the smallest amount of a module may be over the limit; the rules decide, as for a
    # spend.
    likely: set[int] = set()
    for module, window in [(each.module, window) for each in policy.limits.values() for window in each.windows]:
        least = _least(window)
        if least is not None:
            starts_at = window_at(window.period, now, policy.calendar).starts_at
            likely |= filters.used_at_least(
                connection, policy.store.id, module, window.counter, tokens=least, since=starts_at, most=MOST
            )
    if policy.has_overrides:
        likely |= filters.with_override(connection, policy.store.id, most=MOST)
    return {
        account_id
        for overviews in _in_parts(connection, policy, likely, now=now)
        for account_id, overview in overviews.items()
        if is_over_limit(overview)
    }


def _with_plan(connection: Connection, policy: Policy, *, now: datetime) -> set[int]:
    bought = filters.with_plan_terms(connection, policy.store.id, most=MOST)
    return {
        account_id
        for overviews in _in_parts(connection, policy, bought, now=now)
        for account_id, overview in overviews.items()
        if overview.plan is not None
    }


def _in_parts(
    connection: Connection, policy: Policy, account_ids: set[int], *, now: datetime
) -> Iterator[dict[int, AccountOverview]]:
    ordered = sorted(account_ids)
    for first in range(0, len(ordered), _AT_ONCE):
        yield list_overviews(connection, ordered[first : first + _AT_ONCE], policy=policy, now=now)


def _least(window: LimitWindow) -> int | None:
    amounts = [rule.tokens for rule in window.rules.values() if rule.allows is Allows.AMOUNT and rule.tokens]
    return min(amounts, default=None)
