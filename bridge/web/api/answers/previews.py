"""Responses that say what would happen; nothing is stored."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from bridge.domain.orders.merge import Effect
from bridge.web.api.answers.parts import Count, Module, Time
from bridge.web.api.operations import Answer


class _Replay(Answer):
    """Last month's use, replayed."""

    first: Annotated[date, Field(alias="from", examples=["2026-10-01"])]
    """First day of the month."""
    to: Annotated[date, Field(examples=["2026-10-31"])]
    """Last day, included."""
    accounts: Annotated[Count, Field(examples=[240])]
    """Users and guests whose use was read."""
    is_complete: Annotated[bool, Field(examples=[True])]
    """False if the store has more use than one preview reads."""


class StoppedOut(Answer):
    """A user or guest who would have been stopped."""

    user_id: Annotated[int | None, Field(examples=[42])]
    """ID of the user in the shop; null for a guest."""
    at: Time
    """Beginning of the window in which the limit would have been used up."""


class LimitPreviewOut(_Replay):
    """The users a limit would have stopped, on the use of the last complete month."""

    module: Module
    """Key of the module."""
    stopped: Annotated[Count, Field(examples=[3])]
    """Users and guests who would have been stopped, with the balances of now."""
    first_stopped: StoppedOut | None
    """The first of them; null without any."""
    is_estimate: Annotated[bool, Field(examples=[False])]
    """True if daily use had to be assigned to windows of another period."""


class NewCost(Answer):
    """The cost of an operation in the month, and by the new price."""

    operation: Annotated[str, Field(examples=["chat"])]
    """Key of the operation."""
    units: Annotated[Count, Field(examples=[300])]
    """Units used."""
    tokens: Annotated[Count, Field(examples=[12_000])]
    """Cost of these units."""
    new_tokens: Annotated[Count, Field(examples=[15_000])]
    """Cost of these units by the new price."""


class PricePreviewOut(_Replay):
    """The cost of an operation, and of those made of it, by a new price on the use of the last complete month."""

    operations: list[NewCost]
    """The operations whose price would change."""


class PreviewedLineOut(Answer):
    """A line of an order, its amount, and what it owes."""

    line: Annotated[int, Field(examples=[7])]
    """ID of the line in the shop; 1 for a product that is tried."""
    product_id: Annotated[int | None, Field(examples=[10])]
    """ID of the product."""
    variation_id: Annotated[int | None, Field(examples=[None])]
    """ID of the variation."""
    quantity: Annotated[float | None, Field(examples=[2])]
    """Quantity; null if not readable."""
    tokens_each: Annotated[Count | None, Field(examples=[5000])]
    """Tokens per unit; null if the line waits for an amount."""
    basis: Annotated[str | None, Field(examples=["product"])]
    """How the amount was determined."""
    months: Annotated[Count, Field(examples=[0])]
    """Months of a plan; 0 for a package."""
    owed: Annotated[Count, Field(examples=[10_000])]
    """Tokens that the line grants in all."""
    granted: Annotated[Count, Field(examples=[0])]
    """Tokens granted so far."""
    covered_by: Annotated[str | None, Field(examples=[None])]
    """Number of the related order that grants this line instead; null for none."""
    is_too_large: Annotated[bool, Field(examples=[False])]
    """True if it would be more than an account can hold, so that a person decides."""


class GrantPreviewOut(Answer):
    """Grant of an order, by the rules that process real orders."""

    order: Annotated[int | None, Field(examples=[None])]
    """ID of the order; null for a product that is tried."""
    status: Annotated[str, Field(examples=["completed"])]
    """Status of the order."""
    effect: Annotated[Effect, Field(examples=["grants"])]
    """Effect of this status: `grants`, `revokes` or `keeps`."""
    owed: Annotated[Count, Field(examples=[10_000])]
    """Tokens that the order grants in all."""
    granted: Annotated[Count, Field(examples=[0])]
    """Tokens granted so far."""
    lines: list[PreviewedLineOut]
    """The lines of the order."""
