"""The figures of a whole store: its users, what they have, and what was used by day and module.

A store with few users is added up when it is asked for. For one with more than
`LARGE`, jobs keep the figures (`services/admin/rollups.py`), and `as_of` says
of which moment they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bridge.domain.orders.grants import tokens_owed
from bridge.domain.stores.stores import Store
from bridge.storage.admin import account_figures, rollups
from bridge.storage.admin.rollups import Progress
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies
from bridge.storage.orders import orders, pending

USAGE_DAYS = 30
LARGE = 5_000
"""A store with more users than this is sorted and added up by a job, not by each page."""
PARKED = 100
"""How many orders that wait for a buyer are read."""
PARKED_LINES = 5_000
"""How many lines of such orders are read: one order may have ten thousand."""
LATE_COMMITS = timedelta(hours=1)
"""How far refunds are read again: one that was made a moment before the roll-up may have been committed after it."""


@dataclass(frozen=True, slots=True)
class DayUse:
    """The use of one module by the store on one of its local days; `module` is the key."""

    day: date
    module: str
    units: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Use:
    """The use of a store from `first` to `last`, both included, days without any left out.

    `as_of` is None where it is of this moment.
    """

    first: date
    last: date
    days: tuple[DayUse, ...]
    as_of: datetime | None

    @property
    def tokens(self) -> int:
        """Return all tokens used."""
        return sum(use.tokens for use in self.days)

    def since(self, first: date) -> Use:
        """Return the part from a day on."""
        return Use(first, self.last, tuple(use for use in self.days if use.day >= first), self.as_of)

    def by_module(self) -> list[tuple[str, int]]:
        """Return each module with its tokens, the most used first."""
        found: Counter[str] = Counter()
        for use in self.days:
            found[use.module] += use.tokens
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))


Span = tuple[date, date]
"""A first and a last day, both included."""


@dataclass(frozen=True, slots=True)
class DaySpans:
    """The days of a range to read from a roll-up, and those to add up now; `as_of` is None if the sum is current."""

    kept: tuple[Span, ...]
    current: tuple[Span, ...]
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class ModuleUse:
    """The use of one module by the store."""

    label: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of the whole store; what was used counts from the day `since` on and has the guests in it.

    `used_before` counts the same number of days before that. `as_of` is None
    where the figures are of this moment.
    """

    users: int
    users_with_tokens: int
    balance: int
    debt: int
    used: int
    used_before: int
    since: date
    modules: tuple[ModuleUse, ...]
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The orders of a store that wait for a buyer, and the tokens they would grant; at least so many if incomplete."""

    orders: int
    tokens: int
    is_complete: bool


def recent_use(connection: Connection, store: Store, *, days: int, now: datetime) -> Use:
    """Return the use of the last days, of which today is one: of this many, or of those a summary needs, if more."""
    first = today_of(store, now) - timedelta(days=max(days, 2 * USAGE_DAYS) - 1)
    return use_between(connection, store, first, today_of(store, now), now=now)


def summary(connection: Connection, store: Store, *, use: Use | None = None, now: datetime) -> Summary:
    """Return the figures of a store; `use` is its recent use, where the caller has it already."""
    first = since(store, now)
    policy = policies.for_store(connection, store.id)
    kept = account_figures.find(connection, store.id)
    if kept is None:
        users, with_tokens, balance, debt = account_figures.add_up(connection, store.id)
    else:
        users, with_tokens, balance, debt = kept.users, kept.users_with_tokens, kept.balance, kept.debt
    used = use or recent_use(connection, store, days=2 * USAGE_DAYS, now=now)
    used = used.since(first - timedelta(days=USAGE_DAYS))
    recent = used.since(first)
    return Summary(
        users=users,
        users_with_tokens=with_tokens,
        balance=balance,
        debt=debt,
        used=recent.tokens,
        used_before=used.tokens - recent.tokens,
        since=first,
        modules=tuple(ModuleUse(policy.label_of(module), tokens) for module, tokens in recent.by_module()),
        as_of=min((moment for moment in (kept.as_of if kept else None, used.as_of) if moment), default=None),
    )


def list_waiting(connection: Connection, store: Store) -> Waiting:
    """Return the orders that no user could be found for yet; the first `PARKED` of them are read."""
    parked = pending.list_parked(connection, store.id, limit=PARKED + 1)
    numbers, lines = list[int](), 0
    for number, count in parked[:PARKED]:
        lines += count
        if lines <= PARKED_LINES:
            numbers.append(number)
    known = orders.find_all(connection, store.id, numbers)
    tokens = sum(tokens_owed(order, line) for order in known.values() for line in order.lines)
    return Waiting(min(len(parked), PARKED), tokens, is_complete=len(numbers) == len(parked))


def use_between(connection: Connection, store: Store, first: date, last: date, *, now: datetime) -> Use:
    """Return what a store used from `first` to `last`, local days, by day and module.

    Days that are over are read from the roll-up. Those it does not have yet are
    added up here, and for a store with few users also the last two days and
    those that a refund has changed since.
    """
    spans = day_spans(connection, store, first, last, rollups.progress(connection))
    days = [row for span in spans.kept for row in rollups.days_of(connection, store.id, first=span[0], last=span[1])]
    for begin, end in spans.current:
        days += rollups.days_of_now(connection, store.id, first=begin, last=end)
    return Use(first, last, _typed(sorted(days)), spans.as_of)


def day_spans(connection: Connection, store: Store, first: date, last: date, known: Progress | None) -> DaySpans:
    """Return which days to read from a roll-up of this progress, and which to add up from the history."""
    if known is None:
        return DaySpans((), _spans([(first, last)]), None)
    one = timedelta(days=1)
    if account_figures.find(connection, store.id) is not None:
        return DaySpans(
            _spans([(first, min(last, known.day))]), _spans([(max(first, known.day + one), last)]), known.as_of
        )
    zone = store.calendar.zone
    closed = min(known.day, known.as_of.astimezone(zone).date() - 2 * one)
    refunded = rollups.refunded_since(connection, known.as_of - LATE_COMMITS)
    days = {each.created_at.astimezone(zone).date() for each in refunded if each.store_id == store.id}
    changed = sorted(day for day in days if first <= day <= min(closed, last))
    begins = [first, *(day + one for day in changed)]
    ends = [*(day - one for day in changed), min(closed, last)]
    current = [*((day, day) for day in changed), (max(first, closed + one), last)]
    return DaySpans(_spans(zip(begins, ends, strict=True)), _spans(current), None)


def _spans(found: Iterable[Span]) -> tuple[Span, ...]:
    return tuple((first, last) for first, last in found if first <= last)


def since(store: Store, now: datetime) -> date:
    """Return the first of the last `USAGE_DAYS` days, of which today, in the store's zone, is the last."""
    return today_of(store, now) - timedelta(days=USAGE_DAYS - 1)


def today_of(store: Store, now: datetime) -> date:
    """Return the day of the store at a moment."""
    return now.astimezone(store.calendar.zone).date()


def _typed(rows: Iterable[tuple[date, str, int, int]]) -> tuple[DayUse, ...]:
    return tuple(DayUse(*row) for row in rows)
