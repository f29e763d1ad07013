"""Errors of decisions about an order."""

from __future__ import annotations

from bridge.domain.errors import BridgeError, InvalidRequest, NotFound


class UnknownLine(NotFound):
    """The order has no such line."""

    code = "unknown_line"


class LineHasAmount(BridgeError):
    """The line already has an amount, which cannot be changed; correct the balance instead."""

    code = "line_has_amount"


class RefundsChanged(BridgeError):
    """The order's refunds changed since they were read; read them again."""

    code = "refunds_changed"


class NoOpenRefunds(BridgeError):
    """The order has no refunds to review."""

    code = "no_open_refunds"


class UnknownChoice(InvalidRequest):
    """The review item has no such choice."""

    code = "unknown_choice"


class ReviewChanged(BridgeError):
    """The order no longer has this review item; read the order again."""

    code = "review_changed"
