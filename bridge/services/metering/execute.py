"""Spending: many asks judged and written together, each standing alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bridge.domain.accounts.accounts import Account, Profile, Who
from bridge.domain.errors import BridgeError, KeyReused
from bridge.domain.metering.commands import (
    AnyRequest,
    CaptureRequest,
    HoldRequest,
    RefundRequest,
    ReleaseRequest,
    SpendRequest,
)
from bridge.domain.metering.errors import UnknownHold, UnknownSpend
from bridge.services.metering import account_lookup, charge, documents, holds, limits, policies, refunds, use_bounds
from bridge.services.metering.funding import means_of, over_cap
from bridge.services.metering.refusals import refuse
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, close_unit, open_unit
from bridge.services.stores import access_keys
from bridge.storage.engine.database import Connection
from bridge.storage.metering.spends import Answered, KeyPlace

MAX_ASKS = 1000
"""The most asks in one batch of the API."""


class Reply(NamedTuple):
    """What a caller is told: a status, the JSON, and whether it was told before.

    A success is stored under its key, in the bytes of `document`. A refusal
    and an `error`, for a request that made no sense, moved nothing and are not
    stored.
    """

    status: int
    document: str
    is_replay: bool = False
    error: BridgeError | None = None


def failed(error: BridgeError) -> Reply:
    """The reply to a request that made no sense."""
    return Reply(0, "", error=error)


def spend_many(connection: Connection, asks: Sequence[AnyRequest], *, now: datetime) -> list[Reply]:
    """Judge the asks in their order and write what was decided; one reply for each.

    Access keys that were not looked up at the door are looked up first. Then
    the accounts are locked, in id order, until the transaction ends, and the
    idempotency keys looked up: one that was answered before is answered alike,
    whatever the balance is by now. A refusal is not stored: the same key is
    decided again. The number of statements does not grow with the number of asks.
    """
    refused = access_keys.refusals(connection, {ask.caller.key_hash for ask in asks if ask.caller.key_hash}, now=now)
    if not refused:
        return _spend(connection, asks, now=now)
    admitted = [ask for ask in asks if ask.caller.key_hash not in refused]
    replies = iter(_spend(connection, admitted, now=now) if admitted else ())
    return [failed(refused[ask.caller.key_hash]) if ask.caller.key_hash in refused else next(replies) for ask in asks]


def _spend(connection: Connection, asks: Sequence[AnyRequest], *, now: datetime) -> list[Reply]:
    of_asks = account_lookup.owners(connection, asks, now=now)
    books = open_unit(connection, _wanted(connection, asks, of_asks), now=now)
    use_bounds.read_days(connection, books, asks)
    account_lookup.check(connection, asks, of_asks, books.accounts)
    replies = [_answer(books, ask, owner) for ask, owner in zip(asks, of_asks, strict=True)]
    for store_id, used in books.new_modules.items():
        limits.add_used(connection, store_id, used)
    close_unit(connection, books)
    return replies


def key_place(ask: AnyRequest) -> KeyPlace | None:
    """Where the ask's key is looked up; None for one without a key."""
    return None if ask.key is None else (ask.caller.store_id, ask.caller.site_id, ask.key)


def _wanted(connection: Connection, asks: Sequence[AnyRequest], of_asks: Sequence[int | None]) -> Wanted:
    store_ids = {ask.caller.store_id for ask in asks}
    books = policies.for_stores(connection, store_ids)
    spent_in: set[tuple[int, str]] = set()
    # Another store's rows are not read at all: its rules are not known here.
    known = [ask for ask, owner in zip(asks, of_asks, strict=True) if owner is not None]
    for ask in asks:
        if isinstance(ask, SpendRequest):
            operation = books[ask.caller.store_id].operations.get(ask.operation or "")
            module = operation.module if operation else ask.module
            if module is not None:
                spent_in.add((ask.caller.store_id, module))
    return Wanted(
        account_ids={owner for owner in of_asks if owner is not None},
        rulebooks=books,
        modules=spent_in,
        keys={place for ask in asks if (place := key_place(ask)) is not None},
        hold_ids={ask.hold_id for ask in known if isinstance(ask, CaptureRequest | ReleaseRequest)},
        spend_ids={ask.spend_id for ask in known if isinstance(ask, RefundRequest)},
        site_ids={ask.caller.site_id for ask in asks if ask.caller.site_id},
    )


def _answer(books: UnitOfWork, ask: AnyRequest, owner: int | None) -> Reply:
    place = key_place(ask)
    before = books.answers.get(place) if place is not None else None
    if before is not None:
        if before.fingerprint != ask.fingerprint:
            return failed(KeyReused())
        return Reply(before.status, before.answer, is_replay=True)
    try:
        status, document = _judge(books, ask, owner)
    except BridgeError as error:
        return failed(error)
    answered = Answered(ask.fingerprint, status, documents.written(document))
    if place is not None and not answered.is_refusal:
        books.answers[place] = books.new_answers[place] = answered
    return Reply(status, answered.answer)


def _judge(books: UnitOfWork, ask: AnyRequest, owner: int | None) -> tuple[int, documents.Document]:
    """The status and the answer; raises, before anything is changed, for what makes no sense."""
    account = books.accounts.get(owner) if owner is not None else None
    is_ours = account is not None and account.store_id == ask.caller.store_id
    if account is None or not is_ours or ask.caller.account_id not in {None, account.id}:
        raise UnknownSpend() if isinstance(ask, RefundRequest) else UnknownHold()
    if isinstance(ask, CaptureRequest):
        return 201, holds.capture(books, ask, account)
    if isinstance(ask, ReleaseRequest):
        return 200, holds.release(books, ask, account)
    if isinstance(ask, RefundRequest):
        return 201, refunds.refund(books, ask, account)
    priced = charge.price(books.rulebooks[account.store_id], ask)
    limits.note_use(books.rulebook_of(account), priced.module, books.new_modules)
    account = introduce(books, ask.who, account)
    means = means_of(books, account, priced.module)
    decision = over_cap(books, account, ask.caller.site_id, priced.tokens) or means.decide(priced.tokens)
    if not decision.is_accepted:
        return refuse(books, account, priced, decision, site_id=ask.caller.site_id)
    if isinstance(ask, HoldRequest):
        return 201, holds.hold(books, ask, account, priced, means, decision)
    return 201, charge.describe(books, account, charge.spend(books, ask, account, priced, means, decision))


def introduce(books: UnitOfWork, who: Who | None, account: Account) -> Account:
    """The account with what this request says of its user; what it does not say stays."""
    if not isinstance(who, Profile) or (who.email is None and who.name is None and who.roles is None):
        return account
    told = account.told(email=who.email, name=who.name, roles=who.roles)
    if told != account:
        books.accounts[account.id] = told
        books.renamed_accounts.add(account.id)
    return told
