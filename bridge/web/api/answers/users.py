"""Responses about users."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from bridge.domain.accounts.ledger import Kind
from bridge.web.api.answers.parts import Allowance, Balance, Count, Module, Plan, Time
from bridge.web.api.operations import Answer


class UserOut(Answer):
    """A user with balance and limits."""

    id: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""
    email: Annotated[str | None, Field(examples=["ada@example.com"])]
    """Email address."""
    name: Annotated[str | None, Field(examples=["Ada"])]
    """Name."""
    roles: Annotated[list[str], Field(examples=[["subscriber"]])]
    """Roles in WordPress."""
    confirm_paid: Annotated[bool, Field(examples=[False])]
    """True if the user wants to confirm before tokens of the balance are taken."""
    balance: Balance
    """Balance of the account."""
    plan: Plan | None
    """Monthly plan; null without one."""
    limits: list[Allowance]
    """Allowance of each module."""


class ListedUser(Answer):
    """A user in the list of users."""

    id: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""
    email: Annotated[str | None, Field(examples=["ada@example.com"])]
    """Email address."""
    name: Annotated[str | None, Field(examples=["Ada"])]
    """Name."""
    roles: Annotated[list[str], Field(examples=[["subscriber"]])]
    """Roles in WordPress."""
    balance: Count
    """Sum of all entries."""
    held: Annotated[Count, Field(examples=[0])]
    """Tokens of the balance in open holds."""
    debt: Annotated[Count, Field(examples=[0])]
    """Tokens owed after a reversal of tokens that were spent."""
    used_30_days: Annotated[int, Field(examples=[800])]
    """Tokens spent in the last 30 days, minus refunds."""
    purchased: Annotated[Count, Field(examples=[2000])]
    """Tokens granted by orders, less reversals."""
    active_at: Time
    """Time of the last change of the balance or the profile."""


class UserPageOut(Answer):
    """One page of the list of users."""

    items: list[ListedUser]
    """The users of this page."""
    next: Annotated[str | None, Field(examples=[None])]
    """Cursor of the next page; null on the last page."""
    as_of: Annotated[Time | None, Field(examples=[None])]
    """Time of the figures by which a large store is sorted; null if the order is current."""


class UsageItem(Answer):
    """Usage of one kind on one day."""

    module: Module
    """Key of the module."""
    operation: Annotated[str | None, Field(examples=["image.analysis"])]
    """Key of the operation."""
    site: Annotated[str | None, Field(examples=["Blog"])]
    """Linked site that spent; null for the store."""
    source: Annotated[str | None, Field(examples=["support-bot"])]
    """Integration that spent."""
    units: Annotated[Count, Field(examples=[1])]
    """Number of units."""
    tokens: Annotated[int, Field(examples=[120])]
    """Tokens spent, minus refunds."""


class UsageDay(Answer):
    """Usage of one day."""

    date: Annotated[date, Field(examples=["2026-11-26"])]
    """Day in the store's time zone."""
    tokens: Annotated[int, Field(examples=[120])]
    """Tokens of the day."""
    units: Annotated[Count, Field(examples=[1])]
    """Units of the day."""
    items: list[UsageItem]
    """Usage by module, operation, site and source."""


class UsageOut(Answer):
    """A user's usage by day."""

    days: list[UsageDay]
    """Days with usage, newest first."""


class EntryOut(Answer):
    """An entry of the ledger."""

    id: Annotated[str, Field(examples=["en_01J8XG2M4Q7RB"])]
    """ID of the entry."""
    kind: Annotated[Kind, Field(examples=["adjustment"])]
    """Kind of the entry."""
    tokens: Annotated[int, Field(examples=[500])]
    """Tokens added; negative for tokens removed."""
    balance_after: Count
    """Balance after the entry."""
    debt_after: Annotated[int, Field(ge=0, examples=[0])]
    """Debt after the entry."""
    actor: Annotated[str | None, Field(examples=["tb_x7Kq"])]
    """The person or key that made the entry."""
    reason: Annotated[str | None, Field(examples=["Goodwill"])]
    """Reason given."""
    reference: Annotated[str | None, Field(examples=[None])]
    """The caller's own reference."""
    order: Annotated[int | None, Field(examples=[None])]
    """ID of the order in the shop."""
    line: Annotated[int | None, Field(examples=[None])]
    """ID of the order line."""
    spend: Annotated[str | None, Field(examples=[None])]
    """ID of the spend."""
    created_at: Time
    """Time of the entry."""


