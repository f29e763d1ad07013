"""Responses about a store's configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Count, LimitValue, Module, PeriodName
from bridge.web.api.operations import Answer


class ModuleOut(Answer):
    """A module."""

    key: Module
    """Key of the module."""
    label: Annotated[str, Field(examples=["Chat"])]
    """Name that users see."""
    metered: Annotated[bool, Field(examples=[True])]
    """True if usage of the module costs tokens."""
    labels: Annotated[dict[str, str], Field(examples=[{"de": "Chat"}])]
    """Names by language; `label` is for every other language."""


class LimitWindowOut(Answer):
    """One window of a limit."""

    period: Annotated[PeriodName, Field(examples=["monthly"])]
    """How often the limit resets."""
    rules: Annotated[dict[str, LimitValue], Field(examples=[{"user": 100_000}])]
    """Tokens per window for each audience, `unlimited` or `disabled`; an audience without one is not restricted."""


class LimitOut(Answer):
    """The limit of a module."""

    module: Module
    """Key of the module."""
    period: Annotated[PeriodName, Field(examples=["monthly"])]
    """How often the limit resets."""
    rules: Annotated[dict[str, LimitValue], Field(examples=[{"user": 10_000, "role:editor": "unlimited"}])]
    """Tokens per window for each audience, `unlimited` or `disabled`."""
    message: Annotated[str, Field(examples=[""])]
    """Text for a user whose allowance is used up."""
    second: Annotated[LimitWindowOut | None, Field(default=None)]
    """The second window, which use counts in as well; absent if the limit has one window."""


class UnreadableAmount(Answer):
    """An amount of the shop that cannot be read."""

    key: Annotated[str, Field(examples=["_tokens_granted"])]
    """Meta key."""
    value: Annotated[str, Field(examples=["1.5"])]
    """Value in the shop."""
    reason: Annotated[str, Field(examples=["fraction"])]
    """Code of the reason."""
    sentence: Annotated[
        str, Field(examples=["_tokens_granted is 1.5, which is not a whole number; enter a whole number"])
    ]
    """The reason as a sentence."""


class PackageAmount(Answer):
    """The tokens that a product of the shop grants."""

    product: Annotated[int, Field(examples=[10])]
    """ID of the product in the shop."""
    variation: Annotated[int | None, Field(examples=[None])]
    """ID of the variation; null for the product."""
    tokens: Annotated[Count | None, Field(examples=[100000])]
    """Tokens per unit; null if not known or not clear."""
    source: Annotated[Literal["shop", "admin"], Field(examples=["admin"])]
    """The person or key that set the amount."""
    shop_tokens: Annotated[Count | None, Field(examples=[100000])]
    """Amount in the shop."""
    plan: Annotated[str | None, Field(examples=[None])]
    """Name of the monthly plan; null for a package."""
    months: Annotated[int | None, Field(examples=[None])]
    """Months of the plan."""
    name: Annotated[str | None, Field(examples=["100k tokens"])]
    """Name of the product."""
    sku: Annotated[str | None, Field(examples=["TOK-100K"])]
    """SKU of the product."""
    state: Annotated[
        Literal["package", "per_variation", "no_package", "unreadable", "unknown"], Field(examples=["package"])
    ]
    """State of the product."""
    unreadable: UnreadableAmount | None
    """The shop's amount if it cannot be read."""


class PackageOut(PackageAmount):
    """A product of the shop and the tokens it grants."""

    orders_waiting: Annotated[int, Field(ge=0, examples=[0])]
    """Orders that wait for an amount or a decision, counted up to a thousand."""
    decision: Annotated[str | None, Field(examples=[None])]
    """Decision about past orders; null without one."""


class StoreOut(Answer):
    """The settings of a store."""

    slug: Annotated[str, Field(examples=["shop"])]
    """The store's name in URLs."""
    name: Annotated[str, Field(examples=["Shop"])]
    """Name that admins see."""
    url: Annotated[str, Field(examples=["https://shop.example"])]
    """Address of the shop."""
    time_zone: Annotated[str, Field(examples=["Europe/Paris"])]
    """Time zone of windows and days."""
    week_start: Annotated[str, Field(examples=["monday"])]
    """First day of a week."""
    spend_order: Annotated[
        list[Literal["plan", "balance", "allowance"]], Field(examples=[["allowance", "plan", "balance"]])
    ]
    """Funding sources in the order of spending."""
    grant_statuses: Annotated[list[str], Field(examples=[["completed"]])]
    """Order statuses that grant tokens."""
    purchase_url: Annotated[str | None, Field(examples=["https://shop.example/tokens"])]
    """Page that sells tokens."""
    low_balance: Annotated[Count, Field(examples=[500])]
    """Tokens below which a balance is low."""
    low_balance_thresholds: Annotated[list[Count | str], Field(examples=[[5000, "20%"]])]
    """Further levels that are announced: tokens, or a share of the tokens that the user's last order granted."""
    reversal_policy: Annotated[Literal["debt", "forgive"], Field(examples=["debt"])]
    """The treatment of refunded tokens that are already spent: `debt` or `forgive`."""
    guest_policy: Annotated[Literal["automatic", "admin"], Field(examples=["automatic"])]
    """How guests' orders are assigned to accounts: `automatic` or `admin`."""
    accept_unknown_modules: Annotated[bool, Field(examples=[False])]
    """True if a spend creates a module that the store does not have."""
    past_orders_paid_later: Annotated[Literal["review", "grant"], Field(examples=["review"])]
    """The treatment of orders placed before the connection and paid later: `review` or `grant`."""
    require_reason: Annotated[bool, Field(examples=[False])]
    """True if an admin must give a reason when they change a balance on the credits page."""
    deliveries: Annotated[Literal["webhooks", "plugin"], Field(examples=["webhooks"])]
    """Source of changes of the shop: its `webhooks`, or the WordPress `plugin` alone."""
    seller_name: Annotated[str, Field(examples=["Shop Ltd"])]
    """Name of the seller on receipts; the store's name is used if it is empty."""
    seller_address: Annotated[str, Field(examples=["1 Test Street\nParis"])]
    """Address of the seller on receipts, one line after the other."""
    seller_vat_id: Annotated[str, Field(examples=["FR12345678901"])]
    """VAT ID of the seller on receipts."""
