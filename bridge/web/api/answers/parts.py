"""Parts of responses that several operations share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from bridge.web.api.operations import Answer

T = TypeVar("T")

Count = Annotated[int, Field(ge=0, examples=[1200])]
Time = Annotated[datetime, Field(examples=["2026-11-26T09:30:00.000000Z"])]
Module = Annotated[str, Field(examples=["chat"])]
PeriodName = Literal["daily", "weekly", "monthly", "never"]
LimitValue = Annotated[int | Literal["unlimited", "disabled"], Field(examples=[10_000])]


def example_id(prefix: str) -> str:
    """Return an ID as an example shows it."""
    return f"{prefix}_01J8XG2M4Q7RB"


class Balance(Answer):
    """A balance in whole tokens."""

    balance: Count
    """Sum of all entries."""
    held: Annotated[Count, Field(examples=[0])]
    """Tokens in open holds."""
    available: Count
    """Balance minus held tokens."""
    debt: Annotated[Count, Field(examples=[0])]
    """Tokens owed after a reversal of tokens that were spent."""


class PaidBy(Answer):
    """Tokens by the source that paid them."""

    plan: Annotated[Count, Field(examples=[0])]
    """From a monthly plan."""
    balance: Annotated[Count, Field(examples=[120])]
    """From the balance."""
    allowance: Annotated[Count, Field(examples=[0])]
    """From the free allowance of the module."""


class AllowanceWindow(Answer):
    """An allowance in one window of a limit."""

    limit: LimitValue
    """Tokens per window, `unlimited` or `disabled`."""
    used: Annotated[Count, Field(examples=[400])]
    """Tokens used in this window."""
    held: Annotated[Count, Field(examples=[0])]
    """Tokens in open holds."""
    remaining: Annotated[Count | None, Field(examples=[9600])]
    """Tokens left; null if unlimited."""
    period: Annotated[PeriodName, Field(examples=["monthly"])]
    """How often the limit resets."""
    resets_at: Time | None
    """End of this window; null if it never resets."""
    last_reset_at: Time | None
    """Start of this window; null if it never resets."""
    state: Annotated[Literal["ok", "low", "exhausted", "unlimited", "disabled"], Field(examples=["ok"])]
    """State of the allowance; `low` below a tenth."""


class Allowance(AllowanceWindow):
    """The free allowance of one module in the current window; of two windows, in the one that leaves the least."""

    module: Module
    """Key of the module."""
    windows: Annotated[list[AllowanceWindow], Field(default_factory=list)]
    """Both windows, if the limit has two; otherwise absent."""


class Plan(Answer):
    """A monthly plan in its current window."""

    name: Annotated[str, Field(examples=["Pro"])]
    """Name of the plan; several names are separated by commas."""
    tokens: Annotated[Count, Field(examples=[5000])]
    """Tokens per window."""
    used: Annotated[Count, Field(examples=[1200])]
    """Tokens used in this window."""
    remaining: Annotated[Count, Field(examples=[3800])]
    """Tokens left in this window."""
    resets_at: Time | None
    """End of this window."""
    ends_at: Time
    """End of the plan."""


class FieldProblem(Answer):
    """One invalid field of a request."""

    field: Annotated[str, Field(examples=["tokens"])]
    """Path of the field, with dots."""
    message: Annotated[str, Field(examples=["must be 1 or more"])]
    """The change that makes the field valid."""


class Problem(Answer):
    """An error, in the form of RFC 9457."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"}, examples=["/v1/docs#invalid_request"])]
    """URL of the code's description."""
    title: Annotated[str, Field(examples=["Invalid request"])]
    """Short text of the code."""
    status: Annotated[int, Field(ge=400, le=599, examples=[422])]
    """HTTP status."""
    detail: Annotated[str, Field(examples=["tokens: must be 1 or more"])]
    """The cause of the error; the text may change."""
    code: Annotated[str, Field(examples=["invalid_request"])]
    """Stable code of the error."""
    errors: Annotated[list[FieldProblem], Field(default_factory=list)]
    """The invalid fields; absent if the error is not about a field."""


class Refusal(Answer):
    """A spend or hold that was refused. Nothing was charged."""

    type: Annotated[
        str, Field(json_schema_extra={"format": "uri-reference"}, examples=["/v1/docs#insufficient_tokens"])
    ]
    """URL of the code's description."""
    title: Annotated[str, Field(examples=["Not enough tokens"])]
    """Short text of the code."""
    status: Annotated[Literal[402, 403], Field(examples=[402])]
    """HTTP status."""
    detail: Annotated[str, Field(examples=["It costs 500 tokens, and 200 can be paid. Nothing was charged."])]
    """The cause of the error; the text may change."""
    code: Annotated[
        Literal["insufficient_tokens", "module_disabled", "site_cap_reached", "confirmation_required"],
        Field(examples=["insufficient_tokens"]),
    ]
    """Stable code of the refusal."""
    required: Annotated[int, Field(ge=0, examples=[500])]
    """Tokens the request costs."""
    available: Annotated[int, Field(ge=0, examples=[200])]
    """Tokens that can be paid."""
    shortfall: Annotated[int, Field(ge=0, examples=[300])]
    """Tokens that are missing."""
    balance: Balance
    """Balance of the account."""
    allowance: Allowance | None
    """Allowance of the module; null without a rule."""
    refused_by: Annotated[list[PeriodName], Field(default_factory=list, examples=[["daily"]])]
    """Periods of the windows that refuse, if the limit has two; otherwise absent."""
    paid_by: Annotated[PaidBy | None, Field(examples=[{"plan": 0, "balance": 30, "allowance": 20}])] = None
    """Tokens by the source that would pay after the user's confirmation; absent if more than that is missing."""
    resets_at: Time | None
    """Time from which the same request can succeed; null if no reset helps."""
    purchase_url: Annotated[str | None, Field(examples=["https://shop.example/tokens"])]
    """Page that sells tokens; null if buying does not help."""
    message: Annotated[str, Field(examples=["You are 300 tokens short of this. Nothing was charged."])]
    """Text for the user."""


class ItemList(Answer, Generic[T]):
    """One page of a list."""

    items: list[T]
    """The items of this page."""
    next: Annotated[str | None, Field(examples=[None])]
    """Cursor of the next page; null on the last page."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """Return the name of this list in the document."""
        return f"{params[0].__name__.removesuffix('Out')}List"