class PurchaseLine(Answer):
    """A line of a purchase."""

    id: Annotated[int, Field(examples=[7])]
    """ID of the line in the shop."""
    name: Annotated[str, Field(examples=["100k tokens"])]
    """Name of the product."""
    quantity: Annotated[float | None, Field(examples=[1])]
    """Quantity; null if not readable."""
    tokens_each: Annotated[Count | None, Field(examples=[100000])]
    """Tokens per unit; null if not known."""
    tokens: Annotated[Count, Field(examples=[100000])]
    """Tokens granted."""
    months: Annotated[int | None, Field(examples=[None])]
    """Months of a plan; null for a package."""


class PurchaseOut(Answer):
    """An order of a user."""

    order: Annotated[int, Field(examples=[1001])]
    """ID of the order in the shop."""
    number: Annotated[int | str, Field(examples=[1001])]
    """Order number shown in the shop."""
    status: Annotated[str, Field(examples=["completed"])]
    """Status of the order."""
    date: Time | None
    """Time of the order."""
    total: Annotated[str, Field(examples=["19.00"])]
    """Total in the shop's currency."""
    currency: Annotated[str, Field(examples=["EUR"])]
    """Currency."""
    tokens: Annotated[Count, Field(examples=[100000])]
    """Tokens granted."""
    reversed: Annotated[int, Field(ge=0, examples=[0])]
    """Tokens removed after refunds."""
    lines: list[PurchaseLine]
    """The first fifty lines."""
    line_count: Annotated[int, Field(ge=0, examples=[1])]
    """Number of all lines."""
    lines_next: Annotated[str | None, Field(examples=[None])]
    """Cursor of the other lines; null if all are here."""


class MergeOut(Answer):
    """A merge of two users' accounts."""

    id: Annotated[str, Field(examples=["mg_01J8XG2M4Q7RB"])]
    """ID of the merge."""
    from_user: Annotated[int, Field(alias="from", examples=[41])]
    """ID of the user whose account was emptied."""
    into: Annotated[int, Field(examples=[42])]
    """ID of the user whose account pays for both now."""
    balance: Count
    """Tokens that moved."""
    debt: Annotated[Count, Field(examples=[0])]
    """Debt that moved."""
    actor: Annotated[str, Field(examples=["key tb_x7Kq"])]
    """Key or admin that merged them."""
    reason: Annotated[str, Field(examples=["Second account of the same person"])]
    """Reason; empty for none."""
    created_at: Time
    """Time of the merge."""


class MergedOut(MergeOut):
    """A merge, and the user after it."""

    user: UserOut
    """The user with the balance and limits after the merge."""


class PassedUseOut(Answer):
    """Free use of a module that a guest had."""

    module: Annotated[str, Field(examples=["chat"])]
    """Key of the module."""
    tokens: Annotated[Count, Field(examples=[40])]
    """Tokens that count toward the user's free limit now."""


class GuestMergedOut(Answer):
    """The free use of a guest that counts for a user now."""

    moved: list[PassedUseOut]
    """Modules with use that was not counted before; empty if there is none."""
    user: UserOut
    """The user with the limits after it."""


class ErasureOut(Answer):
    """The erasure of a user's personal data."""

    id: Annotated[int, Field(examples=[42])]
    """ID of the user in the shop."""
    erased_at: Time
    """Time of the erasure."""
    state: Annotated[Literal["erasing", "erased"], Field(examples=["erased"])]
    """`erasing` while orders, deliveries and free texts are still searched."""
    finished_at: Annotated[Time | None, Field(examples=["2026-11-26T12:00:01.000000Z"])]
    """Time at which the search ended; null before."""
