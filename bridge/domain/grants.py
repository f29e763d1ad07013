"""What an order owes its buyer, by all that is known of it: a pure function of what the shop said."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from bridge.domain.orders import Effect, Known, KnownLine


def tokens_owed(known: Known, line: KnownLine) -> int:
    """What a line should have granted in all, in whole tokens, by the order's deciding state.

    Pieces that were refunded bring nothing. Money refunded on the line without
    a quantity takes back its share of the line's total; money tied to no line,
    and all money where the refunds' lines are not known, its share of the
    order's total from every line of a package. Shares are rounded down, and
    what cost nothing cannot be refunded by share.
    """
    if known.effect is not Effect.GRANTS or not line.tokens or line.months:
        return 0
    return _less_refunds(known, line, each=line.tokens)


def months_owed(known: Known, line: KnownLine) -> int:
    """How many months of its plan a line should have brought, by the same rules; 0 for a line of no plan."""
    if known.effect is not Effect.GRANTS or not line.months:
        return 0
    return _less_refunds(known, line, each=line.months)


def _less_refunds(known: Known, line: KnownLine, *, each: int) -> int:
    """What pieces worth `each` are still worth, once every refund took its part."""
    full = each * max(0, line.line.quantity)
    mine = [
        refunded for detail in known.standing_refunds for refunded in detail.lines if refunded.line_id == line.line.id
    ]
    pieces = each * sum(refunded.quantity for refunded in mine)
    on_line = sum((refunded.total for refunded in mine if refunded.quantity == 0), Decimal(0))
    by_line = _share(full, on_line, line.line.total)
    by_order = _share(full, known.loose_money, known.total)
    return max(0, full - pieces - by_line - by_order)


def _share(full: int, part: Decimal, whole: Decimal) -> int:
    if part <= 0 or whole <= 0:
        return 0
    return int(full * Fraction(part) / Fraction(whole))
