"""The account of each request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Profile
from bridge.domain.metering.commands import AnyRequest, CaptureRequest, RefundRequest, ReleaseRequest, SpendRequest
from bridge.domain.metering.holds import Hold
from bridge.domain.stores.principals import Principal
from bridge.storage.accounts import accounts
from bridge.storage.accounts.accounts import AccountKey
from bridge.storage.engine.cache import Memory
from bridge.storage.engine.database import Connection, TryAgain
from bridge.storage.metering import guest_uses, holds, spends
from bridge.storage.metering.spends import Owner

_known: Memory[AccountKey, int] = Memory(most=100_000)
"""The accounts of users found before, some 20 MB at most: the id of an account never changes."""

_merged: Memory[int, int] = Memory(most=100_000)
"""The accounts that merged ones are part of; only what to lock is taken from here, never the account that pays."""


def owners(connection: Connection, requests: Sequence[AnyRequest], *, now: datetime) -> list[int | None]:
    """Return the account of each request; None for a hold or spend that does not exist or is not the caller's.

    Accounts that do not exist are created. Some ids are from the cache: see `check`.
    """
    places = [_place_of(request) for request in requests]
    located = _locate(connection, {place for place in places if place is not None}, now=now)
    hold_ids = {request.hold_id for request in requests if isinstance(request, CaptureRequest | ReleaseRequest)}
    spend_ids = {request.spend_id for request in requests if isinstance(request, RefundRequest)}
    of_holds = holds.owners(connection, hold_ids) if hold_ids else {}
    of_spends = spends.owners(connection, spend_ids) if spend_ids else {}
    found: list[int | None] = []
    for request, place in zip(requests, places, strict=True):
        if place is not None:
            found.append(located[place])
        elif isinstance(request, SpendRequest):
            found.append(request.caller.account_id)
        elif isinstance(request, RefundRequest):
            found.append(_visible(of_spends.get(request.spend_id), request.caller))
        else:
            found.append(_visible(of_holds.get(request.hold_id), request.caller))
    return found


def may_see(caller: Principal, *, store_id: int, site_id: int) -> bool:
    """Return whether a caller may see a spend or hold: a store key all of its store, a site key only its own."""
    return caller.store_id == store_id and caller.site_id in {0, site_id}


def _visible(owner: Owner | None, caller: Principal) -> int | None:
    if owner is None or not may_see(caller, store_id=owner.store_id, site_id=owner.site_id):
        return None
    return owner.account_id


def lock(connection: Connection, requests: Sequence[AnyRequest], found: Sequence[int | None]) -> dict[int, Account]:
    """Lock the accounts of requests, those they were merged into, and those guests signed in as, in id order.

    Raises `TryAgain` where a merge was not known to this process: the next attempt
    locks both accounts at once.
    """
    moved = _merged.of(connection)
    wanted = {id_ for id_ in found if id_ is not None}
    wanted |= {request.caller.account_id for request in requests if request.caller.account_id is not None}
    wanted |= guest_uses.users_of(connection, refunded) if (refunded := refunded_ids(requests, found)) else set()
    wanted |= {moved[id_] for id_ in wanted if id_ in moved}
    locked = accounts.lock(connection, wanted, with_merged=True)
    fresh = {
        id_: account.merged_into
        for id_, account in locked.items()
        if account.merged_into is not None and account.merged_into not in locked
    }
    if fresh:
        _merged.keep(connection, fresh)
        raise TryAgain("an account was merged into another one meanwhile")
    return locked


def refunded_ids(requests: Sequence[AnyRequest], found: Sequence[int | None]) -> set[int]:
    """Return the accounts whose spends are refunded."""
    both = zip(requests, found, strict=True)
    return {id_ for request, id_ in both if isinstance(request, RefundRequest) and id_ is not None}


def check(
    connection: Connection,
    requests: Iterable[AnyRequest],
    found: Iterable[int | None],
    read: Mapping[int, Account],
    held: Mapping[int, Hold],
) -> None:
    """Raise `TryAgain` if the accounts and holds that were read are not where they were found.

    An account is not after the database was restored from a backup: the cache is emptied.
    A hold is not after a merge that was committed between the two.
    """
    for request, account_id in zip(requests, found, strict=True):
        if isinstance(request, SpendRequest) and isinstance(request.who, Profile):
            account = None if account_id is None else read.get(account_id)
            if account is None or account.user_id != request.who.user_id or account.store_id != request.caller.store_id:
                _known.forget(connection)
                raise TryAgain("an account is not where it was")
        elif isinstance(request, CaptureRequest | ReleaseRequest):
            hold = held.get(request.hold_id)
            if hold is not None and account_id not in {None, hold.account_id}:
                raise TryAgain("a hold moved with a merged account meanwhile")


def _place_of(request: AnyRequest) -> AccountKey | None:
    if isinstance(request, SpendRequest) and request.who is not None:
        return accounts.place_of(request.caller.store_id, request.who)
    return None


def _locate(connection: Connection, places: set[AccountKey], *, now: datetime) -> dict[AccountKey, int]:
    known = _known.of(connection)
    located = {place: known[place] for place in places if place in known}
    unknown = places - located.keys()
    if unknown:
        found = accounts.locate(connection, unknown, follow=False)
        # Only what others can see by now: an account made below is gone again if this transaction is rolled back.
        _known.keep(connection, {place: id_ for place, id_ in found.items() if isinstance(place[1], int)})
        located |= found
        missing = unknown - found.keys()
        if missing:
            located |= accounts.locate_or_add(connection, missing, follow=False, now=now)
    return located
