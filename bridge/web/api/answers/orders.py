"""Responses about orders."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from bridge.domain.accounts.ledger import Kind
from bridge.domain.orders.comparing import Compared, SyncState
from bridge.web.api.answers.parts import Count, Time
from bridge.web.api.operations import Answer


class ReviewItemOut(Answer):
    """A part of an order that needs a decision."""

    kind: Annotated[str, Field(examples=["paid_later"])]
    """Kind of the item."""
    subject: Annotated[str, Field(examples=[""])]
    """The part of the order; empty for the whole order."""
    choices: Annotated[list[str], Field(examples=[["grant", "leave"]])]
    """Possible choices."""
    parameters: Annotated[dict[str, Any], Field(examples=[{}])]
    """Values of this kind."""


class DecisionOut(Answer):
    """A decision about a review item."""

    kind: Annotated[str, Field(examples=["paid_later"])]
    """Kind of the item."""
    subject: Annotated[str, Field(examples=[""])]
    """The part of the order."""
    choice: Annotated[str, Field(examples=["grant"])]
    """The choice."""
    by: Annotated[str, Field(examples=["owner@example.com"])]
    """The admin or key that decided."""
    at: Time
    """Time of the decision."""


class OrderLine(Answer):
    """A line of an order."""

    id: Annotated[int, Field(examples=[7])]
    """ID of the line in the shop."""
    name: Annotated[str, Field(examples=["100k tokens"])]
    """Name of the product."""
    sku: Annotated[str, Field(examples=["TOK-100K"])]
    """SKU of the product."""
    product_id: Annotated[int | None, Field(examples=[10])]
    """ID of the product."""
    variation_id: Annotated[int | None, Field(examples=[None])]
    """ID of the variation."""
    quantity: Annotated[float | None, Field(examples=[1])]
    """Quantity; null if not readable."""
    tokens_each: Annotated[Count | None, Field(examples=[5000])]
    """Tokens per unit; null if not known."""
    basis: Annotated[str | None, Field(examples=["product"])]
    """How the amount was determined."""
    months: Annotated[int | None, Field(examples=[None])]
    """Months of a plan; null for a package."""
    tokens: Annotated[Count, Field(examples=[5000])]
    """Tokens granted now."""
    set_by: Annotated[str | None, Field(examples=[None])]
    """The admin or key that set the amount by hand."""
    set_at: Time | None
    """Time at which the amount was set."""


class RefundsOut(Answer):
    """The refunds of an order."""

    ids: Annotated[list[int], Field(examples=[[1002]])]
    """IDs of the refunds."""
    total: Annotated[str, Field(examples=["19.00"])]
    """Money of all refunds."""


class ReviewedRefunds(Answer):
    """Refunds that were marked as reviewed."""

    by: Annotated[str, Field(examples=["owner@example.com"])]
    """The admin or key that marked them."""
    at: Time
    """Time of the mark."""
    refunds: RefundsOut
    """The refunds."""


class ExceptionOut(Answer):
    """An order that needs attention."""

    id: Annotated[int, Field(examples=[1001])]
    """ID of the order in the shop."""
    number: Annotated[int | str, Field(examples=[1001])]
    """Order number shown in the shop."""
    question: Annotated[str | None, Field(examples=["no_buyer"])]
    """Kind of the first review item."""
    reviews: list[ReviewItemOut]
    """The open review items."""
    email: Annotated[str | None, Field(examples=["ada@example.com"])]
    """Email address of the buyer."""
    placed_at: Time | None
    """Time of the order."""
    lines: list[OrderLine]
    """Lines that need an amount."""
    refunds: RefundsOut
    """Refunds of the order."""


class OrderOut(Answer):
    """An order."""

    id: Annotated[int, Field(examples=[1001])]
    """ID of the order in the shop."""
    number: Annotated[int | str, Field(examples=[1001])]
    """Order number shown in the shop."""
    status: Annotated[str, Field(examples=["completed"])]
    """Status of the order."""
    question: Annotated[str | None, Field(examples=[None])]
    """Kind of the first review item; null without one."""
    reviews: list[ReviewItemOut]
    """The open review items."""
    decisions: list[DecisionOut]
    """Decisions about review items."""
    customer_id: Annotated[int | None, Field(examples=[42])]
    """ID of the buyer; null for a guest."""
    email: Annotated[str | None, Field(examples=["ada@example.com"])]
    """Email address of the buyer."""
    placed_at: Time | None
    """Time of the order."""
    modified_at: Time | None
    """Time of the last change in the shop."""
    total: Annotated[str, Field(examples=["19.00"])]
    """Total of the order."""
    currency: Annotated[str, Field(examples=["EUR"])]
    """Currency."""
    lines: list[OrderLine]
    """Lines of the order."""
    granted: Annotated[Count, Field(examples=[5000])]
    """Tokens granted, less reversals."""
    refunds: RefundsOut
    """Refunds of the order."""
    seen: ReviewedRefunds | None
    """Refunds marked as reviewed; null without any."""


class OrderGrantOut(Answer):
    """A ledger entry of an order: a grant or a reversal."""

    id: Annotated[str, Field(examples=["en_01J8XG2M4Q7RB"])]
    """ID of the entry."""
    kind: Annotated[Kind, Field(examples=["grant"])]
    """Kind of the entry."""
    user_id: Annotated[int | None, Field(examples=[42])]
    """ID of the user in the shop."""
    line: Annotated[int | None, Field(examples=[7])]
    """ID of the order line."""
    granted: Annotated[int, Field(examples=[5000])]
    """Tokens that count for the line; negative for a reversal."""
    tokens: Annotated[int, Field(examples=[5000])]
    """Tokens added to the balance; negative for tokens removed."""
    debt: Annotated[int, Field(examples=[0])]
    """Tokens added to the debt; negative for debt that was paid."""
    created_at: Time
    """Time of the entry."""


class DifferenceOut(Answer):
    """A value of an order that differs."""

    field: Annotated[Compared, Field(examples=["total"])]
    """The value."""
    line: Annotated[int | None, Field(examples=[None])]
    """ID of the order line; null for a value of the whole order."""
    shop: Annotated[str, Field(examples=["19.00"])]
    """The value in the shop, as text."""
    stored: Annotated[str, Field(examples=["20.00"])]
    """The stored value, as text."""


class SyncOut(Answer):
    """A comparison of an order with the shop."""

    state: Annotated[SyncState | None, Field(examples=["warning"])]
    """`in_sync`, `warning` or `mismatch` (tokens differ); null if the order has changed since."""
    compared_at: Time
    """Time of the comparison."""
    differences: list[DifferenceOut]
    """The values that differ, at most 20."""


class OrderRecordOut(OrderOut):
    """An order with its user and its grants."""

    user_id: Annotated[int | None, Field(examples=[42])]
    """ID of the user whose account has the order; null without one."""
    grants: list[OrderGrantOut]
    """Grants and reversals, newest first, at most 200."""
    sync: SyncOut | None
    """The last comparison with the shop; null for an order that was never read from it."""


class DifferingOrderOut(Answer):
    """An order that differs from the shop."""

    id: Annotated[int, Field(examples=[1001])]
    """ID of the order in the shop."""
    number: Annotated[int | str, Field(examples=[1001])]
    """Order number shown in the shop."""
    status: Annotated[str, Field(examples=["completed"])]
    """Stored status of the order."""
    sync: SyncOut
    """The last comparison with the shop."""


class SettledOrder(OrderOut):
    """An order after a decision."""

    tokens: Annotated[Count, Field(examples=[5000])]
    """Tokens the order is worth."""
    posted: Annotated[int, Field(examples=[5000])]
    """Tokens granted by this request; negative for tokens removed."""
    waits_for_buyer: Annotated[bool, Field(examples=[False])]
    """True if the order has no account yet."""


class LatePackageOut(Answer):
    """A package with orders from before it was a package."""

    product: Annotated[int, Field(examples=[10])]
    """ID of the product in the shop."""
    variation: Annotated[int | None, Field(examples=[None])]
    """ID of the variation; null for the product."""
    name: Annotated[str | None, Field(examples=["100k tokens"])]
    """Name of the product."""
    tokens: Count | None
    """Tokens per unit."""
    orders: Count
    """Number of orders."""
    choices: Annotated[list[str], Field(examples=[["grant", "leave"]])]
    """Possible decisions."""


class SourcesOut(Answer):
    """Addresses that deliver webhooks for this shop."""

    accepted: Annotated[list[str], Field(examples=[["https://www.shop.example"]])]
    """Accepted addresses."""
    waiting: Annotated[str | None, Field(examples=[None])]
    """Last address that was not accepted."""


class AcceptedSource(SourcesOut):
    """The addresses after one was accepted."""

    released: Annotated[int, Field(ge=0, examples=[3])]
    """Waiting deliveries that are applied now."""
