"""The actions of a random history: each selects its target and describes its effect in a line.

An action returns None where it has no target. So that the shop's final state decides
the result of a service that can read everything, four cases are
left out that no service could detect:

- a product is deleted only once every order with it was delivered, since afterwards
  the shop itself no longer has what was bought;
- the amount of a product changes only before it was sold and while the change
  is delivered, since an order counts with the amount at its first delivery;
- a user is deleted only once each of their orders was delivered as completed for them,
  since afterwards the shop no longer has the owner of the orders, and never after they
  registered for orders they placed as a guest;
- an order that was ever decided gets no status that decides nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from fakeshop.model.orders import Coupon, Item, Order, cents
from tests.histories.history_state import HistoryState

Move = Callable[[HistoryState, random.Random], str | None]
_UNDECIDED = ("pending", "processing", "on-hold")
_ROLES = ("customer", "subscriber", "editor", "author", "contributor")


def _items(history: HistoryState, rng: random.Random) -> list[Item]:
    articles = [product.id for product in history.shop.products.values() if product.type != "variable"]
    items = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        price = Decimal(0) if rng.random() < 0.05 else None
        stamped = rng.randrange(1, 9_999) if rng.random() < 0.05 else None
        items.append(Item(rng.choice(articles), rng.choice((1, 1, 2, 3, 5)), price, stamped))
    return items


def _coupon(rng: random.Random) -> Coupon | None:
    return rng.choice((None,) * 8 + (Coupon("free100", 100), Coupon("half", 50)))


def _describe(order: Order) -> str:
    buyer = f"user {order.customer_id}" if order.customer_id else order.email
    lines = ", ".join(f"{line.quantity} x {line.article_id}" for line in order.lines)
    return f"order {order.id} of {buyer} is {order.status}: {lines} for {order.total:.2f}"


def place(history: HistoryState, rng: random.Random) -> str:
    """Place a user's order through REST, in any status."""
    status = rng.choice(("pending", "processing", "on-hold", "completed"))
    order = history.shop.place_order(history.pick_user(rng), _items(history, rng), status=status, coupon=_coupon(rng))
    return _describe(order)


def check_out(history: HistoryState, rng: random.Random) -> str:
    """Place a user's paid order, by either checkout."""
    order = history.shop.place_order(
        history.pick_user(rng),
        _items(history, rng),
        via=rng.choice(("store-api", "checkout")),
        method=rng.choice(("rigpay", "rigpay", "bacs")),
        coupon=_coupon(rng),
    )
    return _describe(order)


def place_as_guest(history: HistoryState, rng: random.Random) -> str:
    """Place a guest's order, under one of a few unregistered emails."""
    number = rng.randrange(1, 7)
    email = rng.choice((f"guest{number}@example.test", f"Guest{number}@Example.test"))
    taken = {user.email for user in history.shop.users.values()}
    if email.casefold() not in taken and email.casefold() not in history.guests:
        history.guests.append(email.casefold())
    order = history.shop.place_order(0, _items(history, rng), email=email, via="store-api", coupon=_coupon(rng))
    return _describe(order)


def register(history: HistoryState, rng: random.Random) -> str | None:
    """Register a guest under the email of their orders, delivered or not."""
    if not history.guests:
        return None
    email = history.guests.pop(rng.randrange(len(history.guests)))
    user = history.shop.create_user(email, roles=("customer",))
    history.registered.add(user.id)
    history.run_queue()
    return f"{email} registers as user {user.id}; the queue runs"


def sign_up(history: HistoryState, rng: random.Random) -> str:
    """Register a new user."""
    number = len(history.shop.users) + rng.randrange(10_000)
    user = history.shop.create_user(f"new{number}@example.test", roles=(rng.choice(_ROLES),))
    return f"user {user.id} signs up"


def move_on(history: HistoryState, rng: random.Random) -> str | None:
    """Move an undecided order to another status that decides nothing."""
    order = history.pick_order(rng, lambda order: order.status in _UNDECIDED and order.completed_at is None)
    if order is None:
        return None
    history.shop.set_status(order.id, rng.choice(_UNDECIDED))
    return f"order {order.id} is {order.status}"


