"""The rows of one batch: read once, changed in memory, written once.

The accounts are locked, so what was read stays true until the transaction
ends. The number of statements does not grow with the number of requests.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any, TypeVar

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.accounts.ledger import Entry, Kind, Movement
from bridge.domain.events.events import EventType, NewEvent
from bridge.domain.metering.funding import PlanPart
from bridge.domain.metering.holds import Hold
from bridge.domain.metering.idempotency import Answer
from bridge.domain.metering.limits import (
    Allowance,
    Override,
    Period,
    Reset,
    Window,
    WindowAllowance,
    WindowKey,
    rules_of,
    since_reset,
    window_at,
)
from bridge.domain.metering.plans import Allotment, Term, allotments_at
from bridge.domain.metering.spends import Receipt, Refund, Spend
from bridge.domain.stores.stores import Module, Policy, label_of
from bridge.services.accounts.balance_alerts import watch
from bridge.storage.accounts import accounts, ledger
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox
from bridge.storage.metering import carried_uses, holds, idempotency, limits, manual_resets, overrides, plans, spends
from bridge.storage.metering.carried_uses import CarriedKey
from bridge.storage.metering.confirmations import ConfirmationKey
from bridge.storage.metering.guest_uses import GuestUses
from bridge.storage.metering.idempotency import KeyPlace
from bridge.storage.metering.spends import UsagePlace
from bridge.storage.sites import sites
from bridge.storage.stores import stores

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows a batch needs; `modules` are the (store, module) pairs of its requests.

    `accounts` are given where this transaction has read them already: then none is read by `account_ids`.
    """

    account_ids: Collection[int]
    policies_by_store: dict[int, Policy]
    modules: Collection[tuple[int, str]] = ()
    keys: Collection[KeyPlace] = ()
    hold_ids: Collection[int] = ()
    spend_ids: Collection[int] = ()
    site_ids: Collection[int] = ()
    accounts: Mapping[int, Account] | None = None


