"""Decide and write many requests together; one that fails does not affect the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Profile, Who
from bridge.domain.errors import BridgeError
from bridge.domain.metering.commands import (
    AnyRequest,
    CaptureRequest,
    HoldRequest,
    RefundRequest,
    ReleaseRequest,
    SpendRequest,
)
from bridge.domain.metering.errors import UnknownHold, UnknownSpend
from bridge.domain.metering.idempotency import Answer, Outcome
from bridge.domain.metering.spends import Receipt
from bridge.domain.stores.principals import Principal, UnverifiedCaller
from bridge.rendering.documents import serialize
from bridge.rendering.receipts import receipt_document
from bridge.services.metering import account_lookup, charge, confirmations, guest_refunds, holds, merged, refunds
from bridge.services.metering.funding import funding_of, over_cap
from bridge.services.metering.refusals import RefusedRequest, refuse
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, close_unit, open_unit
from bridge.services.stores import access_keys
from bridge.storage.engine.database import Connection
from bridge.storage.metering import guest_uses, policies
from bridge.storage.metering.idempotency import KeyPlace

MAX_REQUESTS = 1000
"""The most requests in one batch of the API."""


Reply = Answer | RefusedRequest | BridgeError
"""The result of one request: the answer of a success, a refusal, or the error of a request that is not valid.

Only an answer is stored under the request's key. The others moved nothing.
"""


def spend_many(connection: Connection, requests: Sequence[AnyRequest], *, now: datetime) -> list[Reply]:
    """Decide the requests in their order and write the results; one reply for each.

    The access keys of unverified callers are looked up first. Then the
    accounts are locked, in id order, until the transaction ends, and the
    idempotency keys are looked up: a key with a stored answer gets it again,
    whatever the balance is now. A refusal is not stored: the same key is
    decided again. The number of statements does not grow with the number of
    requests.
    """
    hashes = [_unverified_hash(request) for request in requests]
    refused = access_keys.refusals(connection, {key_hash for key_hash in hashes if key_hash is not None}, now=now)
    if not refused:
        return _spend(connection, requests, now=now)
    admitted = [request for request, key_hash in zip(requests, hashes, strict=True) if key_hash not in refused]
    replies = iter(_spend(connection, admitted, now=now) if admitted else ())
    return [next(replies) if key_hash is None or key_hash not in refused else refused[key_hash] for key_hash in hashes]


def _unverified_hash(request: AnyRequest) -> str | None:
    return request.caller.key_hash if isinstance(request.caller, UnverifiedCaller) else None


def _spend(connection: Connection, requests: Sequence[AnyRequest], *, now: datetime) -> list[Reply]:
    locked_ids = account_lookup.owners(connection, requests, now=now)
    locked = account_lookup.lock(connection, requests, locked_ids)
    work = open_unit(connection, _wanted(connection, requests, locked_ids, locked), now=now)
    if any(account.merged_into is not None for account in locked.values()):
        merged.read(connection, work)
    if refunded := account_lookup.refunded_ids(requests, locked_ids):
        guest_refunds.read(connection, work, refunded)
    if any(account.confirm_paid for account in locked.values()):
        confirmations.read(connection, work)
    charge.read_days(connection, work, requests)
    account_lookup.check(connection, requests, locked_ids, work.accounts, work.holds)
    replies = [_answer(work, request, owner) for request, owner in zip(requests, locked_ids, strict=True)]
    close_unit(connection, work)
    if work.guest_uses.changed_windows:
        guest_uses.write(connection, work.guest_uses)
    if work.new_confirmations:
        confirmations.write(connection, work)
    return replies


def key_place(request: AnyRequest) -> KeyPlace | None:
    """Return where the idempotency key of a request is stored; None for a request without one."""
    return None if request.key is None else (request.caller.store_id, request.caller.site_id, request.key)


def _wanted(
    connection: Connection,
    requests: Sequence[AnyRequest],
    locked_ids: Sequence[int | None],
    locked: Mapping[int, Account],
) -> Wanted:
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
        account_ids=locked.keys(),
        accounts=locked,
        policies_by_store=work,
        modules=spent_in,
        keys={place for request in requests if (place := key_place(request)) is not None},
        hold_ids={request.hold_id for request in known if isinstance(request, CaptureRequest | ReleaseRequest)},
        spend_ids={request.spend_id for request in known if isinstance(request, RefundRequest)},
        site_ids={request.caller.site_id for request in requests if request.caller.site_id},
    )


def _answer(work: UnitOfWork, request: AnyRequest, owner: int | None) -> Reply:
    place = key_place(request)
    try:
        stored = work.answers.get(place) if place is not None else None
        if stored is not None:
            return stored.replay(request.fingerprint)
        result = _decide(work, request, owner)
    except BridgeError as error:
        return error
    if isinstance(result, RefusedRequest):
        return result
    outcome = Outcome.CHANGED if isinstance(request, ReleaseRequest) else Outcome.CREATED
    answer = Answer(request.fingerprint, outcome, serialize(receipt_document(result)))
    if place is not None:
        work.answers[place] = work.new_answers[place] = answer
    return answer


def _decide(work: UnitOfWork, request: AnyRequest, owner: int | None) -> Receipt | RefusedRequest:
    """Return the result of a request; raises, before anything is changed, for one that is not valid."""
    account = work.accounts.get(owner) if owner is not None else None
    is_ours = account is not None and account.store_id == request.caller.store_id
    if account is None or not is_ours or not _may_use(work, request.caller, account):
        raise UnknownSpend() if isinstance(request, RefundRequest) else UnknownHold()
    if isinstance(request, CaptureRequest):
        return holds.capture(work, request, account)
    if isinstance(request, ReleaseRequest):
        return holds.release(work, request, account)
    if isinstance(request, RefundRequest):
        return refunds.refund(work, request, account)
    policy = work.policy_of(account)
    priced = charge.price(policy, request)
    work.use_module(policy, priced.module)
    account = work.person_of(introduce(work, request.who, account))
    sources = funding_of(work, account, priced.module)
    decision = over_cap(work, account, request.caller.site_id, priced.tokens) or sources.decide(priced.tokens)
    if account.confirm_paid:
        decision = confirmations.check(work, account, priced.module, decision, confirmed=request.confirmed)
    if not decision.is_accepted:
        return refuse(work, account, priced, decision, site_id=request.caller.site_id)
    if isinstance(request, HoldRequest):
        result = holds.hold(work, request, account, priced, sources, decision)
    else:
        taken = charge.spend(work, request, account, priced, sources, decision)
        result = work.receipt_of(account, taken, taken.module)
    if decision.balance and account.confirm_paid:
        confirmations.keep(work, account, priced.module)
    return result


def _may_use(work: UnitOfWork, caller: Principal, account: Account) -> bool:
    """Return whether a caller's account, if it has one, and this one are of the same person."""
    if caller.account_id in {None, account.id}:
        return True
    own = work.accounts.get(caller.account_id or 0)
    return own is not None and work.person_of(own).id == work.person_of(account).id


def introduce(work: UnitOfWork, who: Who | None, account: Account) -> Account:
    """Return the account with the profile that the request states; fields left out stay."""
    if not isinstance(who, Profile) or (who.email is None and who.name is None and who.roles is None):
        return account
    updated = account.with_profile(email=who.email, name=who.name, roles=who.roles)
    if updated != account:
        work.accounts[account.id] = updated
        work.renamed_accounts.setdefault(account.id, account)
    return updated
