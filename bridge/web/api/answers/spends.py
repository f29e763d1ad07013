"""Responses about spends, quotes and refunds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Allowance, Balance, Count, Module, PaidBy, Problem, Refusal, Time, example_id
from bridge.web.api.operations import Answer


class QuotedItem(Answer):
    """The cost of one item."""

    module: Module
    """Key of the module."""
    tokens: Annotated[Count, Field(examples=[120])]
    """Cost in tokens."""
    operation: Annotated[str, Field(examples=["image.analysis"])] = ""
    """Key of the operation; absent for an item that names tokens."""
    quantity: Annotated[int, Field(ge=1, examples=[3])] = 1
    """Number of units; absent for an item that names tokens."""


class QuoteOut(Answer):
    """The cost of all items and the sources that would pay."""

    tokens: Annotated[Count, Field(examples=[120])]
    """Cost of all items."""
    items: list[QuotedItem]
    """The items in the order of the request."""
    affordable: Annotated[bool, Field(examples=[True])]
    """True if everything can be paid."""
    shortfall: Annotated[int, Field(ge=0, examples=[0])]
    """Tokens that are missing."""
    paid_by: PaidBy
    """Tokens by the source that would pay."""
    balance: Balance
    """Balance of the account."""
    purchase_url: Annotated[str | None, Field(examples=["https://shop.example/tokens"])]
    """Page that sells tokens; null if buying does not help."""
    confirmation_required: Annotated[bool, Field(examples=[False])]
    """True if the user wants to confirm this before tokens of the balance are taken."""


class SpendOut(Answer):
    """A spend."""

    id: Annotated[str, Field(examples=[example_id("sp")])]
    """ID of the spend."""
    module: Module
    """Key of the module."""
    operation: Annotated[str | None, Field(examples=[None])]
    """Key of the operation; null for a spend that names tokens."""
    quantity: Annotated[int, Field(ge=0, examples=[1])]
    """Number of units."""
    tokens: Annotated[Count, Field(examples=[120])]
    """Tokens charged."""
    paid_by: PaidBy
    """Tokens by source."""
    uncovered: Annotated[int, Field(ge=0, examples=[0])]
    """Tokens of a capture that no source could pay."""
    balance: Balance
    """Balance after the spend."""
    allowance: Allowance | None
    """Allowance of the module after the spend; null without a rule."""
    hold: Annotated[str | None, Field(examples=[None])]
    """ID of the captured hold; null for a direct spend."""
    source: Annotated[str | None, Field(examples=["support-bot"])]
    """Integration that spent."""
    reference: Annotated[str | None, Field(examples=["job-1"])]
    """The caller's own reference."""
    created_at: Time
    """Time of the spend."""


class SpendRecordOut(SpendOut):
    """A spend, with what was refunded of it. `balance` and `allowance` are current."""

    user_id: Annotated[int | None, Field(examples=[42])]
    """ID of the user in the shop; null for a guest, and for a linked-site key."""
    site: Annotated[str | None, Field(examples=[None])]
    """ID of the linked site that spent; null for the store."""
    refunded: Annotated[PaidBy, Field(examples=[{"plan": 0, "balance": 20, "allowance": 0}])]
    """Tokens refunded so far, by the source they were returned to."""
    lapsed: Annotated[int, Field(ge=0, examples=[0])]
    """Refunded tokens that could not be returned because their window had ended."""


class BatchSpend(SpendOut):
    """A spend of a batch that succeeded."""

    status: Annotated[Literal[201], Field(examples=[201])]
    """HTTP status this spend would have alone."""
    replayed: Annotated[bool, Field(examples=[True])] = False
    """True if the key was used before; absent otherwise."""


class BatchResults(Answer):
    """The results of a batch."""

    results: list[BatchSpend | Refusal | Problem]
    """One result for each spend, in the order of the request."""


class RefundOut(Answer):
    """A refund of a spend."""

    id: Annotated[str, Field(examples=[example_id("rf")])]
    """ID of the refund."""
    spend: Annotated[str, Field(examples=[example_id("sp")])]
    """ID of the spend."""
    tokens: Annotated[Count, Field(examples=[20])]
    """Tokens returned."""
    paid_by: PaidBy
    """Tokens by the source they were returned to."""
    lapsed: Annotated[int, Field(ge=0, examples=[0])]
    """Tokens that could not be returned because their window has ended."""
    reason: Annotated[str, Field(examples=["The image was not usable"])]
    """Reason given."""
    balance: Balance
    """Balance after the refund."""
    allowance: Allowance | None
    """Allowance of the module after the refund; null without a rule."""
    created_at: Time
    """Time of the refund."""