@dataclass(slots=True)
class UnitOfWork:
    """The rows a batch works on; the `new_…` and `changed_…` fields are what `close` writes.

    The `held_…` fields count what open holds set aside, by account, by window
    of an allowance, by window of a plan, and by linked site.
    """

    now: datetime
    policies_by_store: dict[int, Policy]
    accounts: dict[int, Account]
    windows: dict[tuple[int, str], tuple[Window, ...]] = field(default_factory=dict)
    uses: dict[WindowKey, int] = field(default_factory=dict)
    overrides: dict[tuple[int, str], Override] = field(default_factory=dict)
    resets: dict[int, list[Reset]] = field(default_factory=dict)
    plan_terms: dict[int, Sequence[Term]] = field(default_factory=dict)
    allotments: dict[int, list[Allotment]] = field(default_factory=dict)
    plan_uses: dict[plans.PlanKey, int] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    held_balances: dict[int, int] = field(default_factory=dict)
    held_allowances: dict[WindowKey, int] = field(default_factory=dict)
    held_plans: dict[plans.PlanKey, int] = field(default_factory=dict)
    held_sites: dict[int, int] = field(default_factory=dict)
    spends: dict[int, Spend] = field(default_factory=dict)
    caps: dict[int, int | None] = field(default_factory=dict)
    site_uses: dict[sites.MonthKey, int] = field(default_factory=dict)
    answers: dict[KeyPlace, Answer] = field(default_factory=dict)
    changed_accounts: set[int] = field(default_factory=set)
    renamed_accounts: dict[int, Account] = field(default_factory=dict)
    changed_uses: dict[WindowKey, datetime | None] = field(default_factory=dict)
    changed_plan_uses: dict[plans.PlanKey, datetime] = field(default_factory=dict)
    changed_holds: set[int] = field(default_factory=set)
    changed_spends: set[int] = field(default_factory=set)
    new_holds: set[int] = field(default_factory=set)
    new_spends: set[int] = field(default_factory=set)
    new_refunds: list[Refund] = field(default_factory=list)
    new_entries: list[Entry] = field(default_factory=list)
    new_events: list[NewEvent] = field(default_factory=list)
    new_usage: dict[UsagePlace, tuple[int, int]] = field(default_factory=dict)
    new_site_uses: dict[sites.MonthKey, int] = field(default_factory=dict)
    new_modules: dict[int, set[str]] = field(default_factory=dict)
    day_totals: dict[tuple[int, date], tuple[int, int]] = field(default_factory=dict)
    carried: dict[CarriedKey, int] = field(default_factory=dict)
    changed_carried: set[CarriedKey] = field(default_factory=set)
    guest_uses: GuestUses = field(default_factory=GuestUses)
    merge_ids: dict[int, int] = field(default_factory=dict)
    confirmations: dict[ConfirmationKey, datetime] = field(default_factory=dict)
    new_confirmations: set[ConfirmationKey] = field(default_factory=set)
    new_answers: dict[KeyPlace, Answer] = field(default_factory=dict)

    def policy_of(self, account: Account) -> Policy:
        """Return the policy of the account's store."""
        return self.policies_by_store[account.store_id]

    def person_of(self, account: Account) -> Account:
        """Return the account that pays for this one: itself, or the one it was merged into."""
        return account if account.merged_into is None else self.accounts[account.merged_into]

    def balance_of(self, account: Account) -> Balance:
        """Return the account's balance at this point of the batch."""
        return Balance(balance=account.balance, held=self.held_balances.get(account.id, 0), debt=account.debt)

    def windows_of(self, account: Account, module: str) -> tuple[Window, ...]:
        """Return the windows that the account's use of a module counts in now, manual resets included."""
        policy = self.policy_of(account)
        limit = policy.limits[module]
        windows = self.windows.get((account.store_id, module))
        if windows is None:
            windows = tuple(window_at(each.period, self.now, policy.calendar) for each in limit.windows)
            self.windows[account.store_id, module] = windows
        if not policy.resets and account.id not in self.resets:
            return windows
        resets = [*policy.resets, *self.resets.get(account.id, ())]
        return tuple(
            since_reset(
                window,
                [reset.reset_at for reset in resets if reset.concerns(module, each.period, account.roles)],
                self.now,
            )
            for each, window in zip(limit.windows, windows, strict=True)
        )

    def window_keys(self, account: Account, module: str) -> dict[WindowKey, datetime | None]:
        """Return the running windows of an account in a module, each with its end; none without a limit."""
        limit = self.policy_of(account).limits.get(module)
        if limit is None:
            return {}
        windows = zip(limit.windows, self.windows_of(account, module), strict=True)
        return {(account.id, module, span.starts_at, each.counter): span.ends_at for each, span in windows}

    def allowance_of(self, account: Account, module: str) -> Allowance | None:
        """Return the account's free allowance in a module at this point of the batch; None where no rule gives one.

        A rule of the account's own beats those of its audiences.
        """
        limit = self.policy_of(account).limits.get(module)
        if limit is None:
            return None
        override = self.overrides.get((account.id, module))
        rules = rules_of(limit, override, account.roles, guest=account.is_guest)
        if rules is None:
            return None
        found = []
        for each, matched, window in zip(limit.windows, rules, self.windows_of(account, module), strict=True):
            key = (account.id, module, window.starts_at, each.counter)
            used, held = self.uses.get(key, 0), self.held_allowances.get(key, 0)
            found.append(WindowAllowance(each.period, matched, window, used, held, each.counter))
        return Allowance(limit, tuple(found))

    def receipt_of(self, account: Account, item: Spend | Hold | Refund, module: str) -> Receipt:
        """Return the result of a request, with what the account has at this point of the batch."""
        account = self.person_of(self.accounts[account.id])
        return Receipt(item, self.balance_of(account), self.allowance_of(account, module))

    def month_of(self, account: Account, moment: datetime) -> datetime:
        """Return the beginning of the store's calendar month around a moment."""
        return window_at(Period.MONTHLY, moment, self.policy_of(account).calendar).starts_at

    def plan_lefts(self, account: Account) -> list[PlanPart]:
        """Return what each of the account's plans can still pay in its running window, the soonest to end first."""
        found = []
        for allotment in self.allotments.get(account.id, ()):
            key = (account.id, allotment.product_id, allotment.window.starts_at)
            left = allotment.tokens - self.plan_uses.get(key, 0) - self.held_plans.get(key, 0)
            ends_at = allotment.window.ends_at or allotment.ends_at
            found.append(PlanPart(allotment.product_id, allotment.window.starts_at, ends_at, max(0, left)))
        return found

    def use_module(self, policy: Policy, module: str) -> None:
        """Note a module that is used for the first time; raises `UnknownModule` where the store does not accept it."""
        if policy.has_module(module):
            return
        fresh: Set[str] = self.new_modules.get(policy.store.id, frozenset())
        if module not in fresh:
            policy.check_module(module, fresh=len(fresh))
            self.new_modules.setdefault(policy.store.id, set()).add(module)

    def set_aside(self, hold: Hold, sign: int) -> None:
        """Count a hold's tokens as held (sign 1), or no longer (sign -1)."""
        _count(self.held_balances, hold.account_id, sign * hold.from_balance)
        _count(self.held_sites, hold.site_id, sign * hold.tokens)
        for window in hold.window_keys:
            _count(self.held_allowances, window, sign * hold.from_allowance)
        for part in hold.plan_parts:
            _count(self.held_plans, (hold.account_id, part.product_id, part.starts_at), sign * part.tokens)
        self.changed_accounts.add(hold.account_id)

    def use_window(self, key: WindowKey, ends_at: datetime | None, tokens: int) -> None:
        """Count tokens as used in a window; fewer than zero gives them back."""
        self.uses[key] = self.uses.get(key, 0) + tokens
        self.changed_uses[key] = ends_at

    def use_plan(self, account_id: int, part: PlanPart, tokens: int) -> None:
        """Count tokens as used in a plan's window; fewer than zero gives them back."""
        key = (account_id, part.product_id, part.starts_at)
        self.plan_uses[key] = self.plan_uses.get(key, 0) + tokens
        self.changed_plan_uses[key] = part.ends_at

    def use_site(self, account: Account, site_id: int, moment: datetime, tokens: int) -> None:
        """Count tokens as used by a linked site in the month of a moment."""
        if site_id:
            key = (site_id, self.month_of(account, moment))
            # After a change of the time zone months begin elsewhere: this one may have fewer tokens to give back.
            tokens = max(tokens, -self.site_uses.get(key, 0))
            self.site_uses[key] = self.site_uses.get(key, 0) + tokens
            self.new_site_uses[key] = self.new_site_uses.get(key, 0) + tokens

    def day_of(self, account: Account, moment: datetime) -> date:
        """Return the day of history of a moment, in the store's time zone."""
        return _day_of(moment, self.policy_of(account).calendar.zone)

    def use_day(self, account: Account, spend: Spend, *, units: int, tokens: int) -> None:
        """Count units and tokens in the history, on the spend's local day."""
        day = self.day_of(account, spend.created_at)
        place = (account.id, day, spend.module, spend.operation or "", spend.site_id, spend.source or "")
        before = self.new_usage.get(place, (0, 0))
        self.new_usage[place] = (before[0] + units, before[1] + tokens)
        total = self.day_totals.get((account.id, day))
        if total is not None:
            self.day_totals[account.id, day] = (total[0] + units, total[1] + tokens)

    def move(self, account_id: int, kind: Kind, movement: Movement, *, actor: str, reason: str, spend: Spend) -> None:
        """Move a balance and write the entry that explains it."""
        account = self.accounts[account_id]
        account = account.moved(tokens=movement.tokens, debt=movement.debt)
        self.accounts[account_id] = account
        self.changed_accounts.add(account_id)
        entry = Entry(
            id=new_id(),
            account_id=account_id,
            kind=kind,
            tokens=movement.tokens,
            debt=movement.debt,
            balance_after=account.balance,
            debt_after=account.debt,
            actor=actor,
            reason=reason[:500],
            created_at=self.now,
            spend_id=spend.id,
            reference=spend.reference,
        )
        self.new_entries.append(entry)

    def announce(self, account: Account, type_: EventType, payload: Mapping[str, Any]) -> None:
        """Put an event in the outbox."""
        self.new_events.append(NewEvent(new_id(), account.store_id, account.id, type_, payload, self.now))


