"""Responses to the WordPress plugin about the connection of its site."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

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
