"""Responses about holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Allowance, Balance, Count, Module, PaidBy, Time, example_id
from bridge.web.api.operations import Answer


class HoldOut(Answer):
    """Tokens held for a later spend."""

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
    balance: Balance
    """Balance of the account."""
    allowance: Allowance | None
    """Allowance of the module; null without a rule."""
    source: Annotated[str | None, Field(examples=["support-bot"])]
    """Integration that requested the hold."""
    reference: Annotated[str | None, Field(examples=["job-1"])]
    """The caller's own reference."""
    created_at: Time
    """Time of the hold."""
    expires_at: Time
    """Time at which an open hold expires."""
