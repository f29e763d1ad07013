"""Review items: list orders that need attention, and apply the owner's decisions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bridge.domain.accounts.accounts import Profile
from bridge.domain.errors import UnknownOrder
from bridge.domain.orders.comparing import Comparison
from bridge.domain.orders.merge import OrderState, Refunds
from bridge.domain.orders.review_items import Question
from bridge.domain.shop.inbox import NoticeKind
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.orders import apply, comparisons, late_packages
from bridge.services.orders.purchases import OrderGrant, list_grants
from bridge.services.orders.settling import Settled
from bridge.services.shop import reconcile
from bridge.services.shop.rest import Shops
from bridge.services.transactions import Transaction
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders as stored
from bridge.storage.shop import sync_state
from bridge.storage.shop.sync_state import OpenOrder as OpenOrder
from bridge.storage.stores import stores as store_rows

log = logging.getLogger(__name__)

COUNTED = 99
"""How far open orders are counted."""


@dataclass(frozen=True, slots=True)
class ReviewedOrder:
    """An order after it was processed.

    `tokens` is all it owes, `posted` what was granted just now, or reversed if
    negative.
    """

    state: OrderState
    tokens: int
    posted: int
    waits_for_buyer: bool


class OrderRecord(NamedTuple):
    """An order, the user whose account it belongs to (None without one), and its ledger entries, newest first.

    `comparison` is the last one with the shop; None for an order that was never read from it.
    """

    state: OrderState
    user_id: int | None
    grants: list[OrderGrant]
    comparison: Comparison | None


class AcceptedSources(NamedTuple):
    """The accepted addresses of other sites, and the last one that delivered without being accepted."""

    accepted: tuple[str, ...]
    waiting: str | None


def list_open(
    connection: Connection, store_id: int, *, after: int, limit: int
) -> tuple[list[tuple[OpenOrder, OrderState]], int | None]:
    """Return the orders with open review items and their state, and the number after which the next page begins."""
    found = sync_state.list_questions(connection, store_id, after=after, limit=limit + 1)
    known = stored.find_all(connection, store_id, [one.number for one in found[:limit]])
    items = [(one, known[one.number]) for one in found[:limit]]
    return items, found[limit - 1].number if len(found) > limit else None


def count_open(connection: Connection, store_id: int) -> int:
    """Return how many orders and products need attention; orders are counted up to `COUNTED` and one."""
    return sync_state.count_questions(connection, store_id, most=COUNTED + 1) + late_packages.count_late(
        connection, store_id
    )


def assign(
    connection: Connection, store: Store, number: int, profile: Profile, *, actor: str, now: datetime
) -> ReviewedOrder:
    """Assign a guest's order to a user, who receives its grant; assigning it again moves the grant.

    The entries have the actor's name. Raises `UnknownOrder`, and `OrderHasCustomer`
    for an order that already belongs to a user.
    """
    account = profiles.put_profile(connection, store.id, profile, now=now)
    settled = apply.assign(connection, store, number, account_id=account.id, actor=actor, now=now)
    log.info("order %d of store %s was assigned to user %d by %s", number, store.slug, profile.user_id, actor)
    return _settled(connection, store, number, settled)


def assign_to_known(
    connection: Connection, store: Store, number: int, user_id: int, *, actor: str, now: datetime
) -> ReviewedOrder:
    """Assign a guest's order as `assign` does, to a user who already has an account.

    Raises `UnknownUser`, `UnknownOrder` and `OrderHasCustomer`.
    """
    profiles.get_account(connection, store.id, user_id)
    return assign(connection, store, number, Profile(user_id), actor=actor, now=now)


def set_amount(
    connection: Connection, store: Store, number: int, line_id: int, *, tokens: int, actor: str, now: datetime
) -> ReviewedOrder:
    """Set the tokens per unit of a line, 0 if it is not a package; the order grants them, in the actor's name.

    Raises `UnknownOrder`, `UnknownLine`, and `LineHasAmount` if another amount is fixed.
    """
    settled = apply.set_amount(connection, store, number, line_id, tokens=tokens, actor=actor, now=now)
    log.info("line %d of order %d of store %s: %d tokens per unit, by %s", line_id, number, store.slug, tokens, actor)
    return _settled(connection, store, number, settled)


def see_refunds(
    connection: Connection, store: Store, number: int, refunds: Refunds, *, actor: str, now: datetime
) -> ReviewedOrder:
    """Mark these refunds of an order as reviewed; another refund opens the item again.

    Raises `UnknownOrder`, `RefundsChanged` and `NoOpenRefunds`.
    """
    settled = apply.see_refunds(connection, store, number, refunds, actor=actor, now=now)
    log.info("the refunds of order %d of store %s were marked as reviewed by %s", number, store.slug, actor)
    return _settled(connection, store, number, settled)


def decide(
    connection: Connection,
    store: Store,
    number: int,
    *,
    kind: Question,
    subject: str,
    choice: str,
    actor: str,
    now: datetime,
) -> ReviewedOrder:
    """Store a person's choice about a review item, and process the order with it.

    Raises `UnknownOrder`, `ReviewChanged` if the item is no longer open, and `UnknownChoice`.
    """
    settled = apply.decide(connection, store, number, kind=kind, subject=subject, choice=choice, actor=actor, now=now)
    log.info("order %d of store %s: %s decided as %s by %s", number, store.slug, kind.value, choice, actor)
    return _settled(connection, store, number, settled)


def get_record(connection: Connection, store: Store, number: int) -> OrderRecord:
    """Return an order with its owner and its ledger entries; raises `UnknownOrder`."""
    known = _get(connection, store, number)
    owner = None if known.account_id is None else accounts.get(connection, known.account_id).user_id
    compared = comparisons.find(connection, store.id, [number]).get(number)
    return OrderRecord(known, owner, list_grants(connection, store.id, number), compared)


def find_last_checked(connection: Connection, store_id: int) -> datetime | None:
    """Return when the shop was last asked for its orders, or sent a webhook; None if neither has happened."""
    moments = (sync_state.find(connection, store_id).polled_at, sync_state.last_delivery(connection, store_id))
    return max((moment for moment in moments if moment), default=None)


def get_sources(connection: Connection, store_id: int) -> AcceptedSources:
    """Return the accepted addresses of other sites, and the one that waits to be accepted."""
    found = [one.detail for one in sync_state.find(connection, store_id).notices if one.kind is NoticeKind.OTHER_SITE]
    return AcceptedSources(store_rows.get(connection, store_id).accepted_sources, found[0] if found else None)


def _get(connection: Connection, store: Store, number: int) -> OrderState:
    known = stored.find(connection, store.id, number)
    if known is None or not known.is_known:
        raise UnknownOrder(f"there is no order {number}")
    return known


def find_order(connection: Connection, store: Store, text: str) -> int | None:
    """Return the id of an order by its id or the number the shop shows; None for a text that is neither."""
    return apply.find_id(connection, store, text)


def check(transaction: Transaction, shops: Shops, store: Store, number: int, *, now: datetime) -> ReviewedOrder:
    """Check an order again: read it from the shop if there are REST keys, then process it.

    Raises `UnknownOrder`, and a `ShopUnreachable` if the shop does not respond.
    """
    settled = reconcile.check_order(transaction, shops, store, number, now=now)
    if settled is None:
        raise UnknownOrder(f"there is no order {number}")
    with transaction() as connection:
        return _settled(connection, store, number, settled)


def _settled(connection: Connection, store: Store, number: int, settled: Settled) -> ReviewedOrder:
    return ReviewedOrder(
        _get(connection, store, number),
        tokens=settled.owed,
        posted=sum(entry.tokens - entry.debt - entry.forgiven for entry in settled.entries),
        waits_for_buyer=settled.is_parked,
    )
