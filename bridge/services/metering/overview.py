"""The overview of one account: balance, plan and allowances, for every page and document that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance, Profile, Who
from bridge.domain.stores.stores import Policy
from bridge.services.metering import documents, policies
from bridge.services.metering.funding import Free, free_of
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection


@dataclass(frozen=True, slots=True)
class AllowanceStatus:
    """The free allowance of one module. `remaining` is less open holds, None without a limit."""

    module: str
    free: Free

    @property
    def limit(self) -> int | str:
        """Return the tokens per window, `unlimited` or `disabled`."""
        return self.free.matched.rule.document

    @property
    def used(self) -> int:
        """Return the tokens used in the current window."""
        return self.free.used

    @property
    def remaining(self) -> int | None:
        """Return the tokens left in the current window; None without a limit."""
        return self.free.left

    @property
    def resets_at(self) -> datetime | None:
        """Return the end of the current window; None if it has none."""
        return self.free.window.ends_at

    @property
    def state(self) -> str:
        """Return `ok`, `low`, `exhausted`, `unlimited` or `disabled`."""
        return documents.state_of(self.free.matched, used=self.free.used + self.free.held)


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
    """An account with its balance, its plan (None without one) and the allowances that have a rule."""

    account: Account
    balance: Balance
    plan: PlanStatus | None
    allowances: tuple[AllowanceStatus, ...]


def get_overview(
    connection: Connection, account: Account, *, policy: Policy | None = None, now: datetime
) -> AccountOverview:
    """Return the overview of an account, without locks; `policy` is the store's, read if it is None.

    An account with the id 0 is not stored; it is used as given.
    """
    policy = policy or policies.for_store(connection, account.store_id)
    work = _read(connection, policy, [account], now=now)
    return _overview_of(work, policy, account)


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


def list_modules(policy: Policy) -> list[str]:
    """Return every module of the store in display order; modules that only have a limit come last."""
    return [*policy.modules, *(key for key in policy.limits if key not in policy.modules)]


def _read(connection: Connection, policy: Policy, known: Sequence[Account], *, now: datetime) -> UnitOfWork:
    wanted = Wanted(
        account_ids=[account.id for account in known],
        policies_by_store={policy.store.id: policy},
        modules=[(policy.store.id, module) for module in policy.limits],
        accounts={account.id: account for account in known},
    )
    return open_unit(connection, wanted, now=now, lock=False)


def _overview_of(work: UnitOfWork, policy: Policy, account: Account) -> AccountOverview:
    found = [(module, free_of(work, account, module)) for module in list_modules(policy)]
    return AccountOverview(
        account=account,
        balance=work.balance_of(account),
        plan=_plan_of(work, account),
        allowances=tuple(AllowanceStatus(module, free) for module, free in found if free is not None),
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
