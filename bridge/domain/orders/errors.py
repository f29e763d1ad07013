"""Errors of an owner's answer to a question about an order."""

from __future__ import annotations

from bridge.domain.errors import BridgeError, InvalidRequest, NotFound


class UnknownLine(NotFound):
    """The order has no such line."""

    code = "unknown_line"


class LineHasAmount(BridgeError):
    """The amount of the line is fixed already; correct the balance if it is wrong."""

    code = "line_has_amount"


class RefundsChanged(BridgeError):
    """The order's refunds are no longer the ones that were named."""

    code = "refunds_changed"


class NoOpenRefunds(BridgeError):
    """Nothing is open about the order's refunds."""

    code = "no_open_refunds"


class UnknownChoice(InvalidRequest):
    """The review item has no such choice."""

    code = "unknown_choice"


class ReviewChanged(BridgeError):
    """The order has no such review item any more; load it again."""

    code = "review_changed"