def _count(counted: dict[K, int], key: K, tokens: int) -> None:
    counted[key] = counted.get(key, 0) + tokens


@functools.lru_cache(maxsize=64)
def _day_of(moment: datetime, zone: tzinfo) -> date:
    """Return the local day of a moment. Cached: a batch needs the same one for each request."""
    return moment.astimezone(zone).date()


def open_unit(connection: Connection, wanted: Wanted, *, now: datetime, lock: bool = True) -> UnitOfWork:
    """Read what a batch needs, in a fixed number of statements.

    With `lock`, the accounts are locked in id order before their other rows are
    read. Without it, the unit of work is only for reading and must not be written.
    """
    read = accounts.lock if lock else accounts.look
    known = read(connection, wanted.account_ids) if wanted.accounts is None else dict(wanted.accounts)
    if not lock:
        # What a merged account has is what the person has.
        known |= accounts.look(connection, {one.merged_into for one in known.values() if one.merged_into is not None})
    work = UnitOfWork(now, wanted.policies_by_store, known)
    if wanted.keys:
        work.answers = idempotency.find_answers(connection, wanted.keys)
    if wanted.spend_ids:
        work.spends = spends.find_many(connection, wanted.spend_ids)
    _read_holds(connection, work, wanted.hold_ids)
    _read_windows(connection, work, wanted.modules)
    _read_plans(connection, work)
    site_ids = {*wanted.site_ids, *(spend.site_id for spend in work.spends.values())}
    site_ids |= {hold.site_id for hold in work.holds.values()}
    if site_ids - {0}:
        work.caps = sites.caps(connection, site_ids)
        moments = [now, *(spend.created_at for spend in work.spends.values())]
        since = min((work.month_of(account, min(moments)) for account in known.values()), default=now)
        work.site_uses = sites.uses(connection, site_ids, since=since)
    return work


