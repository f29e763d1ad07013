"""Quotes and explanations: the decision of a real spend, and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from bridge.domain.accounts.accounts import Account, Balance, Profile, Who
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.funding import Decision, FundingSource
from bridge.domain.metering.limits import Allowance, WindowAllowance
from bridge.domain.metering.spends import Spend
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Policy
from bridge.services.accounts.profiles import get_account
from bridge.services.metering import confirmations
from bridge.services.metering.charge import Priced, price, spend
from bridge.services.metering.execute import introduce
from bridge.services.metering.funding import Funding, funding_of, left_of_cap
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies, spends


@dataclass(frozen=True, slots=True)
class Quote:
    """The cost of a batch, and what the sources would pay of it.

    `shortfall` is what they could not pay, or what is over a linked site's cap.
    `purchase_url` is None where bought tokens do not help. `confirmation_required`
    means that a spend of an item would be refused until the user confirms.
    """

    policy: Policy
    items: tuple[Priced, ...]
    paid: Decision
    shortfall: int
    balance: Balance
    purchase_url: str | None
    confirmation_required: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """The roles, the rule, the window and the sources that would decide a spend, and the decision.

    `tokens` is what was asked about, `price` what it costs: 0 in an unmetered module.
    """

    account: Account
    module: str
    module_label: str
    is_metered: bool
    tokens: int
    price: int
    allowance: Allowance | None
    funding_sources: tuple[FundingSource, ...]
    balance: Balance
    decision: Decision

    @property
    def refused_by(self) -> tuple[WindowAllowance, ...]:
        """Return the windows that leave less than the other sources do not pay; empty if it is accepted."""
        return () if self.allowance is None else self.allowance.refusing(self.decision.shortfall)


def quote(
    connection: Connection, caller: Caller, who: Who | None, requests: Sequence[SpendRequest], *, now: datetime
) -> Quote:
    """Return what a batch costs, item by item, who would pay it, and what is missing.

    Raises `UnknownOperation` and `TooManyUnits` like a spend. An unknown user
    is quoted as a new account with the given roles.
    """
    policy = policies.for_store(connection, caller.store_id)
    priced = [price(policy, request) for request in requests]
    account = _find(connection, caller, who)
    work = _look(connection, policy, account, caller, {item.module for item in priced}, now=now)
    account = introduce(work, who, account)
    turns = _pay_in_turn(work, caller, account, priced)
    return Quote(
        policy=policy,
        items=tuple(priced),
        paid=turns.paid,
        shortfall=max(turns.unpaid, turns.over_cap),
        balance=work.balance_of(account),
        # What is over a site's cap is not lifted by buying.
        purchase_url=None if turns.over_cap and not turns.unpaid else policy.store.purchase_url,
        confirmation_required=turns.lacks_confirmation and not turns.unpaid and not turns.over_cap,
    )


def explain(
    connection: Connection, store_id: int, user_id: int, *, module: str, tokens: int, now: datetime
) -> Explanation:
    """Return what would decide a spend of these tokens; raises `UnknownUser` and `UnknownModule`."""
    policy = policies.for_store(connection, store_id)
    policy.check_module(module)
    account = get_account(connection, store_id, user_id)
    work = _look(connection, policy, account, Caller(store_id, ""), {module}, now=now)
    found = explanation_of(policy, account, work, funding_of(work, account, module), module, tokens)
    return replace(found, decision=confirmations.check(work, account, module, found.decision, confirmed=False))


def explanation_of(
    policy: Policy, account: Account, work: UnitOfWork, sources: Funding, module: str, tokens: int
) -> Explanation:
    """Return the explanation of a spend that these sources would pay."""
    cost = tokens if policy.is_metered(module) else 0
    return Explanation(
        account=account,
        module=module,
        module_label=policy.label_of(module),
        is_metered=policy.is_metered(module),
        tokens=tokens,
        price=cost,
        allowance=sources.allowance,
        funding_sources=sources.funding_sources,
        balance=work.balance_of(account),
        decision=sources.decide(cost),
    )


def find_spends(connection: Connection, spend_ids: Sequence[int | None]) -> dict[int, Spend]:
    """Return spends by their ids; None stands for no spend."""
    wanted = [spend_id for spend_id in spend_ids if spend_id is not None]
    return spends.find_many(connection, wanted) if wanted else {}


def _find(connection: Connection, caller: Caller, who: Who | None) -> Account:
    """The account as it is, or a fresh one that is nowhere stored."""
    if who is None:
        return accounts.get(connection, caller.account_id or 0)
    place = accounts.place_of(caller.store_id, who)
    found = accounts.locate(connection, [place]).get(place)
    if found is not None:
        return accounts.get(connection, found)
    return Account(0, caller.store_id, who.user_id if isinstance(who, Profile) else None, 0, 0)


def _look(
    connection: Connection, policy: Policy, account: Account, caller: Caller, modules: set[str], *, now: datetime
) -> UnitOfWork:
    wanted = Wanted(
        account_ids=[account.id],
        policies_by_store={policy.store.id: policy},
        modules=[(policy.store.id, module) for module in modules],
        site_ids=[caller.site_id] if caller.site_id else [],
    )
    work = open_unit(connection, wanted, now=now, lock=False)
    work.accounts[account.id] = account
    confirmations.read(connection, work)
    return work


class _Turns(NamedTuple):
    """The parts that would pay for items in turn; `unpaid` are the tokens that no source can pay."""

    paid: Decision
    unpaid: int
    over_cap: int
    lacks_confirmation: bool


def _pay_in_turn(work: UnitOfWork, caller: Caller, account: Account, priced: Sequence[Priced]) -> _Turns:
    """Return which sources would pay if the items were spent one after the other; changes only the unit of work."""
    before = work.balance_of(account)
    cap = left_of_cap(work, account, caller.site_id)
    total = Decision()
    shortfall = 0
    lacks_confirmation = False
    for item in priced:
        account = work.accounts[account.id]
        sources = funding_of(work, account, item.module)
        drawn = sources.draw(item.tokens)
        shortfall += drawn.shortfall
        lacks_confirmation |= bool(drawn.balance) and confirmations.is_missing(work, account, item.module)
        request = SpendRequest(
            caller=caller, key=None, fingerprint="", who=None, module=item.module, tokens=item.tokens
        )
        spend(work, request, account, item, sources, drawn._replace(shortfall=0))
        total = Decision(total.plan + drawn.plan, total.balance + drawn.balance, total.allowance + drawn.allowance)
    over_cap = 0 if cap is None else max(0, sum(item.tokens for item in priced) - cap)
    work.accounts[account.id] = work.accounts[account.id]._replace(balance=before.balance)
    return _Turns(total, shortfall, over_cap, lacks_confirmation)
