"""What can happen in a random history: each move picks where it applies and says in a line what it did.

A move answers None where nothing fits. So that the shop's last state decides
what a listener who can still read everything must arrive at, four things are
left out that no listener could know of:

- a product is deleted only once every order with it was heard, since afterwards
  the shop itself has forgotten what was bought;
- what a product is worth changes only before it was sold and while the change
  is heard, since an order counts with what was known when it was first seen;
- a user is deleted only once each of his orders was heard completed for him,
  since afterwards the shop has forgotten whose they were, and never after he
  registered for orders he placed as a guest;
- an order that was ever decided goes to no status that decides nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from fakeshop.orders import Coupon, Item, Order, cents
from fakeshop.walk import Walk

Move = Callable[[Walk, random.Random], str | None]
_UNDECIDED = ("pending", "processing", "on-hold")
_ROLES = ("customer", "subscriber", "editor", "author", "contributor")


def _items(walk: Walk, chance: random.Random) -> list[Item]:
    articles = [product.id for product in walk.shop.products.values() if product.type != "variable"]
    items = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        price = Decimal(0) if chance.random() < 0.05 else None
        stamped = chance.randrange(1, 9_999) if chance.random() < 0.05 else None
        items.append(Item(chance.choice(articles), chance.choice((1, 1, 2, 3, 5)), price, stamped))
    return items


def _coupon(chance: random.Random) -> Coupon | None:
    return chance.choice((None,) * 8 + (Coupon("free100", 100), Coupon("half", 50)))


def _told(order: Order) -> str:
    buyer = f"user {order.customer_id}" if order.customer_id else order.email
    lines = ", ".join(f"{line.quantity} x {line.article_id}" for line in order.lines)
    return f"order {order.id} of {buyer} is {order.status}: {lines} for {order.total:.2f}"


def place(walk: Walk, chance: random.Random) -> str:
    """A user's order through REST, in any status."""
    status = chance.choice(("pending", "processing", "on-hold", "completed"))
    order = walk.shop.place_order(walk.pick_user(chance), _items(walk, chance), status=status, coupon=_coupon(chance))
    return _told(order)


def check_out(walk: Walk, chance: random.Random) -> str:
    """A user's paid order, by either checkout."""
    order = walk.shop.place_order(
        walk.pick_user(chance),
        _items(walk, chance),
        via=chance.choice(("store-api", "checkout")),
        method=chance.choice(("rigpay", "rigpay", "bacs")),
        coupon=_coupon(chance),
    )
    return _told(order)


def place_as_guest(walk: Walk, chance: random.Random) -> str:
    """A guest's order, under one of a few addresses that belong to nobody yet."""
    number = chance.randrange(1, 7)
    email = chance.choice((f"guest{number}@example.test", f"Guest{number}@Example.test"))
    taken = {user.email for user in walk.shop.users.values()}
    if email.casefold() not in taken and email.casefold() not in walk.guests:
        walk.guests.append(email.casefold())
    order = walk.shop.place_order(0, _items(walk, chance), email=email, via="store-api", coupon=_coupon(chance))
    return _told(order)


def register(walk: Walk, chance: random.Random) -> str | None:
    """A guest makes an account under the address of his orders, heard or not."""
    if not walk.guests:
        return None
    email = walk.guests.pop(chance.randrange(len(walk.guests)))
    user = walk.shop.create_user(email, roles=("customer",))
    walk.registered.add(user.id)
    walk.run_queue()
    return f"{email} registers as user {user.id}; the queue runs"


def sign_up(walk: Walk, chance: random.Random) -> str:
    """Somebody new makes an account."""
    number = len(walk.shop.users) + chance.randrange(10_000)
    user = walk.shop.create_user(f"new{number}@example.test", roles=(chance.choice(_ROLES),))
    return f"user {user.id} signs up"


def move_on(walk: Walk, chance: random.Random) -> str | None:
    """An order that was never decided goes to another status that decides nothing."""
    order = walk.pick_order(chance, lambda order: order.status in _UNDECIDED and order.completed_at is None)
    if order is None:
        return None
    walk.shop.set_status(order.id, chance.choice(_UNDECIDED))
    return f"order {order.id} is {order.status}"


