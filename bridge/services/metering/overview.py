"""The overview of one account: balance, plan and allowances, for every page and document that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance, Profile, Who
from bridge.domain.metering.limits import Allowance
from bridge.domain.stores.stores import Policy
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies


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


def get_or_make_account(connection: Connection, store_id: int, who: Who) -> Account:
    """Return the account of a user or a guest; one with the id 0 and no tokens if none is stored."""
    if isinstance(who, Profile):
        found = accounts.find(connection, store_id=store_id, user_id=who.user_id)
        return found or Account(id=0, store_id=store_id, user_id=who.user_id, balance=0, debt=0)
    place = accounts.place_of(store_id, who)
    account_id = accounts.locate(connection, [place]).get(place)
    if account_id is not None:
        return accounts.get(connection, account_id)
    return Account(id=0, store_id=store_id, user_id=None, balance=0, debt=0)


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
