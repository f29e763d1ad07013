"""Questions: orders that want an owner's look, and what he answers to them by hand."""

from __future__ import annotations

import logging
from datetime import datetime

from bridge.domain.accounts.accounts import Profile
from bridge.domain.errors import UnknownOrder
from bridge.domain.orders.merge import Acknowledgement, LineState, OrderState, Refunds
from bridge.domain.orders.review import open_lines
from bridge.domain.orders.review_items import Question, ReviewItem
from bridge.domain.shop.inbox import NoticeKind
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.metering import documents
from bridge.services.orders import apply, late_packages
from bridge.services.orders.settling import Settled
from bridge.services.shop import reconcile
from bridge.services.shop.rest import Shops
from bridge.services.transactions import Transaction
from bridge.storage.engine.database import Connection
from bridge.storage.orders import orders as stored
from bridge.storage.shop import sync_state
from bridge.storage.shop.sync_state import OpenOrder
from bridge.storage.stores import stores as store_rows

log = logging.getLogger(__name__)

_COUNTED = 99


def list_open(
    connection: Connection, store_id: int, *, after: int, limit: int
) -> tuple[list[tuple[OpenOrder, OrderState]], int | None]:
    """The orders with an open question, with what is known of each, and the number the next page begins behind."""
    found = sync_state.list_questions(connection, store_id, after=after, limit=limit + 1)
    known = stored.find_all(connection, store_id, [one.number for one in found[:limit]])
    items = [(one, known[one.number]) for one in found[:limit]]
    return items, found[limit - 1].number if len(found) > limit else None


def list_questions(
    connection: Connection, store_id: int, *, after: int, limit: int
) -> tuple[list[documents.Document], int | None]:
    """The orders with an open question as the API shows them: the lines to be told, the refunds to be looked at."""
    found, following = list_open(connection, store_id, after=after, limit=limit)
    items: list[documents.Document] = [
        {
            "id": one.number,
            "number": documents.shown_number(one.number, known.shop_number),
            "question": one.question.value,
            "reviews": [review_document(item) for item in known.reviews],
            "email": one.email or None,
            "placed_at": documents.format_timestamp(one.placed_at),
            "lines": [_line_document(line) for line in open_lines(known)],
            "refunds": _refunds_document(known.refunds),
        }
        for one, known in found
    ]
    return items, following


def badge(connection: Connection, store_id: int) -> str:
    """How many orders and products need a person, as the pages' navigation shows it: empty for none, `99+` for more."""
    found = sync_state.count_questions(connection, store_id, most=_COUNTED + 1)
    found += late_packages.count_late(connection, store_id)
    return "" if not found else str(found) if found <= _COUNTED else f"{_COUNTED}+"


def assign(
    connection: Connection, store: Store, number: int, profile: Profile, *, actor: str, now: datetime
) -> documents.Document:
    """Give a guest's order to a user, who gets what it grants; assigned again to another one, the grant moves.

    The entries carry the actor's name. Raises `UnknownOrder`, and
    `OrderHasCustomer` for an order that is a user's already.
    """
    account = profiles.put_profile(connection, store.id, profile, now=now)
    settled = apply.assign(connection, store, number, account_id=account.id, actor=actor, now=now)
    log.info("order %d of store %s was given to user %d by %s", number, store.slug, profile.user_id, actor)
    return _document(connection, store, number, settled)


def set_amount(
    connection: Connection, store: Store, number: int, line_id: int, *, tokens: int, actor: str, now: datetime
) -> documents.Document:
    """Say what one piece of a line brings, 0 for no package; the order grants by it, in the actor's name.

    Raises `UnknownOrder`, `UnknownLine`, and `LineHasAmount` where another amount is fixed.
    """
    settled = apply.set_amount(connection, store, number, line_id, tokens=tokens, actor=actor, now=now)
    log.info("line %d of order %d of store %s: %d tokens a piece, by %s", line_id, number, store.slug, tokens, actor)
    return _document(connection, store, number, settled)


def see_refunds(
    connection: Connection, store: Store, number: int, refunds: Refunds, *, actor: str, now: datetime
) -> documents.Document:
    """Mark an order's refunds as seen, those that are named; another refund asks anew.

    Raises `UnknownOrder`, `RefundsChanged` and `NoOpenRefunds`.
    """
    settled = apply.see_refunds(connection, store, number, refunds, actor=actor, now=now)
    log.info("the refunds of order %d of store %s were seen by %s", number, store.slug, actor)
    return _document(connection, store, number, settled)


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
) -> documents.Document:
    """Store a person's choice about a review item, and settle the order by it.

    Raises `UnknownOrder`, `ReviewChanged` where the item is no longer open, and `UnknownChoice`.
    """
    settled = apply.decide(connection, store, number, kind=kind, subject=subject, choice=choice, actor=actor, now=now)
    log.info("order %d of store %s: %s decided as %s by %s", number, store.slug, kind.value, choice, actor)
    return _document(connection, store, number, settled)


