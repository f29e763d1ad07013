"""The price list: the tokens an operation costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

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


def with_change(known: Mapping[str, Operation], operation: Operation) -> list[Operation]:
    """Return the operation with its price, and those made of it with their new prices.

    `known` is the price list by key. Raises `InvalidRequest` for a part that is not
    there, or is itself made of others.
    """
    if operation.parts:
        _check_parts(operation, known)
        operation = replace(operation, tokens_per_unit=sum_of(known[part] for part in operation.parts))
        if operation.tokens_per_unit > MAX_TOKENS:
            raise InvalidRequest(fields=[FieldError("parts", "together they cost more than 2^53-1 tokens")])
    priced = {**known, operation.key: operation}
    made_of_it = [
        replace(made, tokens_per_unit=sum_of(priced[part] for part in made.parts))
        for made in known.values()
        if operation.key in made.parts
    ]
    return [operation, *made_of_it]


def _check_parts(operation: Operation, known: Mapping[str, Operation]) -> None:
    for part in operation.parts:
        if part not in known or part == operation.key:
            raise InvalidRequest(fields=[FieldError("parts", f"the price list has no operation {part}")])
        if known[part].parts:
            raise InvalidRequest(fields=[FieldError("parts", f"{part} is itself made of others")])
    if any(operation.key in made.parts for made in known.values()):
        raise InvalidRequest(fields=[FieldError("parts", "another operation is made of this one")])
