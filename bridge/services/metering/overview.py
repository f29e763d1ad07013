"""The overview of one account: balance, plan and allowances, for every page and document that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.metering.limits import Allowance, window_at
from bridge.domain.metering.plans import allotments_at
from bridge.domain.stores.stores import Policy
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.engine.several import Lists
from bridge.storage.metering import holds, manual_resets, overrides, plans, policies


@dataclass(frozen=True, slots=True)
class PlanStatus:
    """All plans of an account together, in the current window of the first one."""

    name: str
    tokens: int
    used: int
    remaining: int
    resets_at: datetime | None
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class AccountOverview:
    """An account with its balance, its plan (None without one) and the allowances that have a rule.

    `policy` is that of its store.
    """

    policy: Policy
    account: Account
    balance: Balance
    plan: PlanStatus | None
    allowances: tuple[Allowance, ...]


def get_policy(connection: Connection, store_id: int) -> Policy:
    """Return the policy for spends of a store: its modules, limits and prices."""
    return policies.for_store(connection, store_id)


def get_overview(connection: Connection, account: Account, *, now: datetime) -> AccountOverview:
    """Return the overview of an account, without locks.

    An account with the id 0 is not stored; it is used as given.
    """
    policy = policies.for_store(connection, account.store_id)
    return _overview_of(_read(connection, policy, [account], now=now), policy, account)


def list_overviews(
    connection: Connection, account_ids: Sequence[int], *, policy: Policy, now: datetime
) -> dict[int, AccountOverview]:
    """Return the overviews of accounts of one store by id, without locks, in a fixed number of statements."""
    known = list(accounts.look(connection, account_ids).values())
    work = _read(connection, policy, known, now=now)
    return {account.id: _overview_of(work, policy, account) for account in known}


def window_starts(policy: Policy, now: datetime) -> set[datetime]:
    """Return the starts of every window that the store's limits have now, manual resets of the store included."""
    periods = {window.period for limit in policy.limits.values() for window in limit.windows}
    starts = {window_at(period, now, policy.calendar).starts_at for period in periods}
    return starts | {reset.reset_at for reset in policy.resets}


def overview_of_rows(policy: Policy, account: Account, rows: Lists, *, now: datetime) -> AccountOverview:
    """Return the overview of an account from the rows that `widget_rows` read, without a statement."""
    work = UnitOfWork(now, {policy.store.id: policy}, {account.id: account})
    for row in rows.rows("holds"):
        work.set_aside(holds.to_hold(row), 1)
    work.uses = {(account.id, row.module, row.starts_at, row.counter): row.used for row in rows.rows("uses")}
    work.overrides = {(account.id, row.module): overrides.to_override(row) for row in rows.rows("overrides")}
    resets = [manual_resets.to_reset(row) for row in rows.rows("resets")]
    if resets:
        work.resets = {account.id: resets}
    terms = [plans.to_term(row) for row in rows.rows("terms")]
    if terms:
        work.plan_terms = {account.id: terms}
        work.allotments = {account.id: allotments_at(terms, now, policy.calendar.zone)}
    work.plan_uses = {(account.id, row.product_id, row.starts_at): row.used for row in rows.rows("plan_uses")}
    return _overview_of(work, policy, account)


def _read(connection: Connection, policy: Policy, known: Sequence[Account], *, now: datetime) -> UnitOfWork:
    wanted = Wanted(
        account_ids=[account.id for account in known],
        policies_by_store={policy.store.id: policy},
        modules=[(policy.store.id, module) for module in policy.limits],
        accounts={account.id: account for account in known},
    )
    return open_unit(connection, wanted, now=now, lock=False)


def _overview_of(work: UnitOfWork, policy: Policy, account: Account) -> AccountOverview:
    found = [work.allowance_of(account, module) for module in policy.module_keys]
    return AccountOverview(
        policy=policy,
        account=account,
        balance=work.balance_of(account),
        plan=_plan_of(work, account),
        allowances=tuple(allowance for allowance in found if allowance is not None),
    )


def _plan_of(work: UnitOfWork, account: Account) -> PlanStatus | None:
    allotments = work.allotments.get(account.id, [])
    if not allotments:
        return None
    tokens = sum(allotment.tokens for allotment in allotments)
    left = sum(part.tokens for part in work.plan_lefts(account))
    return PlanStatus(
        name=", ".join(dict.fromkeys(allotment.name for allotment in allotments)),
        tokens=tokens,
        used=tokens - left,
        remaining=left,
        resets_at=allotments[0].window.ends_at,
        ends_at=max(allotment.ends_at for allotment in allotments),
    )
