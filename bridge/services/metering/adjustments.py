"""Many adjustments of balances in one transaction, each standing alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Profile
from bridge.domain.accounts.ledger import Entry
from bridge.domain.errors import BridgeError, UnknownUser
from bridge.domain.metering.idempotency import Answer, Outcome
from bridge.domain.stores.principals import Caller
from bridge.rendering.documents import Document, serialize
from bridge.services.accounts.profiles import Adjustment, make_entry
from bridge.services.metering.execute import introduce
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, close_unit, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.accounts.accounts import AccountKey
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies
from bridge.storage.metering.idempotency import KeyPlace

Reply = Answer | BridgeError


@dataclass(frozen=True, slots=True)
class AdjustmentRequest:
    """Tokens to add to the balance of a user, or to remove where below 0, under an idempotency key."""

    key: str
    fingerprint: str
    profile: Profile
    tokens: int
    reason: str


def adjust_many(
    connection: Connection,
    caller: Caller,
    requests: Sequence[AdjustmentRequest],
    *,
    render: Callable[[Entry], Document],
    now: datetime,
) -> list[Reply]:
    """Adjust the balances in the order of the requests and return one reply for each.

    An account that does not exist is created for a request that adds tokens.
    The accounts are locked in id order, then the keys are looked up: a key that
    was answered before is answered alike, whatever the balance is by now. An
    error changes nothing and is not stored, so the same key is decided again.
    """
    located = _locate(connection, caller, requests, now=now)
    wanted = Wanted(
        account_ids=set(located.values()),
        policies_by_store=policies.for_stores(connection, [caller.store_id]),
        keys={_key_place(caller, request) for request in requests},
    )
    work = open_unit(connection, wanted, now=now)
    replies: list[Reply] = []
    for request in requests:
        place = _key_place(caller, request)
        try:
            stored = work.answers.get(place)
            if stored is not None:
                replies.append(stored.replay(request.fingerprint))
                continue
            entry = _adjust(work, caller, request, located)
        except BridgeError as error:
            replies.append(error)
            continue
        answer = Answer(request.fingerprint, Outcome.CREATED, serialize(render(entry)))
        work.answers[place] = work.new_answers[place] = answer
        replies.append(answer)
    close_unit(connection, work)
    return replies


def _key_place(caller: Caller, request: AdjustmentRequest) -> KeyPlace:
    return (caller.store_id, caller.site_id, request.key)


def _locate(
    connection: Connection, caller: Caller, requests: Sequence[AdjustmentRequest], *, now: datetime
) -> dict[AccountKey, int]:
    all_places = {accounts.place_of(caller.store_id, request.profile) for request in requests}
    made = {accounts.place_of(caller.store_id, request.profile) for request in requests if request.tokens > 0}
    located = accounts.locate(connection, all_places)
    return located | accounts.locate_or_add(connection, made - located.keys(), now=now)


def _adjust(work: UnitOfWork, caller: Caller, request: AdjustmentRequest, located: dict[AccountKey, int]) -> Entry:
    account_id = located.get(accounts.place_of(caller.store_id, request.profile))
    account: Account | None = None if account_id is None else work.accounts.get(account_id)
    if account is None:
        raise UnknownUser(f"this store has no account for user {request.profile.user_id}")
    wanted = Adjustment(request.reason, tokens=request.tokens)
    entry = make_entry(account, wanted, actor=caller.name, now=work.now)
    account = introduce(work, request.profile, account)
    work.accounts[account.id] = account._replace(balance=entry.balance_after)
    work.changed_accounts.add(account.id)
    work.new_entries.append(entry)
    return entry
