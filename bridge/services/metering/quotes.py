"""Quotes and explanations: the same judgement as a real spend's, and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bridge.domain.accounts.accounts import Account, Profile, Who
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.funding import Decision, Refusal, Source
from bridge.domain.metering.limits import Allows, Period
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Policy
from bridge.services.accounts.profiles import get_account
from bridge.services.metering import documents, limits, policies
from bridge.services.metering.charge import Priced, price, spend
from bridge.services.metering.execute import introduce
from bridge.services.metering.funding import Funding, allowance_document, funding_of, left_of_cap
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection


def quote(
    connection: Connection, caller: Caller, who: Who | None, requests: Sequence[SpendRequest], *, now: datetime
) -> documents.Document:
    """Return what a batch costs, item by item, who would pay it, and what is missing.

    Raises `UnknownOperation` and `TooManyUnits` like a spend. Somebody unknown
    is quoted as a fresh account of the roles given.
    """
    policy = policies.for_store(connection, caller.store_id)
    priced = [price(policy, request) for request in requests]
    account = _find(connection, caller, who)
    work = _look(connection, policy, account, caller, {item.module for item in priced}, now=now)
    account = introduce(work, who, account)
    paid, unpaid, over_cap = _pay_in_turn(work, caller, account, priced)
    shortfall = max(unpaid, over_cap)
    return {
        "tokens": sum(item.tokens for item in priced),
        "items": [_item(request, item) for request, item in zip(requests, priced, strict=True)],
        "affordable": shortfall == 0,
        "shortfall": shortfall,
        "paid_by": {"plan": paid.plan, "balance": paid.balance, "allowance": paid.allowance},
        "balance": documents.balance_document(work.balance_of(account)),
        # What is over a site's cap is not lifted by buying.
        "purchase_url": None if over_cap and not unpaid else policy.store.purchase_url,
    }


def explain(
    connection: Connection, store_id: int, user_id: int, *, module: str, tokens: int, now: datetime
) -> documents.Document:
    """Which roles, rules, window and sources would decide a spend, and the answer, as JSON and in words."""
    policy = policies.for_store(connection, store_id)
    limits.check_known(policy, module)
    account = get_account(connection, store_id, user_id)
    work = _look(connection, policy, account, Caller(store_id, ""), {module}, now=now)
    sources = funding_of(work, account, module)
    cost = tokens if policy.is_metered(module) else 0
    decision = sources.decide(cost)
    document: dict[str, Any] = {
        "user": user_id,
        "module": module,
        "metered": policy.is_metered(module),
        "tokens": tokens,
        "price": cost,
        "roles": list(account.roles),
        "rule": None
        if sources.free is None
        else {"audience": sources.free.matched.audience, "limit": sources.free.matched.rule.document},
        "window": None
        if sources.free is None
        else {
            "period": sources.free.limit.period.value,
            "starts_at": documents.opened_at(sources.free.window),
            "ends_at": documents.format_timestamp(sources.free.window.ends_at),
            "used": sources.free.used,
            "held": sources.free.held,
        },
        "sources": [
            {"source": funding_source.source.value, "left": funding_source.left}
            for funding_source in sources.funding_sources
        ],
        "balance": documents.balance_document(work.balance_of(account)),
        "allowance": allowance_document(work, account, module),
        "verdict": "accepted" if decision.is_accepted else str(decision.refusal),
        "paid_by": {"plan": decision.plan, "balance": decision.balance, "allowance": decision.allowance},
        "shortfall": decision.shortfall,
    }
    document["words"] = _words(policy, account, sources, decision, module=module, cost=cost)
    return document


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
    return work


def _pay_in_turn(
    work: UnitOfWork, caller: Caller, account: Account, priced: Sequence[Priced]
) -> tuple[Decision, int, int]:
    """Return who would pay the items if they were spent one after the other; books that are never closed bear it.

    With it what no source can pay, and what is over the linked site's cap.
    """
    before = work.balance_of(account)
    cap = left_of_cap(work, account, caller.site_id)
    total = Decision()
    shortfall = 0
    for item in priced:
        account = work.accounts[account.id]
        sources = funding_of(work, account, item.module)
        drawn = sources.draw(item.tokens)
        shortfall += drawn.shortfall
        request = SpendRequest(
            caller=caller, key=None, fingerprint="", who=None, module=item.module, tokens=item.tokens
        )
        spend(work, request, account, item, sources, drawn._replace(shortfall=0))
        total = Decision(total.plan + drawn.plan, total.balance + drawn.balance, total.allowance + drawn.allowance)
    over_cap = 0 if cap is None else max(0, sum(item.tokens for item in priced) - cap)
    work.accounts[account.id] = work.accounts[account.id]._replace(balance=before.balance)
    return total, shortfall, over_cap


def _item(request: SpendRequest, priced: Priced) -> documents.Document:
    named = (
        {"module": priced.module}
        if request.operation is None
        else {"operation": request.operation, "quantity": request.units, "module": priced.module}
    )
    return {**named, "tokens": priced.tokens}


def _words(
    policy: Policy, account: Account, sources: Funding, decision: Decision, *, module: str, cost: int
) -> list[str]:
    label = policy.label_of(module)
    words = [f"User {account.user_id} has the roles {', '.join(account.roles) or '(none known)'}."]
    if not policy.is_metered(module):
        words.append(f"{label} is not metered: its use is recorded and costs nothing.")
    words.append(_words_of_rule(sources, label))
    for funding_source in sources.funding_sources:
        left = "no end of" if funding_source.left is None else f"{funding_source.left:,}"
        words.append(f"{funding_source.source.value.capitalize()} can pay {left} tokens.")
    if decision.is_accepted:
        shares = {
            Source.PLAN: decision.plan,
            Source.BALANCE: decision.balance,
            Source.ALLOWANCE: decision.allowance,
        }
        paid = ", ".join(f"{tokens:,} from {source.value}" for source, tokens in shares.items() if tokens)
        words.append(f"Accepted: {documents.tokens(cost)}, {paid or 'nothing to pay'}.")
    elif decision.refusal is Refusal.MODULE_DISABLED:
        words.append(f"Refused: {label} is disabled and no other source can pay; {decision.shortfall:,} are missing.")
    else:
        words.append(f"Refused: of {documents.tokens(cost)}, {decision.shortfall:,} cannot be paid.")
    return words


def _words_of_rule(sources: Funding, label: str) -> str:
    free = sources.free
    if free is None:
        return f"No rule gives a free allowance in {label}."
    rule = free.matched.rule
    if rule.allows is Allows.AMOUNT:
        held = f" and {free.held:,} held" if free.held else ""
        often = "once" if free.limit.period is Period.NEVER else free.limit.period.value
        opened = documents.opened_at(free.window)
        since = f" since {opened}" if opened else ""
        return (
            f"The rule for {free.matched.audience} gives {documents.tokens(rule.tokens)} {often};"
            f" used{since}: {free.used:,}{held}."
        )
    return f"The rule for {free.matched.audience} says {rule.allows.value}."
