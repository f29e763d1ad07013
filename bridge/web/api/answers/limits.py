"""Responses about prices, own limits and decisions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Allowance, Balance, Count, LimitValue, Module, PaidBy, PeriodName, Time
from bridge.web.api.operations import Answer


class OperationOut(Answer):
    """A priced operation."""

    key: Annotated[str, Field(examples=["image.analysis"])]
    """Key of the operation."""
    module: Module
    """Key of its module."""
    tokens_per_unit: Annotated[Count, Field(examples=[40])]
    """Price of one unit; 0 for an operation made of parts."""
    max_units: Annotated[int | None, Field(examples=[100])]
    """Most units in one request; null for no maximum."""
    parts: Annotated[list[str], Field(examples=[[]])]
    """Operations it is made of."""


class OverrideOut(Answer):
    """A user's own limit."""

    user: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""
    module: Module
    """Key of the module."""
    limit: LimitValue
    """Tokens per window, `unlimited` or `disabled`."""
    second_limit: Annotated[LimitValue | None, Field(default=None)]
    """The same for the second window of the limit; absent if the limits of the user's roles apply in it."""
    ends_at: Time | None
    """End of this limit; null if it has none."""


class ResetOut(Answer):
    """A reset of windows."""

    module: Annotated[str | None, Field(examples=["chat"])]
    """Key of the module; null for all."""
    role: Annotated[str | None, Field(examples=[None])]
    """Role of the users; null for all."""
    reset_at: Time
    """Time of the reset."""
    period: Annotated[PeriodName | None, Field(default=None)]
    """Period of the windows that were reset; absent for all."""


class UserResetOut(ResetOut):
    """A reset of one user's windows."""

    user: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""


class AppliedRule(Answer):
    """The rule that applies."""

    audience: Annotated[str, Field(examples=["user"])]
    """Audience of the rule."""
    limit: LimitValue
    """Tokens per window, `unlimited` or `disabled`."""


class CurrentWindow(Answer):
    """The window that a limit counts in."""

    period: Annotated[PeriodName, Field(examples=["monthly"])]
    """How often the limit resets."""
    starts_at: Time | None
    """Start of the window; null if it never resets."""
    ends_at: Time | None
    """End of the window; null if it never resets."""
    used: Annotated[Count, Field(examples=[400])]
    """Tokens used."""
    held: Annotated[Count, Field(examples=[0])]
    """Tokens in open holds."""


class ExplainedWindow(CurrentWindow):
    """One of the two windows of a limit, with its rule."""

    remaining: Annotated[Count | None, Field(examples=[9600])]
    """Tokens left; null if unlimited."""
    rule: AppliedRule | None
    """The rule that applies in this window; null if none restricts the user."""


class SourceLeft(Answer):
    """A funding source in the order of spending."""

    source: Annotated[Literal["plan", "balance", "allowance"], Field(examples=["balance"])]
    """The source."""
    left: Count | None
    """Tokens it can pay; null if unlimited."""


class NotRecorded(Answer):
    """A value that was not recorded for the moment, so that the one of now is used."""

    code: Annotated[
        Literal["roles_not_recorded", "rules_not_recorded", "too_many_changes", "plans_not_recorded", "use_not_exact"],
        Field(examples=["roles_not_recorded"]),
    ]
    """Code of the value."""
    sentence: Annotated[str, Field(examples=["Earlier roles are not recorded: these are the roles of now."])]
    """The same in words."""
    since: Time | None
    """First moment for which rules are recorded; null for other values."""


class Explanation(Answer):
    """How a spend would be decided, or was decided at an earlier moment."""

    user: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""
    module: Module
    """Key of the module."""
    metered: Annotated[bool, Field(examples=[True])]
    """True if usage of the module costs tokens."""
    tokens: Annotated[Count, Field(examples=[120])]
    """Tokens requested."""
    price: Annotated[Count, Field(examples=[120])]
    """Tokens it would cost."""
    roles: Annotated[list[str], Field(examples=[["subscriber"]])]
    """Roles of the user."""
    rule: AppliedRule | None
    """The rule that applies; null without one."""
    window: CurrentWindow | None
    """The current window; null without a rule. Of two windows, the one that leaves the least, like `rule`."""
    windows: Annotated[list[ExplainedWindow], Field(default_factory=list)]
    """Both windows, if the limit has two; otherwise absent."""
    refused_by: Annotated[list[PeriodName], Field(default_factory=list, examples=[["daily"]])]
    """Periods of the windows that refuse, if the limit has two; otherwise absent."""
    sources: list[SourceLeft]
    """The sources in the order of spending."""
    balance: Balance
    """Balance of the account."""
    allowance: Allowance | None
    """Allowance of the module; null without a rule."""
    outcome: Annotated[
        Literal["accepted", "insufficient_tokens", "module_disabled", "site_cap_reached", "confirmation_required"],
        Field(alias="verdict", examples=["accepted"]),
    ]
    """`accepted`, or the code of the refusal."""
    paid_by: PaidBy
    """Tokens by the source that would pay."""
    shortfall: Annotated[int, Field(ge=0, examples=[0])]
    """Tokens that are missing."""
    words: Annotated[list[str], Field(examples=[["Accepted: 120 tokens, 120 from balance."]])]
    """The decision in sentences."""
    at: Annotated[Time | None, Field(default=None)]
    """The moment that was asked about; absent without one."""
    not_recorded: Annotated[list[NotRecorded], Field(default_factory=list)]
    """Values that were not recorded for the moment; absent without one."""