def complete(history: HistoryState, rng: random.Random) -> str | None:
    """Complete an order, for the first time or again."""
    order = history.pick_order(rng, lambda order: order.status != "trash")
    if order is None:
        return None
    before = order.status
    history.shop.complete(order.id)
    return f"order {order.id}: {before} -> completed"


def bulk_complete(history: HistoryState, rng: random.Random) -> str | None:
    """Complete up to four orders in one request."""
    shared = [order.id for order in history.shop.orders.values() if order.status in _UNDECIDED]
    chosen = rng.sample(shared, min(len(shared), 4))
    history.shop.bulk_complete(chosen)
    return f"orders {sorted(chosen)} -> completed in bulk" if chosen else None


def revoke(history: HistoryState, rng: random.Random) -> str | None:
    """Cancel an order, or let it fail."""
    order = history.pick_order(rng, lambda order: order.status in ("completed", "processing", "pending"))
    if order is None:
        return None
    history.shop.set_status(order.id, rng.choice(("cancelled", "cancelled", "failed")))
    return f"order {order.id} is {order.status}"


def refund_pieces(history: HistoryState, rng: random.Random) -> str | None:
    """Refund some pieces of some lines, with their money or without."""
    order = history.pick_order(rng, lambda order: order.status != "trash" and bool(_lines_with_pieces(order)))
    if order is None:
        return None
    lines = _lines_with_pieces(order)
    chosen = rng.sample(lines, rng.randrange(1, len(lines) + 1))
    pieces = {line: rng.randrange(1, left + 1) for line, left in chosen}
    amounts = dict.fromkeys(pieces, "0") if rng.random() < 0.2 else None
    refund = history.shop.refund_lines(order.id, pieces, amounts=amounts)
    return f"order {order.id}: pieces {pieces} back for {refund.amount:.2f}, now {order.status}"


def _lines_with_pieces(order: Order) -> list[tuple[int, int]]:
    left = ((line.id, line.quantity - order.refunded_pieces(line.id)) for line in order.lines)
    return [(line, pieces) for line, pieces in left if pieces > 0]


def refund_line_money(history: HistoryState, rng: random.Random) -> str | None:
    """Refund money of one line, without a piece."""
    order = history.pick_order(rng, lambda order: order.status != "trash" and order.remainder > 0)
    if order is None:
        return None
    line = rng.choice(order.lines)
    left = min(line.total - order.refunded_money(line.id), order.remainder)
    amount = cents(left * rng.choice((Decimal("0.1"), Decimal("0.33"), Decimal("0.5"))))
    refund = history.shop.refund_amount(order.id, amount, line_id=line.id)
    return f"order {order.id}: {refund.amount:.2f} back on line {line.id}, now {order.status}"


def refund_money(history: HistoryState, rng: random.Random) -> str | None:
    """Refund money, tied to no line."""
    order = history.pick_order(rng, lambda order: order.status != "trash" and order.remainder > 0)
    if order is None:
        return None
    share = rng.choice((Decimal("0.07"), Decimal("0.25"), Decimal("0.5"), Decimal(1)))
    refund = history.shop.refund_amount(order.id, cents(order.remainder * share))
    return f"order {order.id}: {refund.amount:.2f} back for nothing in particular, now {order.status}"


def refund_by_status(history: HistoryState, rng: random.Random) -> str | None:
    """Set an order to refunded by hand."""
    order = history.pick_order(rng, lambda order: order.status == "completed")
    if order is None:
        return None
    history.shop.refund_by_status(order.id)
    return f"order {order.id} is set to refunded"


def delete_refund(history: HistoryState, rng: random.Random) -> str | None:
    """Delete a refund; no webhook is sent."""
    order = history.pick_order(rng, lambda order: bool(order.refunds))
    if order is None:
        return None
    refund = rng.choice(order.refunds)
    history.shop.delete_refund(order.id, refund.id)
    return f"order {order.id}: refund {refund.id} of {refund.amount:.2f} is deleted, silently"
