"""Spends and holds as their callers read them: one spend, and the list of open holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bridge.domain.errors import UnknownUser
from bridge.domain.metering.errors import UnknownSpend
from bridge.domain.metering.holds import Hold
from bridge.domain.metering.spends import Receipt, Spend
from bridge.domain.stores.principals import Caller
from bridge.services.metering.account_lookup import may_see
from bridge.services.metering.funding import left_for
from bridge.services.metering.unit_of_work import Wanted, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.metering import holds, policies, spends


class SpendRecord(NamedTuple):
    """A spend with what was refunded of it, and what its account has now; `user_id` is None for a guest.

    `left` are the tokens that all sources together can pay for its module now, None
    for no limit.
    """

    spend: Spend
    receipt: Receipt
    user_id: int | None
    left: int | None


class OpenHold(NamedTuple):
    """An open hold of a store; `user_id` is None for a guest."""

    hold: Hold
    user_id: int | None


class HoldPage(NamedTuple):
    """One page of open holds, newest first; `next_before` is None at the end."""

    holds: Sequence[OpenHold]
    next_before: int | None


def get_spend(connection: Connection, caller: Caller, spend_id: int, *, now: datetime) -> SpendRecord:
    """Return a spend, without a lock; raises `UnknownSpend` for one the caller may not see."""
    owner = spends.owners(connection, [spend_id]).get(spend_id)
    if owner is None or not may_see(caller, store_id=owner.store_id, site_id=owner.site_id):
        raise UnknownSpend()
    wanted = Wanted(
        account_ids=[owner.account_id],
        policies_by_store=policies.for_stores(connection, [owner.store_id]),
        spend_ids=[spend_id],
    )
    work = open_unit(connection, wanted, now=now, lock=False)
    account, found = work.accounts[owner.account_id], work.spends[spend_id]
    left = left_for(work, work.person_of(account), found.module, site_id=caller.site_id)
    return SpendRecord(found, work.receipt_of(account, found, found.module), account.user_id, left)


def list_open_holds(
    connection: Connection, caller: Caller, *, user_id: int | None, before: int | None, limit: int, now: datetime
) -> HoldPage:
    """Return the open holds that the caller may see, of one user where `user_id` is given.

    A linked site sees its own holds. Raises `UnknownUser`.
    """
    if caller.account_id is None and user_id is None:
        found = holds.list_open_of_store(connection, caller.store_id, before=before, limit=limit + 1, now=now)
    else:
        account_id = caller.account_id or _account_of(connection, caller.store_id, user_id or 0)
        visible = [
            hold
            for hold in holds.list_open(connection, [account_id], now=now)
            if may_see(caller, store_id=hold.store_id, site_id=hold.site_id) and (before is None or hold.id < before)
        ]
        found = sorted(visible, key=lambda hold: -hold.id)[: limit + 1]
    shown = found[:limit]
    known = accounts.look(connection, {hold.account_id for hold in shown})
    page = [OpenHold(hold, known[hold.account_id].user_id) for hold in shown]
    return HoldPage(page, shown[-1].id if len(found) > limit else None)


def _account_of(connection: Connection, store_id: int, user_id: int) -> int:
    account = accounts.find(connection, store_id=store_id, user_id=user_id)
    if account is None:
        raise UnknownUser(f"this store has no account for user {user_id}")
    return account.id