def complete(walk: Walk, chance: random.Random) -> str | None:
    """An order is completed, for the first time or again."""
    order = walk.pick_order(chance, lambda order: order.status != "trash")
    if order is None:
        return None
    before = order.status
    walk.shop.complete(order.id)
    return f"order {order.id}: {before} -> completed"


def bulk_complete(walk: Walk, chance: random.Random) -> str | None:
    """Up to four orders are completed in one request."""
    standing = [order.id for order in walk.shop.orders.values() if order.status in _UNDECIDED]
    chosen = chance.sample(standing, min(len(standing), 4))
    walk.shop.bulk_complete(chosen)
    return f"orders {sorted(chosen)} -> completed in bulk" if chosen else None


def revoke(walk: Walk, chance: random.Random) -> str | None:
    """An order is cancelled or fails."""
    order = walk.pick_order(chance, lambda order: order.status in ("completed", "processing", "pending"))
    if order is None:
        return None
    walk.shop.set_status(order.id, chance.choice(("cancelled", "cancelled", "failed")))
    return f"order {order.id} is {order.status}"


def refund_pieces(walk: Walk, chance: random.Random) -> str | None:
    """Some pieces of some lines are given back, for their money or for none."""
    order = walk.pick_order(chance, lambda order: order.status != "trash" and bool(_lines_with_pieces(order)))
    if order is None:
        return None
    lines = _lines_with_pieces(order)
    chosen = chance.sample(lines, chance.randrange(1, len(lines) + 1))
    pieces = {line: chance.randrange(1, left + 1) for line, left in chosen}
    amounts = dict.fromkeys(pieces, "0") if chance.random() < 0.2 else None
    refund = walk.shop.refund_lines(order.id, pieces, amounts=amounts)
    return f"order {order.id}: pieces {pieces} back for {refund.amount:.2f}, now {order.status}"


def _lines_with_pieces(order: Order) -> list[tuple[int, int]]:
    left = ((line.id, line.quantity - order.refunded_pieces(line.id)) for line in order.lines)
    return [(line, pieces) for line, pieces in left if pieces > 0]


def refund_line_money(walk: Walk, chance: random.Random) -> str | None:
    """Money of one line is given back, without a piece."""
    order = walk.pick_order(chance, lambda order: order.status != "trash" and order.remainder > 0)
    if order is None:
        return None
    line = chance.choice(order.lines)
    left = min(line.total - order.refunded_money(line.id), order.remainder)
    amount = cents(left * chance.choice((Decimal("0.1"), Decimal("0.33"), Decimal("0.5"))))
    refund = walk.shop.refund_amount(order.id, amount, line_id=line.id)
    return f"order {order.id}: {refund.amount:.2f} back on line {line.id}, now {order.status}"


def refund_money(walk: Walk, chance: random.Random) -> str | None:
    """Money is given back, tied to no line."""
    order = walk.pick_order(chance, lambda order: order.status != "trash" and order.remainder > 0)
    if order is None:
        return None
    share = chance.choice((Decimal("0.07"), Decimal("0.25"), Decimal("0.5"), Decimal(1)))
    refund = walk.shop.refund_amount(order.id, cents(order.remainder * share))
    return f"order {order.id}: {refund.amount:.2f} back for nothing in particular, now {order.status}"


def refund_by_status(walk: Walk, chance: random.Random) -> str | None:
    """An order is set to refunded by hand."""
    order = walk.pick_order(chance, lambda order: order.status == "completed")
    if order is None:
        return None
    walk.shop.refund_by_status(order.id)
    return f"order {order.id} is set to refunded"


def delete_refund(walk: Walk, chance: random.Random) -> str | None:
    """A refund is deleted, and nobody is told."""
    order = walk.pick_order(chance, lambda order: bool(order.refunds))
    if order is None:
        return None
    refund = chance.choice(order.refunds)
    walk.shop.delete_refund(order.id, refund.id)
    return f"order {order.id}: refund {refund.id} of {refund.amount:.2f} is deleted, silently"
