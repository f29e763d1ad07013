"""The figures of a whole store: its users, what they have, and what was used of late."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bridge.domain.stores.stores import Store
from bridge.storage.admin import user_list
from bridge.storage.engine.cache import Memory
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies

USAGE_DAYS = 30
KEPT_FOR = timedelta(minutes=1)
SLOW_SECONDS = 0.25
"""Figures that take longer than this to sum up are kept for a minute: a page must not wait for them each time."""


@dataclass(frozen=True, slots=True)
class ModuleUse:
    """The use of one module by the store."""

    label: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of the whole store; what was used counts from the day `since` on and has the guests in it.

    `as_of` is None where they are of this moment.
    """

    users: int
    balance: int
    debt: int
    used: int
    since: date
    modules: tuple[ModuleUse, ...]
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    summary: Summary
    at: datetime


_kept: Memory[int, _Kept] = Memory(most=1_000)
"""The last slow summary of each store; replaced whole, so no lock is needed."""


def summary(connection: Connection, store: Store, *, now: datetime) -> Summary:
    """The figures of a store, of this moment or of the last minute."""
    first = since(store, now)
    kept = _kept.of(connection).get(store.id)
    if kept is not None and kept.summary.since == first and kept.at <= now < kept.at + KEPT_FOR:
        return replace(kept.summary, as_of=kept.at)
    started = time.perf_counter()
    found = _sum_up(connection, store, since=first)
    if time.perf_counter() - started > SLOW_SECONDS:
        _kept.keep(connection, {store.id: _Kept(found, now)})
    return found


def since(store: Store, now: datetime) -> date:
    """The first day that counts as of late: today, in the store's zone, is the last."""
    return now.astimezone(store.calendar.zone).date() - timedelta(days=USAGE_DAYS - 1)


def _sum_up(connection: Connection, store: Store, *, since: date) -> Summary:
    policy = policies.for_store(connection, store.id)
    totals = user_list.totals(connection, store.id)
    uses = user_list.usage_by_module(connection, store.id, since=since)
    return Summary(
        users=totals.users,
        balance=totals.balance,
        debt=totals.debt,
        used=sum(use.tokens for use in uses),
        since=since,
        modules=tuple(ModuleUse(policy.label_of(use.module), use.tokens) for use in uses),
    )