def close_unit(connection: Connection, work: UnitOfWork) -> None:
    """Write what changed, each kind of row in one statement."""
    emit_events(work)
    changed = sorted(work.changed_accounts)
    accounts.set_balances(connection, [work.accounts[id_] for id_ in changed], now=work.now)
    renamed = work.renamed_accounts
    accounts.set_profiles(connection, [work.accounts[id_] for id_ in sorted(renamed)], before=renamed, now=work.now)
    holds.add(connection, [work.holds[id_] for id_ in sorted(work.new_holds)])
    holds.settle(connection, [work.holds[id_] for id_ in sorted(work.changed_holds - work.new_holds)])
    spends.add(connection, [work.spends[id_] for id_ in sorted(work.new_spends)])
    spends.give_back(connection, [work.spends[id_] for id_ in sorted(work.changed_spends - work.new_spends)])
    spends.add_refunds(connection, work.new_refunds)
    ledger.add(connection, [(entry, None) for entry in work.new_entries])
    limits.set_uses(connection, {key: work.uses[key] for key in work.changed_uses}, work.changed_uses)
    plan_keys = work.changed_plan_uses
    plans.set_uses(connection, {key: work.plan_uses[key] for key in plan_keys}, plan_keys)
    carried_uses.set_uses(connection, {key: work.carried[key] for key in work.changed_carried})
    spends.add_usage(connection, work.new_usage)
    sites.add_uses(connection, work.new_site_uses)
    outbox.add(connection, work.new_events)
    idempotency.add_answers(connection, work.new_answers, now=work.now)
    for store_id, keys in work.new_modules.items():
        _add_modules(connection, store_id, keys)


