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
from bridge.services.metering.funding import Means, allowance_document, left_of_cap, means_of
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection


def quote(
    connection: Connection, caller: Caller, who: Who | None, asks: Sequence[SpendRequest], *, now: datetime
) -> documents.Document:
    """Return what a batch costs, item by item, who would pay it, and what is missing.

    Raises `UnknownOperation` and `TooManyUnits` like a spend. Somebody unknown
    is quoted as a fresh account of the roles given.
    """
    rulebook = policies.for_store(connection, caller.store_id)
    priced = [price(rulebook, ask) for ask in asks]
    account = _find(connection, caller, who)
    books = _look(connection, rulebook, account, caller, {item.module for item in priced}, now=now)
    account = introduce(books, who, account)
    paid, unpaid, over_cap = _pay_in_turn(books, caller, account, priced)
    shortfall = max(unpaid, over_cap)
    return {
        "tokens": sum(item.tokens for item in priced),
        "items": [_item(ask, item) for ask, item in zip(asks, priced, strict=True)],
        "affordable": shortfall == 0,
        "shortfall": shortfall,
        "paid_by": {"plan": paid.plan, "balance": paid.balance, "allowance": paid.allowance},
        "balance": documents.standing_document(books.standing_of(account)),
        # What is over a site's cap is not lifted by buying.
        "purchase_url": None if over_cap and not unpaid else rulebook.store.purchase_url,
    }


def explain(
    connection: Connection, store_id: int, user_id: int, *, module: str, tokens: int, now: datetime
) -> documents.Document:
    """Which roles, rules, window and sources would decide a spend, and the answer, as JSON and in words."""
    rulebook = policies.for_store(connection, store_id)
    limits.check_known(rulebook, module)
    account = get_account(connection, store_id, user_id)
    books = _look(connection, rulebook, account, Caller(store_id, ""), {module}, now=now)
    means = means_of(books, account, module)
    cost = tokens if rulebook.is_metered(module) else 0
    decision = means.decide(cost)
    document: dict[str, Any] = {
        "user": user_id,
        "module": module,
        "metered": rulebook.is_metered(module),
        "tokens": tokens,
        "price": cost,
        "roles": list(account.roles),
        "rule": None
        if means.free is None
        else {"audience": means.free.verdict.audience, "limit": means.free.verdict.rule.document},
        "window": None
        if means.free is None
        else {
            "period": means.free.limit.period.value,
            "starts_at": documents.opened_at(means.free.window),
            "ends_at": documents.instant(means.free.window.ends_at),
            "used": means.free.used,
            "held": means.free.held,
        },
        "sources": [{"source": purse.source.value, "left": purse.left} for purse in means.purses],
        "balance": documents.standing_document(books.standing_of(account)),
        "allowance": allowance_document(books, account, module),
        "verdict": "accepted" if decision.is_accepted else str(decision.refusal),
        "paid_by": {"plan": decision.plan, "balance": decision.balance, "allowance": decision.allowance},
        "shortfall": decision.shortfall,
    }
    document["words"] = _words(rulebook, account, means, decision, module=module, cost=cost)
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
    connection: Connection, rulebook: Policy, account: Account, caller: Caller, modules: set[str], *, now: datetime
) -> UnitOfWork:
    wanted = Wanted(
        account_ids=[account.id],
        rulebooks={rulebook.store.id: rulebook},
        modules=[(rulebook.store.id, module) for module in modules],
        site_ids=[caller.site_id] if caller.site_id else [],
    )
    books = open_unit(connection, wanted, now=now, lock=False)
    books.accounts[account.id] = account
    return books


def _pay_in_turn(
    books: UnitOfWork, caller: Caller, account: Account, priced: Sequence[Priced]
) -> tuple[Decision, int, int]:
    """Return who would pay the items if they were spent one after the other; books that are never closed bear it.

    With it what no source can pay, and what is over the linked site's cap.
    """
    before = books.standing_of(account)
    cap = left_of_cap(books, account, caller.site_id)
    total = Decision()
    shortfall = 0
    for item in priced:
        account = books.accounts[account.id]
        means = means_of(books, account, item.module)
        drawn = means.draw(item.tokens)
        shortfall += drawn.shortfall
        ask = SpendRequest(caller=caller, key=None, fingerprint="", who=None, module=item.module, tokens=item.tokens)
        spend(books, ask, account, item, means, drawn._replace(shortfall=0))
        total = Decision(total.plan + drawn.plan, total.balance + drawn.balance, total.allowance + drawn.allowance)
    over_cap = 0 if cap is None else max(0, sum(item.tokens for item in priced) - cap)
    books.accounts[account.id] = books.accounts[account.id]._replace(balance=before.balance)
    return total, shortfall, over_cap


def _item(ask: SpendRequest, priced: Priced) -> documents.Document:
    named = (
        {"module": priced.module}
        if ask.operation is None
        else {"operation": ask.operation, "quantity": ask.units, "module": priced.module}
    )
    return {**named, "tokens": priced.tokens}


def _words(
    rulebook: Policy, account: Account, means: Means, decision: Decision, *, module: str, cost: int
) -> list[str]:
    label = rulebook.label_of(module)
    words = [f"User {account.user_id} has the roles {', '.join(account.roles) or '(none known)'}."]
    if not rulebook.is_metered(module):
        words.append(f"{label} is not metered: its use is recorded and costs nothing.")
    words.append(_words_of_rule(means, label))
    for purse in means.purses:
        left = "no end of" if purse.left is None else f"{purse.left:,}"
        words.append(f"{purse.source.value.capitalize()} can pay {left} tokens.")
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


def _words_of_rule(means: Means, label: str) -> str:
    free = means.free
    if free is None:
        return f"No rule gives a free allowance in {label}."
    rule = free.verdict.rule
    if rule.allows is Allows.AMOUNT:
        held = f" and {free.held:,} held" if free.held else ""
        often = "once" if free.limit.period is Period.NEVER else free.limit.period.value
        opened = documents.opened_at(free.window)
        since = f" since {opened}" if opened else ""
        return (
            f"The rule for {free.verdict.audience} gives {documents.tokens(rule.tokens)} {often};"
            f" used{since}: {free.used:,}{held}."
        )
    return f"The rule for {free.verdict.audience} says {rule.allows.value}."
