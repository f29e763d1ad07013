"""Read a webhook's body: parse the JSON once, then return a typed event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from math import isfinite
from typing import Any

from bridge.clients.woocommerce import documents
from bridge.clients.woocommerce.documents import Customer, Product
from bridge.domain.errors import InvalidRequest, MalformedBody
from bridge.domain.orders.merge import Order

Document = dict[str, Any]


class Kind(StrEnum):
    """The kind of object an event is about."""

    ORDER = "order"
    PRODUCT = "product"
    CUSTOMER = "customer"
    ACTION = "action"
    ERROR = "error"
    OTHER = "other"


_READ = (Kind.ORDER, Kind.PRODUCT, Kind.CUSTOMER)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """The contents of a webhook.

    `number` is the ID of the order, product or customer; None if the body has
    none. At most one of `order`, `product` and `customer` is set; none for a body
    with an ID only (`is_bare`), an action or an error. `fault` is why the document
    cannot be read in the format of API version v3; it can then be read from the
    shop by its ID. `invalid` is why a product or customer has nothing that can be
    used. `error` is the code of an error that the shop sent in place of a
    document; `is_refusal` means that it refuses access.
    """

    kind: Kind
    action: str
    number: int | None = None
    order: Order | None = None
    product: Product | None = None
    customer: Customer | None = None
    is_bare: bool = False
    fault: str = ""
    invalid: str = ""
    error: str = ""
    is_refusal: bool = False


def parse_body(body: bytes) -> Document:
    """Return the JSON object in these bytes; raises `MalformedBody`."""
    try:
        document = json.loads(body, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise MalformedBody("the body is JSON, but not an object")
    return document


def read_event(topic: str, document: Mapping[str, Any]) -> WebhookEvent:
    """Return the event of a topic and a parsed body."""
    name, _, action = topic.partition(".")
    code = documents.error_code(document)
    if code is not None:
        return WebhookEvent(Kind.ERROR, action, error=code, is_refusal=documents.is_refusal(document))
    if name == "action":
        return WebhookEvent(Kind.ACTION, action, documents.action_order(document))
    older = documents.older_id(document)
    if older is not None:
        return WebhookEvent(Kind(older[0]), action, older[1], fault="it has the format of an older WooCommerce API")
    kind = Kind(name) if name in _READ else Kind.OTHER
    if kind is Kind.OTHER and name != "subscription" and documents.looks_like_order(document):
        kind = Kind.ORDER
    number, is_bare = documents.resource_id(document), documents.is_bare(document)
    if kind is Kind.ORDER and not is_bare:
        return _order_event(action, number, document)
    if number is None:
        return WebhookEvent(kind, action)
    try:
        if kind is Kind.PRODUCT and action != "deleted":
            return WebhookEvent(kind, action, number, product=documents.read_product(document), is_bare=is_bare)
        if kind is Kind.CUSTOMER:
            return WebhookEvent(kind, action, number, customer=documents.read_customer(document), is_bare=is_bare)
    except InvalidRequest as error:
        return WebhookEvent(kind, action, number, is_bare=is_bare, invalid=error.detail)
    return WebhookEvent(kind, action, number, is_bare=is_bare)


def _order_event(action: str, number: int | None, document: Mapping[str, Any]) -> WebhookEvent:
    try:
        order = documents.read_order(document, is_restored=action == "restored", is_created=action == "created")
    except InvalidRequest as error:
        return WebhookEvent(Kind.ORDER, action, number, fault=error.detail)
    return WebhookEvent(Kind.ORDER, action, order.number, order)


def _number(text: str) -> float | Decimal:
    """Return a number in a body; one that a float would change is kept exact."""
    value = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        return value
    return value if not isfinite(value) or Decimal(repr(value)) == exact else exact
