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
from bridge.services.metering.funding import funding_of, over_cap
from bridge.services.metering.refusals import refuse
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, close_unit, open_unit
from bridge.services.stores import access_keys
from bridge.storage.engine.database import Connection
from bridge.storage.metering.spends import Answered, KeyPlace

MAX_REQUESTS = 1000
"""The most asks in one batch of the API."""


class Reply(NamedTuple):
    """The reply to a caller: a status, the JSON, and whether it is a replay.

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


def spend_many(connection: Connection, requests: Sequence[AnyRequest], *, now: datetime) -> list[Reply]:
    """Judge the asks in their order and write what was decided; one reply for each.

    Access keys that were not looked up at the door are looked up first. Then
    the accounts are locked, in id order, until the transaction ends, and the
    idempotency keys looked up: one that was answered before is answered alike,
    whatever the balance is by now. A refusal is not stored: the same key is
    decided again. The number of statements does not grow with the number of asks.
    """
    refused = access_keys.refusals(
        connection, {request.caller.key_hash for request in requests if request.caller.key_hash}, now=now
    )
    if not refused:
        return _spend(connection, requests, now=now)
    admitted = [request for request in requests if request.caller.key_hash not in refused]
    replies = iter(_spend(connection, admitted, now=now) if admitted else ())
    return [
        failed(refused[request.caller.key_hash]) if request.caller.key_hash in refused else next(replies)
        for request in requests
    ]


def _spend(connection: Connection, requests: Sequence[AnyRequest], *, now: datetime) -> list[Reply]:
    locked_ids = account_lookup.owners(connection, requests, now=now)
    work = open_unit(connection, _wanted(connection, requests, locked_ids), now=now)
    use_bounds.read_days(connection, work, requests)
    account_lookup.check(connection, requests, locked_ids, work.accounts)
    replies = [_answer(work, request, owner) for request, owner in zip(requests, locked_ids, strict=True)]
    for store_id, used in work.new_modules.items():
        limits.add_used(connection, store_id, used)
    close_unit(connection, work)
    return replies


def key_place(request: AnyRequest) -> KeyPlace | None:
    """Where the ask's key is looked up; None for one without a key."""
    return None if request.key is None else (request.caller.store_id, request.caller.site_id, request.key)


def _wanted(connection: Connection, requests: Sequence[AnyRequest], locked_ids: Sequence[int | None]) -> Wanted:
    store_ids = {request.caller.store_id for request in requests}
    work = policies.for_stores(connection, store_ids)
    spent_in: set[tuple[int, str]] = set()
    # Another store's rows are not read at all: its rules are not known here.
    known = [request for request, owner in zip(requests, locked_ids, strict=True) if owner is not None]
    for request in requests:
        if isinstance(request, SpendRequest):
            operation = work[request.caller.store_id].operations.get(request.operation or "")
            module = operation.module if operation else request.module
            if module is not None:
                spent_in.add((request.caller.store_id, module))
    return Wanted(
        account_ids={owner for owner in locked_ids if owner is not None},
        policies_by_store=work,
        modules=spent_in,
        keys={place for request in requests if (place := key_place(request)) is not None},
        hold_ids={request.hold_id for request in known if isinstance(request, CaptureRequest | ReleaseRequest)},
        spend_ids={request.spend_id for request in known if isinstance(request, RefundRequest)},
        site_ids={request.caller.site_id for request in requests if request.caller.site_id},
    )


def _answer(work: UnitOfWork, request: AnyRequest, owner: int | None) -> Reply:
    place = key_place(request)
    before = work.answers.get(place) if place is not None else None
    if before is not None:
        if before.fingerprint != request.fingerprint:
            return failed(KeyReused())
        return Reply(before.status, before.answer, is_replay=True)
    try:
        status, document = _decide(work, request, owner)
    except BridgeError as error:
        return failed(error)
    answered = Answered(request.fingerprint, status, documents.written(document))
    if place is not None and not answered.is_refusal:
        work.answers[place] = work.new_answers[place] = answered
    return Reply(status, answered.answer)


def _decide(work: UnitOfWork, request: AnyRequest, owner: int | None) -> tuple[int, documents.Document]:
    """The status and the answer; raises, before anything is changed, for what makes no sense."""
    account = work.accounts.get(owner) if owner is not None else None
    is_ours = account is not None and account.store_id == request.caller.store_id
    if account is None or not is_ours or request.caller.account_id not in {None, account.id}:
        raise UnknownSpend() if isinstance(request, RefundRequest) else UnknownHold()
    if isinstance(request, CaptureRequest):
        return 201, holds.capture(work, request, account)
    if isinstance(request, ReleaseRequest):
        return 200, holds.release(work, request, account)
    if isinstance(request, RefundRequest):
        return 201, refunds.refund(work, request, account)
    priced = charge.price(work.policies_by_store[account.store_id], request)
    limits.note_use(work.policy_of(account), priced.module, work.new_modules)
    account = introduce(work, request.who, account)
    sources = funding_of(work, account, priced.module)
    decision = over_cap(work, account, request.caller.site_id, priced.tokens) or sources.decide(priced.tokens)
    if not decision.is_accepted:
        return refuse(work, account, priced, decision, site_id=request.caller.site_id)
    if isinstance(request, HoldRequest):
        return 201, holds.hold(work, request, account, priced, sources, decision)
    return 201, charge.describe(work, account, charge.spend(work, request, account, priced, sources, decision))


def introduce(work: UnitOfWork, who: Who | None, account: Account) -> Account:
    """The account with what this request says of its user; what it does not say stays."""
    if not isinstance(who, Profile) or (who.email is None and who.name is None and who.roles is None):
        return account
    updated = account.with_profile(email=who.email, name=who.name, roles=who.roles)
    if updated != account:
        work.accounts[account.id] = updated
        work.renamed_accounts.add(account.id)
    return updated
