"""Explain a decision of the past: the rules, balance and use of an earlier moment, decided by the rules of spends.

Everything is that of just before the moment, so that the moment of a spend explains
the spend itself. Values that were not recorded are those of now, and are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.funding import split_plan
from bridge.domain.metering.plans import allotments_at
from bridge.domain.stores.stores import Policy
from bridge.services.accounts.profiles import get_account
from bridge.services.metering import confirmations, past_confirmations
from bridge.services.metering.funding import funding_of
from bridge.services.metering.past_rules import PastRules, rules_at
from bridge.services.metering.quotes import Explanation, explanation_of
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.accounts import accounts, ledger, role_changes
from bridge.storage.engine.database import Connection
from bridge.storage.jobs import service_state
from bridge.storage.metering import limits, past, plans
from bridge.storage.metering.past import FreeUse

ROLES_KEPT = timedelta(days=400)
"""How long changes of roles are kept."""
FreeWindow = tuple[datetime, int]
"""When a window of a limit began, and its counter."""
PlanWindow = tuple[int, datetime]
"""The product of a plan, and when its window began."""


class Gap(StrEnum):
    """A value that was not recorded for a past moment."""

    ROLES = "roles_not_recorded"
    RULES = "rules_not_recorded"
    CHANGES = "too_many_changes"
    PLANS = "plans_not_recorded"
    USE = "use_not_exact"


@dataclass(frozen=True, slots=True)
class PastExplanation:
    """The explanation of a decision at a moment, the values that were not recorded, and since when rules are.

    `recorded_since` is None where no change of a rule was ever recorded.
    """

    at: datetime
    explanation: Explanation
    gaps: tuple[Gap, ...]
    recorded_since: datetime | None


def explain_at(
    connection: Connection, store_id: int, user_id: int, *, module: str, tokens: int, at: datetime, now: datetime
) -> PastExplanation:
    """Return what decided a spend of these tokens at an earlier moment.

    Raises `UnknownUser`, `UnknownModule` for a module that the store did not have
    then, and `InvalidRequest` for a moment in the future or before the store.
    """
    account = get_account(connection, store_id, user_id)
    rules = rules_at(connection, store_id, user_id=user_id, account_id=account.id, at=at)
    _check(rules.policy, at, now)
    rules.policy.check_module(module)
    entry = ledger.find_before(connection, account.id, at=at)
    balance, debt = (0, 0) if entry is None else (entry.balance_after, entry.debt_after)
    roles = role_changes.find_at(connection, account.id, at=at)
    wants = past_confirmations.was_wanted(connection, account, at=at)
    account = account._replace(
        balance=balance, debt=debt, roles=account.roles if roles is None else roles, confirm_paid=wants
    )
    work = UnitOfWork(at, {store_id: rules.policy}, {account.id: account})
    work.overrides = {(account.id, key): override for key, override in rules.overrides.items()}
    work.resets = {account.id: past.list_resets(connection, store_id, account.id, at=at)}
    for hold in past.list_holds(connection, account.id, at=at):
        work.set_aside(hold, 1)
    has_plans = _read_plans(connection, work, account)
    is_exact = _read_uses(connection, work, account, module)
    past_confirmations.read(connection, work, account, module)
    found = explanation_of(rules.policy, account, work, funding_of(work, account, module), module, tokens)
    found = replace(found, decision=confirmations.check(work, account, module, found.decision, confirmed=False))
    has_roles = roles is not None or _are_roles_recorded(connection, account, at, now=now)
    gaps = _gaps(rules, at, has_roles=has_roles, has_plans=has_plans, is_exact=is_exact)
    return PastExplanation(at, found, tuple(gaps), rules.recorded_since)


def _check(policy: Policy, at: datetime, now: datetime) -> None:
    if at > now:
        raise InvalidRequest(fields=[FieldError("at", "must not be in the future")])
    connected_at = policy.store.connected_at
    if connected_at is not None and at < connected_at:
        raise InvalidRequest(fields=[FieldError("at", "must not be before the store was connected")])


def _are_roles_recorded(connection: Connection, account: Account, at: datetime, *, now: datetime) -> bool:
    """Return whether each change of the account's roles from a moment on is recorded."""
    times = accounts.times(connection, account.id)
    if times.erased_at is not None and at < times.erased_at:
        return False
    if times.updated_at < at:
        return True
    begun = service_state.find(connection, role_changes.BEGINNING)
    is_before = begun is not None and times.created_at < begun.recorded_at and at < begun.recorded_at
    return not is_before and at >= now - ROLES_KEPT


