"""Figures kept for the console: the use of stores by day and group, and what users of large stores are sorted by.

Three jobs write them (`schedulers/console_jobs.py`). Nothing is decided by them:
spends, limits and balances never read them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import partial

from bridge.domain.stores.stores import Store
from bridge.services.admin import store_stats
from bridge.services.stores import settings
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.admin import account_figures, grouped_uses, rollups
from bridge.storage.admin.account_figures import StoreFigures
from bridge.storage.admin.rollups import Progress
from bridge.storage.engine.database import Connection

BATCH = 2_000
REST = 30
"""A large store rests for this many times as long as its last run took."""

Read = Callable[[], AbstractContextManager[Connection]]


def roll_up(reading: Read, transaction: Transaction, *, now: datetime, may_go_on: Callable[[], bool]) -> int:
    """Add up the days that may have changed since the last run, for all stores; return how many days were written.

    The first run begins with the first day of history. Each day is a
    transaction of its own, so that a run that ends early goes on from there.
    """
    written = 0
    for day, is_progress in _days_to_write(reading, rollups.USAGE, now=now):
        if not may_go_on():
            return written
        with reading() as connection:
            used = rollups.used_on(connection, day)
        reached = Progress(day, now) if is_progress else None
        in_transaction(transaction, partial(_write, day=day, used=used, reached=reached))
        written += 1
    return written


def roll_up_groups(reading: Read, transaction: Transaction, *, now: datetime, may_go_on: Callable[[], bool]) -> int:
    """Add up the same days by every property, for all stores; return how many days were written.

    The rows of a day are written in batches, so that no spend waits long for
    them: while this runs, a day may be partly of this run and partly of the last.
    """
    written = 0
    for day, is_progress in _days_to_write(reading, rollups.GROUPS, now=now):
        if not may_go_on():
            return written
        with reading() as connection:
            rows, gone = grouped_uses.changes_of(connection, day, grouped_uses.used_on(connection, day))
        for first in range(0, len(rows), BATCH):
            in_transaction(transaction, partial(grouped_uses.write, rows=rows[first : first + BATCH]))
        for first in range(0, len(gone), BATCH):
            in_transaction(transaction, partial(grouped_uses.remove, day=day, groups=gone[first : first + BATCH]))
        if is_progress:
            reached = Progress(day, now)
            in_transaction(transaction, partial(rollups.set_progress, found=reached, name=rollups.GROUPS))
        written += 1
    return written


def _days_to_write(reading: Read, name: str, *, now: datetime) -> list[tuple[date, bool]]:
    with reading() as connection:
        return list(_due_days(connection, rollups.progress(connection, name), now=now))


def _due_days(connection: Connection, known: Progress | None, *, now: datetime) -> Iterator[tuple[date, bool]]:
    """Yield each day to be added up, and whether the days before it are done by then."""
    today = now.astimezone(UTC).date()
    # A store's own day may be the one before or after.
    last = today + timedelta(days=1)
    if known is None:
        first = rollups.first_day(connection) or today
    else:
        first = min(known.day, today) - timedelta(days=1)
        zones = {store.id: store.calendar.zone for store in settings.list_stores(connection)}
        refunded = rollups.refunded_since(connection, known.as_of - store_stats.LATE_COMMITS)
        changed = {
            each.created_at.astimezone(zones[each.store_id]).date() for each in refunded if each.store_id in zones
        }
        yield from ((day, False) for day in sorted(changed) if day < first)
    for distance in range((last - first).days + 1):
        yield first + timedelta(days=distance), True


def _write(connection: Connection, *, day: date, used: list[rollups.DayUse], reached: Progress | None) -> None:
    rollups.replace_day(connection, day, used)
    if reached is not None:
        rollups.set_progress(connection, reached)


def refresh(
    reading: Read, transaction: Transaction, store: Store, *, now: datetime, may_go_on: Callable[[], bool]
) -> int:
    """Bring the figures of a large store up to date; return how many users' figures were written.

    A store that has few users, or whose last run took long and is not long
    ago, is left alone.
    """
    with reading() as connection:
        known = account_figures.find(connection, store.id)
        if known is not None and now - known.as_of < timedelta(milliseconds=known.took_ms * REST):
            return 0
        is_large = account_figures.has_more_users(connection, store.id, than=store_stats.LARGE)
    if not is_large:
        if known is not None:
            _drop(transaction, store, may_go_on=may_go_on)
        return 0
    began, written, after, since = time.monotonic(), 0, -1, store_stats.since(store, now)
    while may_go_on():
        with reading() as connection:
            last = account_figures.end_of_batch(connection, store.id, after=after, limit=BATCH)
            if last is None:
                break
            rows = account_figures.list_changed(connection, store.id, after=after, last=last, since=since, now=now)
        if rows:
            in_transaction(transaction, partial(account_figures.write, rows=rows))
        written, after = written + len(rows), last
    else:
        return written
    with reading() as connection:
        users, with_tokens, balance, debt = account_figures.add_up(connection, store.id)
    took = int((time.monotonic() - began) * 1000)
    figures = StoreFigures(users, with_tokens, balance, debt, now, took)
    in_transaction(transaction, lambda connection: account_figures.save(connection, store.id, figures))
    return written


def _drop(transaction: Transaction, store: Store, *, may_go_on: Callable[[], bool]) -> None:
    while may_go_on() and in_transaction(
        transaction, lambda connection: account_figures.remove(connection, store.id, limit=BATCH)
    ):
        pass
