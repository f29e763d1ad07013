"""Responses to the WordPress plugin about the connection of its site."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bridge.web.api.answers.parts import Time
from bridge.web.api.operations import Answer


class WebhookToCreate(Answer):
    """A webhook that the site must have."""

    topic: Annotated[str, Field(examples=["order.updated"])]
    """Topic of the webhook."""
    name: Annotated[str, Field(examples=["Token Bridge order.updated [1f2e3d4c]"])]
    """Name of the webhook, by which this service recognizes it."""


class ConnectedOut(Answer):
    """The key of a connected site, and what its webhooks need."""

    store: Annotated[str, Field(examples=["shop"])]
    """The store's name in URLs."""
    access_key: Annotated[str, Field(examples=["tb_x7Kq…"])]
    """Access key of the store; shown only here."""
    webhook_url: Annotated[str, Field(examples=["https://tokens.example/webhooks/woocommerce/shop"])]
    """Delivery URL of the webhooks."""
    webhook_secret: Annotated[str, Field(examples=["hJ3w…"])]
    """Secret that signs the deliveries."""
    topics: Annotated[list[str], Field(examples=[["order.created", "order.updated"]])]
    """Topics to deliver; empty without WooCommerce."""
    webhooks: list[WebhookToCreate]
    """The webhooks to create, one for each topic."""


class ConnectionStep(Answer):
    """One step of connecting a shop."""

    code: Annotated[
        Literal["keys", "answer", "webhooks", "packages", "history", "delivery", "access"],
        Field(examples=["webhooks"]),
    ]
    """REST keys, the shop answers, webhooks, packages, past orders, first delivery, access key."""
    title: Annotated[str, Field(examples=["Webhooks"])]
    """Name of the step."""
    state: Annotated[Literal["done", "open", "waiting", "wrong"], Field(examples=["done"])]
    """`done`, `open` for something to do, `waiting` for the shop, or `wrong`."""
    sentence: Annotated[str, Field(examples=["All 10 are installed, signed with this store’s secret."])]
    """State of the step as a sentence."""
    at: Time | None
    """Time at which the step was last found to be done."""


class ConnectionIssue(Answer):
    """A problem of the connection."""

    code: Annotated[str, Field(examples=["no_packages"])]
    """Code of the problem."""
    sentence: Annotated[str, Field(examples=["no product of the shop grants tokens yet"])]
    """The problem and its remedy as a sentence."""


class StoreHealth(Answer):
    """The state of a store's connection to its shop."""

    state: Annotated[Literal["ok", "incomplete", "problem"], Field(examples=["ok"])]
    """`problem` if something is wrong, `incomplete` if a step is left, else `ok`."""
    time: Time
    """Time of this service, to compare clocks."""
    checked_at: Time | None
    """Time of the last check of the shop."""
    steps: list[ConnectionStep]
    """The steps of connecting, in their order."""
    issues: list[ConnectionIssue]
    """The problems, the most serious first."""
    url: Annotated[str, Field(examples=["https://shop.example"])]
    """Address of the shop, as this service calls it."""
    webhook_url: Annotated[str, Field(examples=["https://tokens.example/webhooks/woocommerce/shop"])]
    """Delivery URL of the webhooks."""
    rest_key_ending: Annotated[str | None, Field(examples=["1a2b3c4"])]
    """The last characters of the stored consumer key; null without REST keys."""
    last_delivery_at: Time | None
    """Time of the last signed delivery."""
    last_ping_at: Time | None
    """Time of the last ping, which the shop sends when a webhook is created."""
    last_bad_signature_at: Time | None
    """Time of the last delivery with a wrong signature."""
    packages: Annotated[int, Field(ge=0, examples=[3])]
    """Number of products that grant tokens."""
