"""Questions: orders that want an owner's look, and giving a guest's order to somebody by hand."""

from __future__ import annotations

import logging
from datetime import datetime

from bridge.domain.accounts import Profile
from bridge.domain.errors import UnknownOrder
from bridge.domain.stores import Store
from bridge.services import accounts, answers, orders, reconciliation
from bridge.services.orders import Settled
from bridge.services.shops import Shops
from bridge.services.transactions import Transaction
from bridge.storage import shop_reads
from bridge.storage.database import Connection

log = logging.getLogger(__name__)

_COUNTED = 99


def list_questions(
    connection: Connection, store_id: int, *, after: int, limit: int
) -> tuple[list[answers.Document], int | None]:
    """The orders with an open question, by number above `after`, and the number the next page begins behind."""
    found = shop_reads.list_questions(connection, store_id, after=after, limit=limit + 1)
    items: list[answers.Document] = [
        {
            "number": one.number,
            "question": one.question.value,
            "email": one.email or None,
            "placed_at": answers.instant(one.placed_at),
        }
        for one in found[:limit]
    ]
    return items, found[limit - 1].number if len(found) > limit else None


def badge(connection: Connection, store_id: int) -> str:
    """How many orders want a look, as the pages' navigation shows it: empty for none, `99+` for more."""
    found = shop_reads.count_questions(connection, store_id, most=_COUNTED + 1)
    return "" if not found else str(found) if found <= _COUNTED else f"{_COUNTED}+"


def assign(
    connection: Connection, store: Store, number: int, profile: Profile, *, actor: str, now: datetime
) -> answers.Document:
    """Give a guest's order to a user, who gets what it grants; assigned again to another one, the grant moves.

    The entries carry the actor's name. Raises `UnknownOrder`, and
    `OrderHasCustomer` for an order that is a user's already.
    """
    account = accounts.put_profile(connection, store.id, profile, now=now)
    settled = orders.assign(connection, store, number, account_id=account.id, actor=actor, now=now)
    log.info("order %d of store %s was given to user %d by %s", number, store.slug, profile.user_id, actor)
    return _document(connection, store, number, settled)


def check(transaction: Transaction, shops: Shops, store: Store, number: int, *, now: datetime) -> answers.Document:
    """Look at an order again: read from the shop where REST keys were given, then settled.

    Raises `UnknownOrder`, and a `ShopUnreachable` where the shop does not answer.
    """
    settled = reconciliation.check_order(transaction, shops, store, number, now=now)
    if settled is None:
        raise UnknownOrder(f"there is no order {number}")
    with transaction() as connection:
        return _document(connection, store, number, settled)


def _document(connection: Connection, store: Store, number: int, settled: Settled) -> answers.Document:
    """An order as the API shows it after it was settled: `posted` is what was granted or taken back just now."""
    state = orders.describe(connection, store, number, is_parked=settled.is_parked)
    posted = sum(entry.tokens - entry.debt - entry.forgiven for entry in settled.entries)
    return {**state, "tokens": settled.owed, "posted": posted, "waits_for_buyer": settled.is_parked}
