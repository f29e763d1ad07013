"""Replay of the last complete month by limits and prices that are not saved; nothing is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from bridge.domain.metering import replay
from bridge.domain.metering.limits import Limit, Override, Period, Rule, Window, rules_of, window_at
from bridge.domain.metering.pricing import Operation, with_change
from bridge.domain.stores.stores import Policy
from bridge.services.metering import limits
from bridge.storage.admin import replays
from bridge.storage.admin.replays import OperationUse, Subject
from bridge.storage.engine.database import Connection
from bridge.storage.metering import overrides, policies

MAX_USERS = 5_000
"""The most accounts whose use is read."""
MAX_ROWS = 20_000
"""The most rows of use that are read; at the end of each batch of accounts, no further one is begun."""

_BATCH = 500
_LONG_AGO = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Month:
    """The last complete month of a store on its own calendar: its days `[first, end)` and its window."""

    first: date
    end: date
    window: Window

    @property
    def last(self) -> date:
        """Return the last day of the month."""
        return self.end - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewLimit:
    """The limit a module would have, None for none, and the one it has."""

    module: str
    limit: Limit | None
    current: Limit | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """An account that would have been stopped, in the window that began at a moment."""

    account: Subject
    at: datetime


@dataclass(slots=True)
class ModuleReplay:
    """The accounts that the new limit of a module would have stopped, and the first of them.

    `is_estimate` means that the windows of the old and the new period do not
    match, so that daily use was assigned to windows.
    """

    module: str
    is_estimate: bool
    stopped: int = 0
    first: Stopped | None = None

    def add(self, account: Subject, at: datetime) -> None:
        """Count an account that is stopped at a moment."""
        self.stopped += 1
        if self.first is None or at < self.first.at:
            self.first = Stopped(account, at)


@dataclass(frozen=True, slots=True)
class Replay:
    """The result for all new limits; `is_cut` means that the store has more accounts or use than was read."""

    month: Month
    accounts: int
    is_cut: bool
    modules: tuple[ModuleReplay, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """The units of an operation in the month, their cost, and their cost by the new price."""

    operation: str
    units: int
    tokens: int
    new_tokens: int


@dataclass(frozen=True, slots=True)
class PriceReplay:
    """The costs of operations by new prices; `is_cut` means that the store has more accounts than were read."""

    month: Month
    accounts: int
    is_cut: bool
    costs: tuple[Cost, ...]


@dataclass(slots=True)
class _Use:
    windows: dict[tuple[int, str, int], list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))
    days: dict[tuple[int, str], list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))
    rows: int = 0


def last_month(policy: Policy, now: datetime) -> Month:
    """Return the last month that is over on the store's calendar."""
    this = window_at(Period.MONTHLY, now, policy.calendar)
    window = window_at(Period.MONTHLY, this.starts_at - _LONG_AGO, policy.calendar)
    zone = policy.calendar.zone
    return Month(window.starts_at.astimezone(zone).date(), this.starts_at.astimezone(zone).date(), window)


def replay_limits(connection: Connection, store_id: int, wanted: Sequence[NewLimit], *, now: datetime) -> Replay:
    """Return how many accounts the new limits would have stopped on last month's use.

    Balances and users' own limits are those of now.
    """
    policy = policies.for_store(connection, store_id)
    month = last_month(policy, now)
    subjects = replays.list_subjects(connection, store_id, since=month.window.starts_at, limit=MAX_USERS + 1)
    is_cut, read, left = len(subjects) > MAX_USERS, 0, MAX_ROWS
    found = {each.module: ModuleReplay(each.module, _needs_days(each)) for each in wanted}
    for start in range(0, min(len(subjects), MAX_USERS), _BATCH):
        if left <= 0:
            is_cut = True
            break
        batch = subjects[start : start + _BATCH][: MAX_USERS - start]
        use = _read(connection, policy, month, batch, wanted, limit=left)
        left, read = left - use.rows, read + len(batch)
        own = overrides.overrides(connection, [each.id for each in batch], now=now) if policy.has_overrides else {}
        for account in batch:
            _replay_account(policy, account, wanted, use, own, found)
    return Replay(month, read, is_cut or left <= 0, tuple(found.values()))


def replay_limit(
    connection: Connection, store_id: int, limit: Limit, *, keeps_second: bool = False, now: datetime
) -> Replay:
    """Return the same for the limit of one module, as `put_limit` would store it.

    No account is stopped in a module whose use is free. Raises `UnknownModule`, and
    `InvalidRequest` as `put_limit` does.
    """
    policy = policies.for_store(connection, store_id)
    module = limits.get_module(connection, store_id, limit.module)
    current = policy.limits.get(limit.module)
    wanted = NewLimit(limit.module, limits.completed(limit, current, keeps_second=keeps_second), current)
    found = replay_limits(connection, store_id, [wanted] if module.is_metered else [], now=now)
    return found if found.modules else replace(found, modules=(ModuleReplay(limit.module, is_estimate=False),))


