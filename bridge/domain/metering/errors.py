"""Errors of metering: prices, limits, spends and holds, each with the code callers receive."""

from __future__ import annotations

from bridge.domain.errors import BridgeError, InvalidRequest, NotFound


class UnknownOperation(NotFound):
    """The store's price list has no such operation."""

    code = "unknown_operation"


class UnknownHold(NotFound):
    """There is no such hold."""

    code = "unknown_hold"


class UnknownSpend(NotFound):
    """There is no such spend."""

    code = "unknown_spend"


class HoldCaptured(BridgeError):
    """The hold was captured already."""

    code = "hold_captured"


class HoldReleased(BridgeError):
    """The hold was released already."""

    code = "hold_released"


class RefundTooLarge(BridgeError):
    """The refund is larger than what the spend still has to give back."""

    code = "refund_exceeds_spend"


class NotASpend(BridgeError):
    """This is not a spend: a refund cannot be refunded."""

    code = "not_a_spend"


class TooManyUnits(BridgeError):
    """The operation takes fewer units in one call."""

    code = "too_many_units"


class UnknownModule(NotFound):
    """The store has no such module."""

    code = "unknown_module"


class UnknownLimit(NotFound):
    """The module has no limit."""

    code = "unknown_limit"


class HoldReleasedBefore(BridgeError):
    """The hold was released already; nothing is set aside any more."""

    code = "hold_released_before"


class LifetimeOutOfRange(InvalidRequest):
    """A hold lives from 1 second to 24 hours."""

    code = "ttl_out_of_range"


class TooManyItems(InvalidRequest):
    """One request takes fewer items."""

    code = "too_many_items"


class OperationAndTokens(InvalidRequest):
    """The price list prices an operation: name an operation, or tokens, and not both."""

    code = "operation_and_tokens"


class TooManyUnknownIds(BridgeError):
    """This linked-site key named too many spends or holds that are not its own; wait, then try again."""

    code = "too_many_unknown_ids"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(
            "this key named too many spends or holds that its site did not make;"
            f" try again in {retry_after_seconds} seconds"
        )
        self.retry_after_seconds = retry_after_seconds


class UseOutOfRange(BridgeError):
    """The use counted in one window or one day would pass 2^53-1; nothing was charged."""

    code = "use_out_of_range"
