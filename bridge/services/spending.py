"""Spending: many asks judged and written together, each standing alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.domain.accounts import Account, Profile, Standing, Who
from bridge.domain.callers import Caller
from bridge.domain.ledger import Entry, Kind
from bridge.domain.limits import FOREVER, Allows, Limit, Verdict, Window, left_of, window_at
from bridge.domain.spending import Decision, Purse, Source, decide
from bridge.domain.stores import Rulebook
from bridge.services import answers, rulebooks
from bridge.storage import accounts, ledger, limits, spends
from bridge.storage.database import Connection
from bridge.storage.ids import new_ids
from bridge.storage.spends import Answered, KeyPlace, Spend, UsagePlace

MAX_ASKS = 1000
"""The most asks in one batch."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One wish to spend: whole tokens in a module, under a key.

    `fingerprint` is the hash of the request, which tells a repetition from
    another request under the same key.
    """

    caller: Caller
    who: Who
    module: str
    tokens: int
    key: str
    fingerprint: str
    operation: str | None = None
    units: int = 1
    source: str | None = None
    reference: str | None = None

    @property
    def key_place(self) -> KeyPlace:
        """Where the key is looked up."""
        return (self.caller.store_id, self.caller.site_id, self.key)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller is told: a status, the JSON as stored, and whether it was told before."""

    status: int
    document: str
    is_replay: bool = False


KEY_REUSED = Reply(
    422,
    json.dumps(
        {
            "type": "about:blank",
            "title": "Idempotency key reused",
            "status": 422,
            "detail": "This Idempotency-Key was used before with another request. Nothing was charged.",
            "code": "idempotency_key_reused",
        }
    ),
)