def get_order(connection: Connection, store: Store, number: int) -> documents.Document:
    """An order with its lines, grants and review items; raises `UnknownOrder`."""
    return order_document(_get(connection, store, number))


def sources_document(connection: Connection, store_id: int) -> documents.Document:
    """The accepted addresses of other sites; `waiting` is the last one that delivered without being accepted."""
    found = [one.detail for one in sync_state.find(connection, store_id).notices if one.kind is NoticeKind.OTHER_SITE]
    accepted = store_rows.get(connection, store_id).accepted_sources
    return {"accepted": list(accepted), "waiting": found[0] if found else None}


def _get(connection: Connection, store: Store, number: int) -> OrderState:
    known = stored.find(connection, store.id, number)
    if known is None or not known.is_known:
        raise UnknownOrder(f"there is no order {number}")
    return known


def find_order(connection: Connection, store: Store, text: str) -> int | None:
    """The id of an order by its id or the number the shop shows; None for a text that is neither."""
    return apply.find_id(connection, store, text)


def check(transaction: Transaction, shops: Shops, store: Store, number: int, *, now: datetime) -> documents.Document:
    """Look at an order again: read from the shop where REST keys were given, then settled.

    Raises `UnknownOrder`, and a `ShopUnreachable` where the shop does not answer.
    """
    settled = reconcile.check_order(transaction, shops, store, number, now=now)
    if settled is None:
        raise UnknownOrder(f"there is no order {number}")
    with transaction() as connection:
        return _document(connection, store, number, settled)


def _document(connection: Connection, store: Store, number: int, settled: Settled) -> documents.Document:
    """An order as the API shows it after it was settled: `posted` is what was granted or taken back just now."""
    known = _get(connection, store, number)
    return {
        **order_document(known),
        "tokens": settled.owed,
        "posted": sum(entry.tokens - entry.debt - entry.forgiven for entry in settled.entries),
        "waits_for_buyer": settled.is_parked,
    }


def order_document(known: OrderState) -> documents.Document:
    """An order as the API shows it; `granted` is what it has granted by now, less what was taken back."""
    return {
        "id": known.number,
        "number": documents.shown_number(known.number, known.shop_number),
        "status": known.status,
        "question": known.reviews[0].kind.value if known.reviews else None,
        "reviews": [review_document(item) for item in known.reviews],
        "decisions": [
            {
                "kind": one.kind.value,
                "subject": one.subject,
                "choice": one.choice,
                "by": one.by,
                "at": documents.format_timestamp(one.at),
            }
            for one in known.decisions
        ],
        "customer_id": known.buyer_id or None,
        "email": known.email or None,
        "placed_at": documents.format_timestamp(known.placed_at),
        "modified_at": documents.format_timestamp(known.modified_at),
        "total": f"{known.total:f}",
        "currency": known.currency,
        "lines": [_line_document(line) for line in known.lines],
        "granted": sum(line.granted for line in known.lines),
        "refunds": _refunds_document(known.refunds),
        "seen": _seen_document(known.seen),
    }


def review_document(item: ReviewItem) -> documents.Document:
    """A review item as the API shows it: what to send back with a choice, and its parameters."""
    return {
        "kind": item.kind.value,
        "subject": item.subject,
        "choices": list(item.choices),
        "parameters": dict(item.parameters),
    }


def _line_document(line: LineState) -> documents.Document:
    """A line; `tokens_each` is None while there is no amount, `basis` how it was determined."""
    return {
        "id": line.line.id,
        "name": line.line.name,
        "sku": line.line.sku,
        "product_id": line.line.product_id or None,
        "variation_id": line.line.variation_id or None,
        "quantity": documents.quantity(line.line.quantity),
        "tokens_each": line.tokens,
        "basis": line.basis.value if line.basis else None,
        "months": line.months,
        "tokens": line.granted,
        "set_by": line.set_by,
        "set_at": documents.format_timestamp(line.set_at),
    }


def _refunds_document(refunds: Refunds) -> documents.Document:
    return {"ids": list(refunds.ids), "total": f"{refunds.total:f}"}


def _seen_document(seen: Acknowledgement | None) -> documents.Document | None:
    if seen is None:
        return None
    return {"by": seen.by, "at": documents.format_timestamp(seen.at), "refunds": _refunds_document(seen.refunds)}
