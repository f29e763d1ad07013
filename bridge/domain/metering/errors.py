"""Errors of metering: prices, limits, spends and holds, each with the code that callers receive."""

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
    """The hold was already captured."""

    code = "hold_captured"


class HoldReleased(BridgeError):
    """The hold was already released."""

    code = "hold_released"


class RefundTooLarge(BridgeError):
    """The refund is larger than the part of the spend that was not refunded yet."""

    code = "refund_exceeds_spend"


class NotASpend(BridgeError):
    """This is not a spend: a refund cannot be refunded."""

    code = "not_a_spend"


class TooManyUnits(BridgeError):
    """The quantity is above the operation's max_units."""

    code = "too_many_units"


class UnknownModule(NotFound):
    """The store has no such module."""

    code = "unknown_module"


class UnknownLimit(NotFound):
    """The module has no limit."""

    code = "unknown_limit"


class HoldReleasedBefore(BridgeError):
    """The hold was released before this request, so it holds no tokens."""

    code = "hold_released_before"


class LifetimeOutOfRange(InvalidRequest):
    """A hold may last from 1 second to 24 hours."""

    code = "ttl_out_of_range"


class TooManyItems(InvalidRequest):
    """The request has too many items; split it into several."""

    code = "too_many_items"


class UsageRangeTooLarge(InvalidRequest):
    """The range has too much usage for one response; request fewer days or fewer groupings."""

    code = "usage_range_too_large"


class OperationAndTokens(InvalidRequest):
    """Send either an operation, whose price is in the price list, or a module with tokens, not both."""

    code = "operation_and_tokens"


class TooManyUnknownIds(BridgeError):
    """This linked-site key requested too many spends or holds that are not its own; wait, then try again."""

    code = "too_many_unknown_ids"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(
            "this key requested too many spends or holds that are not its site's;"
            f" try again in {retry_after_seconds} seconds"
        )
        self.retry_after_seconds = retry_after_seconds


class UseOutOfRange(BridgeError):
    """The usage counted in one window or day would exceed 2^53-1 tokens; nothing was charged."""

    code = "use_out_of_range"