def _add_modules(connection: Connection, store_id: int, keys: Iterable[str]) -> None:
    stores.touch(connection, store_id)
    known = limits.list_modules(connection, store_id)
    fresh = [Module(key, label_of(key)) for key in sorted(keys) if key not in known]
    limits.put_modules(connection, store_id, fresh, position=len(known))


def _read_holds(connection: Connection, work: UnitOfWork, hold_ids: Collection[int]) -> None:
    if hold_ids:
        work.holds = holds.find_many(connection, hold_ids)
    for hold in holds.list_open(connection, work.accounts.keys(), now=work.now):
        work.holds[hold.id] = hold
        work.set_aside(hold, 1)
    # Reading changed nothing yet.
    work.changed_accounts.clear()


def _read_windows(connection: Connection, work: UnitOfWork, modules: Iterable[tuple[int, str]]) -> None:
    counted = {(store, module) for store, module in modules if module in work.policies_by_store[store].limits}
    # Also where no allowance paid: what is drawn beyond a hold may, and every answer tells what is left.
    counted |= {(spend.store_id, spend.module) for spend in work.spends.values()}
    if any(policy.has_overrides for policy in work.policies_by_store.values()):
        work.overrides = overrides.overrides(connection, work.accounts.keys(), now=work.now)
    if any(policy.has_account_resets for policy in work.policies_by_store.values()):
        work.resets = manual_resets.account_resets(connection, work.accounts.keys())
    counted |= {(hold.store_id, hold.module) for hold in work.holds.values()}
    starts = {key[2] for spend in work.spends.values() for key in spend.window_keys}
    starts |= {key[2] for hold in work.holds.values() for key in hold.window_keys}
    for store, module in counted:
        policy = work.policies_by_store[store]
        limit = policy.limits.get(module)
        if limit is not None:
            windows = tuple(window_at(each.period, work.now, policy.calendar) for each in limit.windows)
            work.windows[store, module] = windows
            starts |= {*(window.starts_at for window in windows), *(reset.reset_at for reset in policy.resets)}
    starts |= {reset.reset_at for resets in work.resets.values() for reset in resets}
    names = {module for _, module in counted}
    work.uses = limits.uses(connection, work.accounts.keys(), names, starts)


def _read_plans(connection: Connection, work: UnitOfWork) -> None:
    starts = {part.starts_at for spend in work.spends.values() for part in spend.plan_parts}
    starts |= {part.starts_at for hold in work.holds.values() for part in hold.plan_parts}
    if any(policy.has_plans for policy in work.policies_by_store.values()):
        for account_id, terms in plans.terms(connection, work.accounts.keys()).items():
            zone = work.policy_of(work.accounts[account_id]).calendar.zone
            work.plan_terms[account_id] = terms
            work.allotments[account_id] = allotments_at(terms, work.now, zone)
            starts |= {allotment.window.starts_at for allotment in work.allotments[account_id]}
    work.plan_uses = plans.uses(connection, work.accounts.keys(), starts)


def emit_events(work: UnitOfWork) -> None:
    """Compare each changed balance with what was last announced; a crossing is an event."""
    for account_id in sorted(work.changed_accounts):
        account = work.accounts[account_id]
        updated, events = watch(account, work.balance_of(account), work.policy_of(account).store, now=work.now)
        work.accounts[account_id] = updated
        work.new_events.extend(events)
