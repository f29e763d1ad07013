"""Record the windows that opened, and announce them to users who had used up the window before.

It changes no count: a window is computed from the clock, and its use is counted
under its start. Late, missed or run twice, it announces the window that is open
now, once.

A limit with two windows has each of them announced. A reset is left out where
the other window is still used up: the user could spend nothing yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.events.events import EventType, NewEvent
from bridge.domain.metering.limits import (
    Allows,
    Limit,
    LimitWindow,
    Override,
    Period,
    Rule,
    Window,
    rules_of,
    window_at,
)
from bridge.domain.stores.stores import Policy
from bridge.rendering.documents import Document
from bridge.rendering.event_payloads import opened_payload
from bridge.services.metering.unit_of_work import Wanted, open_unit
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_ids
from bridge.storage.events import outbox
from bridge.storage.metering import opened_windows, overrides, policies
from bridge.storage.metering.opened_windows import LastUse, RunKey, WindowRun
from bridge.storage.stores import stores

BATCH = 500
"""The most users looked at in one transaction."""

_INSTANT = timedelta(microseconds=1)


def list_due(connection: Connection, *, now: datetime) -> list[RunKey]:
    """Return the windows of limits that are not recorded, or not announced to all users."""
    store_ids = [store.id for store in stores.list_all(connection)]
    work = policies.for_stores(connection, store_ids)
    noted = opened_windows.newest(connection, store_ids)
    return [
        (store_id, module, each.counter)
        for store_id, policy in work.items()
        for module, limit in policy.limits.items()
        for each in limit.windows
        if _is_due(connection, each, noted.get((store_id, module, each.counter)), policy, now=now)
    ]


def announce(connection: Connection, key: RunKey, *, now: datetime) -> bool:
    """Record a limit's window that opened, announce it to the next batch of users, and return whether that is all.

    The window's row is locked, and the events and the position are written
    together: after a crash, or with two processes at once, each user gets one
    event for a window.
    """
    store_id, module, counter = key
    policy = policies.for_store(connection, store_id)
    limit = policy.limits.get(module)
    place = next((at for at, each in enumerate(limit.windows) if each.counter == counter), None) if limit else None
    if limit is None or place is None or limit.windows[place].period is Period.NEVER:
        return True
    window = window_at(limit.windows[place].period, now, policy.calendar)
    run = opened_windows.lock_newest(connection, key, until=_next_start(window))
    if run is None or run.starts_at < window.starts_at:
        since = _since(run, limit.windows[place], window, policy)
        opened_windows.open_run(connection, key, window, since=since, now=now)
        run = opened_windows.lock_newest(connection, key, until=_next_start(window))
    if run is None or run.finished_at is not None:
        return run is not None
    run = _emit_events(connection, run, limit, place, policy, now=now)
    opened_windows.advance(connection, run)
    return run.finished_at is not None


def _is_due(connection: Connection, each: LimitWindow, run: WindowRun | None, policy: Policy, *, now: datetime) -> bool:
    if each.period is Period.NEVER:
        return False
    window = window_at(each.period, now, policy.calendar)
    if run is not None and run.starts_at > _next_start(window):
        # Noted by a clock that was ahead: it must not hide the windows until then.
        key = (run.store_id, run.module, run.counter)
        run = opened_windows.find_newest(connection, key, until=_next_start(window))
    return run is None or run.finished_at is None or run.starts_at < window.starts_at


def _next_start(window: Window) -> datetime:
    """The latest start that a noted window may have: a clock that is a little slow finds the next one noted."""
    return window.ends_at or window.starts_at


def _since(run: WindowRun | None, each: LimitWindow, window: Window, policy: Policy) -> datetime:
    """From where on last uses count: the last window that was announced in full, else the one just before."""
    if run is None:
        return window_at(each.period, window.starts_at - _INSTANT, policy.calendar).starts_at
    return run.since if run.finished_at is None else run.starts_at


def _emit_events(
    connection: Connection, run: WindowRun, limit: Limit, place: int, policy: Policy, *, now: datetime
) -> WindowRun:
    uses = opened_windows.list_last_uses(connection, run, limit=BATCH)
    own = overrides.overrides(connection, [use.account_id for use in uses], now=now)
    rules = {use.account_id: _rule_of(use, own.get((use.account_id, run.module)), limit, place) for use in uses}
    dry = [(use, rule) for use in uses if (rule := rules[use.account_id]) and _is_dry(rule, used=use.used)]
    if len(limit.windows) > 1:
        refused = _still_refused(connection, run, [use.account_id for use, _ in dry], policy, now=now)
        dry = [(use, rule) for use, rule in dry if use.account_id not in refused]
    events = [
        NewEvent(id_, run.store_id, use.account_id, EventType.ALLOWANCE_RESET, _payload(run, limit, place, rule), now)
        for id_, (use, rule) in zip(new_ids(len(dry)), dry, strict=True)
    ]
    outbox.add(connection, events)
    reached = (uses[-1].starts_at, uses[-1].account_id) if uses else run.reached
    finished_at = now if len(uses) < BATCH else None
    return replace(run, ran_dry=run.ran_dry + len(dry), reached=reached, finished_at=finished_at)


def _still_refused(
    connection: Connection, run: WindowRun, account_ids: Sequence[int], policy: Policy, *, now: datetime
) -> set[int]:
    """Return the accounts that can use nothing for free, since the other window of the limit leaves nothing."""
    wanted = Wanted(account_ids, {policy.store.id: policy}, modules=[(policy.store.id, run.module)])
    work = open_unit(connection, wanted, now=now, lock=False)
    refused = set()
    for account in work.accounts.values():
        allowance = work.allowance_of(account, run.module)
        others = [each for each in allowance.windows if each.counter != run.counter] if allowance else []
        if any(each.remaining == 0 for each in others):
            refused.add(account.id)
    return refused


def _rule_of(use: LastUse, own: Override | None, limit: Limit, place: int) -> Rule | None:
    """Return the rule that applies to a user now in one window: the user's own, or the one of their audiences."""
    rules = rules_of(limit, own, use.roles, guest=False)
    return None if rules is None else rules[place].rule


def _is_dry(rule: Rule, *, used: int) -> bool:
    return rule.allows is Allows.AMOUNT and 0 < rule.tokens <= used


def _payload(run: WindowRun, limit: Limit, place: int, rule: Rule) -> Document:
    period = limit.windows[place].period
    return opened_payload(limit.module, rule, period, starts_at=run.starts_at, ends_at=run.ends_at)
