"""The grants that a shop's own orders imply for each buyer: the expected result of a history.

Computed from the shop's objects alone, without any code of the service. The
rules it follows:

- a completed order grants, a cancelled, failed, refunded, trashed or deleted one
  nothing; pending, processing and on-hold leave what was granted before, so such
  an order counts as it was when it left `completed` (`Order.last_decided`);
- a piece has the value it had when the order was placed (`Line.tokens`);
- an order whose money was all refunded grants nothing;
- money refunded on a line removes its share of the line's total (both without
  tax), money tied to no line its share of the order's total (tax included) from
  every line; a share that is the price of whole pieces, within a
  cent, removes these pieces, any other is rounded down, one for each line;
- pieces refunded for their price, to a cent, or of a free line,
  grant nothing; pieces refunded for other money count by the money;
- a grant belongs to the order's customer. Where that is 0, it stays with the last one
  the order was completed for; else it is a guest's and belongs to the one user
  with the email of the order, or waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from fakeshop.model.orders import Line, Order, Refund
from fakeshop.model.state import ShopState

CENT = Decimal("0.01")


def expected_grants(shop: ShopState) -> dict[int, int]:
    """Return the tokens each user should have been granted in total, by user id; users without any are left out."""
    granted: Counter[int] = Counter()
    for order, tokens in _granted(shop):
        granted[_buyer(shop, order)] += tokens
    return {user_id: tokens for user_id, tokens in sorted(granted.items()) if user_id and tokens}


def expected_parked(shop: ShopState) -> dict[str, int]:
    """Return the tokens that wait for a user with an email, by email in lower case."""
    waiting: Counter[str] = Counter()
    for order, tokens in _granted(shop):
        if not _buyer(shop, order):
            waiting[order.email.strip().casefold()] += tokens
    return {email: tokens for email, tokens in sorted(waiting.items()) if tokens}


def tokens_owed(order: Order) -> dict[int, int]:
    """Return what each line should have granted in total, by line id."""
    decided = order.last_decided or order
    if decided.status != "completed":
        return {line.id: 0 for line in decided.lines}
    return {line.id: _owed(decided, line) for line in decided.lines}


def _granted(shop: ShopState) -> Iterator[tuple[Order, int]]:
    for order in shop.orders.values():
        yield order, sum(tokens_owed(order).values())


def _buyer(shop: ShopState, order: Order) -> int:
    if order.customer_id or order.completed_for:
        return order.customer_id or order.completed_for
    wanted = order.email.strip().casefold()
    found = [user.id for user in shop.users.values() if user.email.strip().casefold() == wanted]
    return found[0] if len(found) == 1 else 0


def _owed(order: Order, line: Line) -> int:
    refunded = sum((refund.amount for refund in order.refunds), Decimal(0))
    if 0 < order.total <= refunded:
        return 0
    pieces, on_line = 0, Decimal(0)
    for refund in order.refunds:
        for part in refund.lines:
            if part.line_id != line.id:
                continue
            if part.quantity and (line.total <= 0 or _is_price(part.total, part.quantity, line)):
                pieces += part.quantity
            else:
                on_line += part.total
    loose = sum((_loose(refund) for refund in order.refunds), Decimal(0))
    lost = 0
    for money, whole in ((on_line, line.total), (loose, order.total)):
        back, tokens = _share(line, money, whole)
        pieces, lost = pieces + back, lost + tokens
    return max(0, line.tokens * (line.quantity - pieces) - lost)


def _loose(refund: Refund) -> Decimal:
    rest = refund.amount - refund.tied
    return rest if rest > CENT * max(1, len(refund.lines)) else Decimal(0)


def _is_price(money: Decimal, pieces: int, line: Line) -> bool:
    return line.quantity == 0 or abs(Fraction(money) - Fraction(line.total) * pieces / line.quantity) <= CENT


def _share(line: Line, part: Decimal, whole: Decimal) -> tuple[int, int]:
    """Return the whole pieces the money pays for, or else the tokens."""
    if part <= 0 or whole <= 0 or not line.quantity:
        return 0, 0
    share = min(Fraction(1), Fraction(part) / Fraction(whole))
    pieces = round(share * line.quantity)
    if pieces and abs(Fraction(pieces, line.quantity) * Fraction(whole) - Fraction(part)) < CENT:
        return pieces, 0
    return 0, int(line.tokens * line.quantity * share)