def _gaps(rules: PastRules, at: datetime, *, has_roles: bool, has_plans: bool, is_exact: bool) -> Iterable[Gap]:
    if not has_roles:
        yield Gap.ROLES
    since, connected_at = rules.recorded_since, rules.policy.store.connected_at
    # The first record of a store that was connected since changes are recorded is its connection.
    if since is None or (at < since and (connected_at is None or since > connected_at)):
        yield Gap.RULES
    if rules.is_cut:
        yield Gap.CHANGES
    if has_plans:
        yield Gap.PLANS
    if not is_exact:
        yield Gap.USE


def _read_plans(connection: Connection, work: UnitOfWork, account: Account) -> bool:
    """Read the plans of the account at the moment; return whether it had bought any by then."""
    zone = work.policy_of(account).calendar.zone
    terms = [term for term in plans.terms(connection, [account.id]).get(account.id, []) if term.bought_at < work.now]
    work.allotments = {account.id: allotments_at(terms, work.now, zone)}
    return bool(terms)


def _read_uses(connection: Connection, work: UnitOfWork, account: Account, module: str) -> bool:
    """Compute the use of the windows that held the moment; return whether it is exact.

    Either the stored use, without what followed, or the sum of the spends since the
    windows began: whichever needs fewer rows. If both need too many, the stored use.
    """
    at = work.now
    policy = work.policy_of(account)
    limit = policy.limits.get(module)
    counters = () if limit is None else [each.counter for each in limit.windows]
    windows = () if limit is None else work.windows_of(account, module)
    starts = {(window.starts_at, counter) for window, counter in zip(windows, counters, strict=True)}
    plan_windows = {(each.product_id, each.window.starts_at) for each in work.allotments[account.id]}
    if not starts and not plan_windows:
        return True
    begin = min([*(start for start, _ in starts), *(start for _, start in plan_windows)])
    free, plan = Counter[FreeWindow](), Counter[PlanWindow]()
    is_exact = True
    if past.count_spends(connection, since=at, until=None) <= past.MOST_SCANNED:
        free, plan = _stored(connection, account, module, starts, plan_windows)
        _add(free, plan, module, past.list_uses(connection, account.id, since=at, until=None), -1)
        _add(free, plan, module, past.list_refunds(connection, account.id, since=at, until=None), 1)
    elif past.count_spends(connection, since=begin, until=at) <= past.MOST_SCANNED:
        _add(free, plan, module, past.list_uses(connection, account.id, since=begin, until=at), 1)
        _add(free, plan, module, past.list_refunds(connection, account.id, since=begin, until=at), -1)
    else:
        free, plan = _stored(connection, account, module, starts, plan_windows)
        is_exact = False
    work.uses = {(account.id, module, *window): max(0, free[window]) for window in starts}
    work.plan_uses = {(account.id, *window): max(0, plan[window]) for window in plan_windows}
    return is_exact


def _stored(
    connection: Connection, account: Account, module: str, starts: set[FreeWindow], plan_windows: set[PlanWindow]
) -> tuple[Counter[FreeWindow], Counter[PlanWindow]]:
    """Return the use that is stored for these windows: that of now, or of their end."""
    free, plan = Counter[FreeWindow](), Counter[PlanWindow]()
    stored = limits.uses(connection, [account.id], [module], {start for start, _ in starts}) if starts else {}
    for (_, _, start, counter), used in stored.items():
        free[start, counter] = used
    for (_, product, start), used in plans.uses(connection, [account.id], {at for _, at in plan_windows}).items():
        plan[product, start] = used
    return free, plan


def _add(
    free: Counter[FreeWindow], plan: Counter[PlanWindow], module: str, found: Sequence[FreeUse], sign: int
) -> None:
    """Add what spends used or refunds gave back to the use of each window."""
    for use in found:
        if use.module == module:
            for window in use.windows:
                free[window] += sign * use.allowance
        # A refund goes to the plan that ends last first.
        parts = sorted(use.plan_parts, key=lambda part: (part.ends_at, part.product_id, part.starts_at), reverse=True)
        for part in split_plan(tokens=use.plan, parts=parts):
            plan[part.product_id, part.starts_at] += sign * part.tokens
