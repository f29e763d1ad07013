"""What the shop's own orders say each buyer should have been granted in all: the judge of a history.

Worked out from the shop's objects alone, without a line of the bridge. The
choices it makes:

- a completed order grants, a cancelled, failed, refunded, trashed or deleted one
  nothing; pending, processing and on-hold leave what was granted before, so such
  an order counts as it was when it left `completed` (`Order.kept`);
- a piece is worth what it was worth when the order was placed (`Line.tokens`);
- pieces given back bring nothing, also where they were given back for no money;
- money given back on a line without pieces takes its share of the line's total
  (both without tax), money tied to no line its share of the order's total (tax
  included) from every line; shares are of all pieces the line has now, rounded
  down, one for each line, and what cost nothing loses nothing by share;
- a grant is the order's customer's. Where that is 0, it stays with the last one
  the order was completed for; else it is a guest's and belongs to the one user
  with the e-mail of the order, or waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from fakeshop.orders import Line, Order
from fakeshop.state import ShopState


def expected_books(shop: ShopState) -> dict[int, int]:
    """The tokens each user should have been granted in all, by user id; users without any are left out."""
    granted: Counter[int] = Counter()
    for order, tokens in _granted(shop):
        granted[_buyer(shop, order)] += tokens
    return {user_id: tokens for user_id, tokens in sorted(granted.items()) if user_id and tokens}


def expected_parked(shop: ShopState) -> dict[str, int]:
    """The tokens that wait for somebody with an e-mail address to appear, by address in small letters."""
    waiting: Counter[str] = Counter()
    for order, tokens in _granted(shop):
        if not _buyer(shop, order):
            waiting[order.email.strip().casefold()] += tokens
    return {email: tokens for email, tokens in sorted(waiting.items()) if tokens}


def tokens_owed(order: Order) -> dict[int, int]:
    """What each line should have granted in all, by line id."""
    decided = order.kept or order
    if decided.status != "completed":
        return {line.id: 0 for line in decided.lines}
    return {line.id: _owed(decided, line) for line in decided.lines}


def _granted(shop: ShopState) -> Iterator[tuple[Order, int]]:
    for order in shop.orders.values():
        yield order, sum(tokens_owed(order).values())


def _buyer(shop: ShopState, order: Order) -> int:
    if order.customer_id or order.keeper_id:
        return order.customer_id or order.keeper_id
    wanted = order.email.strip().casefold()
    found = [user.id for user in shop.users.values() if user.email.strip().casefold() == wanted]
    return found[0] if len(found) == 1 else 0


def _owed(order: Order, line: Line) -> int:
    everything = line.tokens * line.quantity
    left = everything - line.tokens * order.refunded_pieces(line.id)
    on_line = sum(
        (
            part.total
            for refund in order.refunds
            for part in refund.lines
            if part.line_id == line.id and part.quantity == 0
        ),
        Decimal(0),
    )
    loose = sum((refund.amount - refund.tied for refund in order.refunds), Decimal(0))
    left -= _share(everything, on_line, line.total)
    left -= _share(everything, loose, order.total)
    return max(0, left)


def _share(tokens: int, part: Decimal, whole: Decimal) -> int:
    return int(tokens * Fraction(part) / Fraction(whole)) if part > 0 and whole > 0 else 0
