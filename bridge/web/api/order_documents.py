"""The JSON documents of orders, their lines and their review items."""

from __future__ import annotations

from decimal import Decimal

from bridge.domain.orders.comparing import Comparison, DifferingOrder
from bridge.domain.orders.merge import Acknowledgement, LineState, OrderState, Refunds
from bridge.domain.orders.review import open_lines
from bridge.domain.orders.review_items import ReviewItem
from bridge.rendering import documents
from bridge.rendering.documents import Document
from bridge.rendering.ids import encode_id
from bridge.services.orders import late_packages
from bridge.services.orders.late_packages import LatePackage
from bridge.services.orders.purchases import OrderGrant
from bridge.services.shop.review import AcceptedSources, OpenOrder, OrderRecord, ReviewedOrder


def exception_document(one: OpenOrder, known: OrderState) -> Document:
    """Return an order of the list of exceptions: its review items, lines without an amount, and refunds."""
    return {
        "id": one.number,
        "number": shown_number(one.number, known.shop_number),
        "question": one.question.value,
        "reviews": [review_document(item) for item in known.reviews],
        "email": one.email or None,
        "placed_at": documents.format_timestamp(one.placed_at),
        "lines": [_line_document(line) for line in open_lines(known)],
        "refunds": _refunds_document(known.refunds),
    }


def settled_document(order: ReviewedOrder) -> Document:
    """Return an order after it was processed; `posted` is what was granted or reversed by that."""
    return {
        **order_document(order.state),
        "tokens": order.tokens,
        "posted": order.posted,
        "waits_for_buyer": order.waits_for_buyer,
    }


def late_document(late: LatePackage) -> Document:
    """Return a package with orders from before it was a package, and the choices about them."""
    return {
        "product": late.package.product_id,
        "variation": late.package.variation_id or None,
        "name": late.package.name,
        "tokens": late.package.tokens,
        "orders": late.orders,
        "choices": list(late_packages.DECISIONS),
    }


def sources_document(sources: AcceptedSources) -> Document:
    """Return the accepted addresses of other sites, and the one that waits."""
    return {"accepted": list(sources.accepted), "waiting": sources.waiting}


def order_document(known: OrderState) -> Document:
    """Return an order as JSON; `granted` is what it has granted so far, minus reversals."""
    return {
        "id": known.number,
        "number": shown_number(known.number, known.shop_number),
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


def record_document(record: OrderRecord) -> Document:
    """Return an order with its user and the ledger entries of its lines."""
    return {
        **order_document(record.state),
        "user_id": record.user_id,
        "grants": [_grant_document(grant) for grant in record.grants],
        "sync": None if record.comparison is None else sync_document(record.comparison),
    }


def differing_document(one: DifferingOrder) -> Document:
    """Return an order that differs from the shop, with the values that differ."""
    return {
        "id": one.number,
        "number": shown_number(one.number, one.shown_number),
        "status": one.status,
        "sync": sync_document(one.comparison),
    }


def sync_document(found: Comparison) -> Document:
    """Return a comparison with the shop; `state` is None where the order has changed since."""
    return {
        "state": None if found.state is None else found.state.value,
        "compared_at": documents.format_timestamp(found.compared_at),
        "differences": [
            {"field": each.value.value, "line": each.line or None, "shop": each.shop, "stored": each.stored}
            for each in found.differences
        ],
    }


def _grant_document(grant: OrderGrant) -> Document:
    entry = grant.entry
    return {
        "id": encode_id("en", entry.id),
        "kind": entry.kind.value,
        "user_id": grant.user_id,
        "line": entry.line_id,
        "granted": entry.tokens - entry.debt - entry.forgiven,
        "tokens": entry.tokens,
        "debt": entry.debt,
        "created_at": documents.format_timestamp(entry.created_at),
    }


def review_document(item: ReviewItem) -> Document:
    """Return a review item as JSON: the values to send with a choice, and its parameters."""
    return {
        "kind": item.kind.value,
        "subject": item.subject,
        "choices": list(item.choices),
        "parameters": dict(item.parameters),
    }


def _line_document(line: LineState) -> Document:
    """Return a line; `tokens_each` is None without an amount, `basis` is how the amount was determined."""
    return {
        "id": line.line.id,
        "name": line.line.name,
        "sku": line.line.sku,
        "product_id": line.line.product_id or None,
        "variation_id": line.line.variation_id or None,
        "quantity": quantity(line.line.quantity),
        "tokens_each": line.tokens,
        "basis": line.basis.value if line.basis else None,
        "months": line.months,
        "tokens": line.granted,
        "set_by": line.set_by,
        "set_at": documents.format_timestamp(line.set_at),
    }


def _refunds_document(refunds: Refunds) -> Document:
    return {"ids": list(refunds.ids), "total": f"{refunds.total:f}"}


def _seen_document(seen: Acknowledgement | None) -> Document | None:
    if seen is None:
        return None
    return {"by": seen.by, "at": documents.format_timestamp(seen.at), "refunds": _refunds_document(seen.refunds)}


def quantity(pieces: int | Decimal | None) -> int | float | None:
    """Return a quantity as JSON shows it: whole, or a fraction."""
    return pieces if pieces is None or isinstance(pieces, int) else float(pieces)


def shown_number(order_id: int, shop_number: str) -> int | str:
    """Return the number of an order as JSON shows it: the shop's own where it has one, else the ID."""
    return shop_number or order_id
