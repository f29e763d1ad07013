"""The price list: the tokens an operation costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.errors import TooManyUnits


@dataclass(frozen=True, slots=True)
class Operation:
    """A billable action in a module.

    `tokens_per_unit` is whole tokens, 0 if it is free; `max_units` is the most units
    in one call, None for no limit. `parts` lists the operations it consists of;
    empty for a simple operation.
    """

    key: str
    module: str
    tokens_per_unit: int
    max_units: int | None = None
    parts: tuple[str, ...] = ()


DEFAULT_OPERATIONS = (
    Operation("chat.message", "chat", 1),
    Operation("form.submission", "ai_forms", 1),
    Operation("image.generation", "image_generator", 1),
    Operation("image.analysis", "image_optimizer", 1),
    Operation("image.export", "image_optimizer", 1),
    Operation("image.pipeline", "image_optimizer", 2, parts=("image.analysis", "image.export")),
    Operation("image.preview", "image_optimizer", 0, max_units=5),
    Operation("alt_text.generation", "alt_text", 1),
)
"""The price list of a new store."""


def price_of(operation: Operation, quantity: int) -> int:
    """Return the price of this many units, in whole tokens.

    Raises `TooManyUnits` above the operation's `max_units`, and `InvalidRequest` if
    the price would exceed 2^53-1 tokens.
    """
    if operation.max_units is not None and quantity > operation.max_units:
        raise TooManyUnits(
            f"{operation.key} allows at most {operation.max_units} units in one call",
            fields=[FieldError("quantity", f"at most {operation.max_units}")],
        )
    price = operation.tokens_per_unit * quantity
    if price > MAX_TOKENS:
        raise InvalidRequest(fields=[FieldError("quantity", "the price would exceed 2^53-1 tokens")])
    return price


def sum_of(parts: Iterable[Operation]) -> int:
    """Return the tokens per unit of an operation that consists of these parts."""
    return sum(part.tokens_per_unit for part in parts)
