"""Responses about holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Allowance, Balance, Count, Module, PaidBy, Time, example_id
from bridge.web.api.operations import Answer


class HeldTokens(Answer):
    """The tokens of a hold and their sources."""

    id: Annotated[str, Field(examples=[example_id("ho")])]
    """ID of the hold."""
    state: Annotated[Literal["open", "captured", "released", "expired"], Field(examples=["open"])]
    """State of the hold."""
    module: Module
    """Key of the module."""
    operation: Annotated[str | None, Field(examples=[None])]
    """Key of the operation; null for a hold that names tokens."""
    quantity: Annotated[int, Field(ge=0, examples=[1])]
    """Number of units."""
    tokens: Annotated[Count, Field(examples=[120])]
    """Tokens held."""
    paid_by: PaidBy
    """Tokens by source."""
    source: Annotated[str | None, Field(examples=["support-bot"])]
    """Integration that requested the hold."""
    reference: Annotated[str | None, Field(examples=["job-1"])]
    """The caller's own reference."""
    created_at: Time
    """Time of the hold."""
    expires_at: Time
    """Time at which an open hold expires."""


class HoldOut(HeldTokens):
    """Tokens held for a later spend."""

    balance: Balance
    """Balance of the account."""
    allowance: Allowance | None
    """Allowance of the module; null without a rule."""


class OpenHoldOut(HeldTokens):
    """An open hold in the list of holds."""

    user_id: Annotated[int | None, Field(examples=[42])]
    """ID of the user in the shop; null for a guest, and for a linked-site key."""
    site: Annotated[str | None, Field(examples=[None])]
    """ID of the linked site that holds; null for the store."""