@dataclass(slots=True)
class _Books:
    """The rows a batch works on, read once, changed in memory, written once."""

    now: datetime
    rulebooks: dict[int, Rulebook]
    accounts: dict[int, Account]
    uses: dict[limits.WindowKey, int]
    answers: dict[KeyPlace, Answered]
    changed: set[int] = field(default_factory=set)
    renamed: set[int] = field(default_factory=set)
    new_answers: dict[KeyPlace, Answered] = field(default_factory=dict)
    new_spends: list[Spend] = field(default_factory=list)
    new_entries: list[Entry] = field(default_factory=list)
    new_uses: dict[limits.WindowKey, int] = field(default_factory=dict)
    window_ends: dict[limits.WindowKey, datetime | None] = field(default_factory=dict)
    new_usage: dict[UsagePlace, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Free:
    """The free allowance that applies to one ask: its limit, the rule that won, the window and what is gone of it."""

    limit: Limit
    verdict: Verdict
    window: Window
    used: int

    def document(self, *, also_used: int = 0) -> answers.Document:
        return answers.allowance_document(self.limit, self.verdict, self.window, used=self.used + also_used)


def spend_many(connection: Connection, asks: Sequence[Ask], *, now: datetime) -> list[Reply]:
    """Judge the asks in their order and write what was decided; one reply for each.

    Locks the accounts in id order until the transaction ends, then looks up the
    keys: a key that was answered before is answered alike, whatever the balance
    is by now. A refusal is stored like any answer. The number of statements
    does not grow with the number of asks.
    """
    books, account_ids = _open(connection, asks, now=now)
    ids = new_ids(2 * len(asks))
    replies = []
    for position, ask in enumerate(asks):
        replies.append(_answer(books, ask, account_ids[position], ids=ids[2 * position : 2 * position + 2]))
    _close(connection, books)
    return replies


def _open(connection: Connection, asks: Sequence[Ask], *, now: datetime) -> tuple[_Books, list[int]]:
    places = [accounts.place_of(ask.caller.store_id, ask.who) for ask in asks]
    books = rulebooks.for_stores(connection, {ask.caller.store_id for ask in asks})
    located = accounts.locate_or_add(connection, places, now=now)
    locked = accounts.lock(connection, set(located.values()))
    windows = {(ask.caller.store_id, ask.module) for ask in asks if ask.module in books[ask.caller.store_id].limits}
    since = (
        min(
            (window_at(books[store].limits[module].period, now, books[store].calendar).starts_at)
            for store, module in windows
        )
        if windows
        else FOREVER
    )
    uses = limits.uses(connection, locked.keys(), {module for _, module in windows}, since=since)
    answered = spends.find_answers(connection, [ask.key_place for ask in asks])
    return _Books(now, books, locked, uses, answered), [located[place] for place in places]


def _answer(books: _Books, ask: Ask, account_id: int, *, ids: Sequence[int]) -> Reply:
    before = books.answers.get(ask.key_place)
    if before is not None:
        if before.fingerprint != ask.fingerprint:
            return KEY_REUSED
        return Reply(before.status, before.answer, is_replay=True)
    account = _introduce(books, ask.who, books.accounts[account_id])
    rulebook = books.rulebooks[ask.caller.store_id]
    free = _free(books, rulebook, account, ask.module)
    price = ask.tokens if rulebook.is_metered(ask.module) else 0
    disabled = free is not None and free.verdict.rule.allows is Allows.DISABLED
    decision = decide(price=price, purses=_purses(rulebook, account, free), disabled=disabled)
    if decision.is_accepted:
        status, document = 201, _take(books, ask, account, free, decision, ids=ids)
    else:
        document = answers.refusal_document(
            rulebook,
            decision,
            module=ask.module,
            price=price,
            standing=_standing(account),
            allowance=free.document() if free else None,
        )
        status = document["status"]
    answered = Answered(ask.fingerprint, status, json.dumps(document))
    books.answers[ask.key_place] = books.new_answers[ask.key_place] = answered
    return Reply(status, answered.answer)


def _introduce(books: _Books, who: Who, account: Account) -> Account:
    """The account with what this request says of its user; what it does not say stays."""
    if not isinstance(who, Profile):
        return account
    told = replace(
        account,
        email=account.email if who.email is None else who.email,
        name=account.name if who.name is None else who.name,
        roles=account.roles if who.roles is None else who.roles,
    )
    if told != account:
        books.accounts[account.id] = told
        books.renamed.add(account.id)
    return told


def _free(books: _Books, rulebook: Rulebook, account: Account, module: str) -> _Free | None:
    limit = rulebook.limits.get(module)
    verdict = rulebook.verdict_for(module, account.roles, guest=account.is_guest)
    if limit is None or verdict is None:
        return None
    window = window_at(limit.period, books.now, rulebook.calendar)
    return _Free(limit, verdict, window, books.uses.get((account.id, module, window.starts_at), 0))


def _purses(rulebook: Rulebook, account: Account, free: _Free | None) -> list[Purse]:
    left = {
        Source.PLAN: 0,
        Source.BALANCE: account.balance,
        Source.ALLOWANCE: left_of(free.verdict.rule, used=free.used) if free else 0,
    }
    return [Purse(source, left[source]) for source in rulebook.spend_order]


def _standing(account: Account) -> Standing:
    return Standing(balance=account.balance, held=0, debt=account.debt)


def _take(
    books: _Books, ask: Ask, account: Account, free: _Free | None, decision: Decision, *, ids: Sequence[int]
) -> answers.Document:
    spend = Spend(
        id=ids[0],
        account_id=account.id,
        store_id=ask.caller.store_id,
        module=ask.module,
        operation=ask.operation,
        units=ask.units,
        tokens=decision.plan + decision.balance + decision.allowance,
        from_plan=decision.plan,
        from_balance=decision.balance,
        from_allowance=decision.allowance,
        window_starts_at=free.window.starts_at if free and decision.allowance else None,
        source=ask.source,
        reference=ask.reference,
        created_at=books.now,
    )
    books.new_spends.append(spend)
    if decision.balance:
        account = _debit(books, ask, account, spend, entry_id=ids[1])
    if free and decision.allowance:
        window = (account.id, ask.module, free.window.starts_at)
        books.uses[window] = free.used + decision.allowance
        books.new_uses[window] = books.new_uses.get(window, 0) + decision.allowance
        books.window_ends[window] = free.window.ends_at
    day = books.now.astimezone(books.rulebooks[ask.caller.store_id].calendar.zone).date()
    place = (account.id, day, ask.module, ask.operation or "", ask.caller.site_id, ask.source or "")
    units, tokens = books.new_usage.get(place, (0, 0))
    books.new_usage[place] = (units + spend.units, tokens + spend.tokens)
    return answers.spend_document(
        spend,
        standing=_standing(account),
        allowance=free.document(also_used=decision.allowance) if free else None,
    )


def _debit(books: _Books, ask: Ask, account: Account, spend: Spend, *, entry_id: int) -> Account:
    account = replace(account, balance=account.balance - spend.from_balance)
    books.accounts[account.id] = account
    books.changed.add(account.id)
    books.new_entries.append(
        Entry(
            id=entry_id,
            account_id=account.id,
            kind=Kind.SPEND,
            tokens=-spend.from_balance,
            debt=0,
            balance_after=account.balance,
            debt_after=account.debt,
            actor=ask.caller.name,
            reason=ask.module if ask.operation is None else f"{ask.module}: {ask.operation}",
            created_at=books.now,
            spend_id=spend.id,
            reference=ask.reference,
        )
    )
    return account


def _close(connection: Connection, books: _Books) -> None:
    accounts.set_balances(connection, [books.accounts[id_] for id_ in sorted(books.changed)], now=books.now)
    accounts.set_profiles(connection, [books.accounts[id_] for id_ in sorted(books.renamed)], now=books.now)
    spends.add(connection, books.new_spends)
    ledger.add(connection, [(entry, None) for entry in books.new_entries])
    limits.add_uses(connection, books.new_uses, books.window_ends)
    spends.add_usage(connection, books.new_usage)
    spends.add_answers(connection, books.new_answers, now=books.now)