def replay_price(connection: Connection, store_id: int, operation: Operation, *, now: datetime) -> PriceReplay:
    """Return what last month's use would have cost by the price of an operation, and of those made of it.

    Raises `InvalidRequest` for an operation that the price list cannot have.
    """
    policy = policies.for_store(connection, store_id)
    month = last_month(policy, now)
    changed = with_change(policy.operations, operation)
    subjects = replays.list_subjects(connection, store_id, since=month.window.starts_at, limit=MAX_USERS + 1)
    ids = [each.id for each in subjects[:MAX_USERS]]
    used = replays.operation_use_of(connection, ids, [each.key for each in changed], first=month.first, end=month.end)
    nothing = OperationUse(0, 0)
    costs = [
        Cost(
            each.key,
            used.get(each.key, nothing).units,
            used.get(each.key, nothing).tokens,
            _new_cost(policy, each, used.get(each.key, nothing).units),
        )
        for each in changed
    ]
    return PriceReplay(month, len(ids), len(subjects) > MAX_USERS, tuple(costs))


def _new_cost(policy: Policy, operation: Operation, units: int) -> int:
    # The limit of units in one call says nothing about a month.
    return operation.tokens_per_unit * units if policy.is_metered(operation.module) else 0


def _needs_days(wanted: NewLimit) -> bool:
    """Return whether the replay cannot add up the stored windows for every window of the new limit."""
    if wanted.current is None or wanted.limit is None:
        return False
    known = wanted.current.windows
    return any(replay.source_of(window.period, known) is None for window in wanted.limit.windows)


def _read(
    connection: Connection,
    policy: Policy,
    month: Month,
    batch: Sequence[Subject],
    wanted: Sequence[NewLimit],
    *,
    limit: int,
) -> _Use:
    ids, use = [each.id for each in batch], _Use()
    windows = replays.window_uses_of(
        connection,
        ids,
        [each.module for each in wanted],
        first=month.window.starts_at,
        end=month.window.ends_at or month.window.starts_at,
        limit=limit,
    )
    endless = {
        (each.module, window.counter)
        for each in wanted
        if each.current is not None
        for window in each.current.windows
        if window.period is Period.NEVER
    }
    for row in windows:
        # A window without an end may be left from a limit that never reset and has another period now.
        if (row.module, row.counter) in endless or row.starts_at >= month.window.starts_at:
            use.windows[row.account_id, row.module, row.counter].append((row.starts_at, row.used))
    by_day = [each.module for each in wanted if _needs_days(each)]
    days = []
    if by_day and len(windows) < limit:
        days = replays.day_uses_of(
            connection, ids, by_day, first=month.first, end=month.end, limit=limit - len(windows)
        )
    for day in days:
        use.days[day.account_id, day.module].append((replay.noon_of(day.day, policy.calendar), day.tokens))
    use.rows = len(windows) + len(days)
    return use


def _replay_account(
    policy: Policy,
    account: Subject,
    wanted: Sequence[NewLimit],
    use: _Use,
    own: dict[tuple[int, str], Override],
    found: dict[str, ModuleReplay],
) -> None:
    for each in wanted:
        stops = [
            at
            for place, rule in _new_rules(each, account, own.get((account.id, each.module)))
            for at, tokens in _used_in_windows(policy, each, place, account.id, use).items()
            if replay.is_stopped(rule, tokens, balance=account.balance, order=policy.spend_order)
        ]
        if stops:
            found[each.module].add(account, min(stops))


def _new_rules(wanted: NewLimit, account: Subject, own: Override | None) -> list[tuple[int, Rule | None]]:
    """Return the place and the rule of each window of the new limit that reaches an account; None gives nothing.

    A rule of the account's own beats those of its audiences: there the new limit does not reach it.
    """
    limit = wanted.limit
    rules = None if limit is None else rules_of(limit, None, account.roles, guest=account.user_id is None)
    if rules is None:
        return [] if own is not None else [(0, None)]
    is_own = (own is not None, own is not None and own.second is not None)
    return [(place, matched.rule) for place, matched in enumerate(rules) if not is_own[place]]


def _used_in_windows(policy: Policy, wanted: NewLimit, place: int, account_id: int, use: _Use) -> dict[datetime, int]:
    """Return what the allowance paid in each window with the period of one window of the new limit."""

    def used_of(counter: int) -> list[tuple[datetime, int]]:
        return use.windows.get((account_id, wanted.module, counter), [])

    if wanted.current is None:
        return dict(used_of(0))
    if wanted.limit is None:
        return dict(used_of(wanted.current.counter))
    period = wanted.limit.windows[place].period
    source = replay.source_of(period, wanted.current.windows)
    if source is None:
        days = use.days.get((account_id, wanted.module), [])
        free = sum(tokens for _, tokens in used_of(replay.shortest(wanted.current.windows).counter))
        if not free:
            return {}
        others = max(0, sum(tokens for _, tokens in days) - free)
        return replay.add_up(replay.without_first(days, others), period, policy.calendar)
    # Resets by hand open windows of their own.
    if source.period is period:
        return dict(used_of(source.counter))
    return replay.add_up(used_of(source.counter), period, policy.calendar)
