"""The shop's JSON, read into the bridge's own values.

What a real shop sends was recorded on WooCommerce 10.9; nothing of a document
is trusted to be there, or to be of its usual type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge.clients import package_meta
from bridge.domain.accounts import MAX_NAME, MAX_USER_ID
from bridge.domain.amounts import Reason, Unreadable
from bridge.domain.errors import InvalidRequest
from bridge.domain.orders import Line, Order, RefundDetail, RefundedLine
from bridge.domain.typed import plain_text
from bridge.domain.webhooks import Webhook

_MAX_QUANTITY = 2**31 - 1

_REFUND_LINES = ("line_items", "shipping_lines", "fee_lines")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Customer:
    """A user of the shop as its customer document tells; `role` is the first of several."""

    user_id: int
    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product or variation as the shop describes it.

    `tokens` is 0 for one that is no package, None where the document does not
    say; `unreadable` is the amount of a package that is not clear. A marked
    product whose variations carry the amounts is `is_per_variation`. A document
    without meta has `is_partial`: it says nothing of tokens.
    """

    id: int
    parent_id: int
    name: str
    sku: str
    tokens: int | None
    unreadable: Unreadable | None = None
    is_per_variation: bool = False
    is_partial: bool = False


def resource_id(document: Json) -> int | None:
    """The id a document is about; None where it has none, as an error object or an action's body."""
    return _whole(document.get("id"), high=MAX_USER_ID)


def is_bare(document: Json) -> bool:
    """Whether the document holds an id and nothing more, as the shop announces what was deleted."""
    return set(document) == {"id"} and resource_id(document) is not None


def action_order(document: Json) -> int | None:
    """The order an action's body is about: `{"action": "woocommerce_order_…", "arg": 20}`; None for another."""
    action = document.get("action")
    is_about_order = isinstance(action, str) and action.startswith("woocommerce_order_")
    return _whole(document.get("arg"), high=MAX_USER_ID) if is_about_order else None


def error_code(document: Json) -> str | None:
    """The code of the shop's own error object, sent in place of what it meant to show; None for anything else."""
    code = document.get("code")
    return _text(code, 200) if isinstance(code, str) and "message" in document and "id" not in document else None


def is_refusal(document: Json) -> bool:
    """Whether an error object says that somebody may not see what was meant to be shown, and not that it is gone."""
    return (error_code(document) or "").startswith("woocommerce_rest_cannot_")


def read_order(document: Json, *, is_restored: bool = False) -> Order:
    """The state of an order a document shows.

    Raises `InvalidRequest` with the field where it is no order: without a
    number, a status or a time of change nothing can be concluded from it.
    """
    number = resource_id(document)
    status = _text(document.get("status"), 64 + len("wc-")).removeprefix("wc-")[:64]
    modified_at = _utc(document.get("date_modified_gmt"))
    if number is None:
        raise InvalidRequest("the document has no order number")
    if not status:
        raise InvalidRequest(f"order {number} has no status")
    if modified_at is None:
        raise InvalidRequest(f"order {number} has no date_modified_gmt")
    billing = _mapping(document.get("billing"))
    refunds = _mappings(document.get("refunds"))
    return Order(
        number=number,
        status=status,
        modified_at=modified_at,
        customer_id=_whole(document.get("customer_id"), high=MAX_USER_ID) or 0,
        email=_text(billing.get("email"), 320).strip(),
        name=_person(billing),
        total=_money(document.get("total")),
        refunded=sum((abs(_money(refund.get("total"))) for refund in refunds), Decimal(0)),
        refund_ids=tuple(id_ for refund in refunds if (id_ := resource_id(refund)) is not None),
        currency=_text(document.get("currency"), 8),
        placed_at=_utc(document.get("date_created_gmt")) or modified_at,
        # Of two lines with one id the later counts; the database takes each once.
        lines=tuple({line.id: line for line in _read_lines(document.get("line_items"))}.values()),
        is_restored=is_restored,
    )


def read_refunds(documents: Iterable[Json]) -> tuple[RefundDetail, ...]:
    """The refunds of an order with their lines, as `GET /orders/ID/refunds` tells them.

    A refunded line names the order's line in its meta; quantities and money are
    negative there.
    """
    return tuple(
        RefundDetail(
            id=refund_id,
            amount=abs(_money(document.get("amount"))),
            tied=sum(
                (_line_money(line) for kind in _REFUND_LINES for line in _mappings(document.get(kind))), Decimal(0)
            ),
            lines=tuple(_read_refunded_lines(document.get("line_items"))),
        )
        for document in documents
        if (refund_id := resource_id(document)) is not None
    )


def _read_refunded_lines(items: Any) -> Iterable[RefundedLine]:
    for item in _mappings(items):
        names = [
            _whole(entry.get("value"), high=MAX_USER_ID)
            for entry in _mappings(item.get("meta_data"))
            if entry.get("key") == "_refunded_item_id"
        ]
        line_id = next((name for name in names if name is not None), None)
        quantity = item.get("quantity")
        if line_id is None:
            continue
        pieces = abs(quantity) if isinstance(quantity, int) and not isinstance(quantity, bool) else 0
        yield RefundedLine(line_id, min(pieces, _MAX_QUANTITY), abs(_money(item.get("total"))))


def _line_money(line: Json) -> Decimal:
    return abs(_money(line.get("total"))) + abs(_money(line.get("total_tax")))


def read_customer(document: Json) -> Customer:
    """The user a customer document shows; raises `InvalidRequest` where it has no id."""
    user_id = resource_id(document)
    if not user_id:
        raise InvalidRequest("the customer has no id")
    return Customer(
        user_id=user_id,
        email=_text(document.get("email"), 320).strip(),
        name=_person(document),
        role=_text(document.get("role"), 100),
    )


def read_webhook(document: Json) -> Webhook:
    """The webhook a document of the shop's REST shows, which has an id."""
    return Webhook(
        id=resource_id(document) or 0,
        topic=_text(document.get("topic"), 200),
        status=_text(document.get("status"), 20),
        delivery_url=_text(document.get("delivery_url"), 2000),
        name=_text(document.get("name"), 300),
    )


def read_product(document: Json) -> Product:
    """The product a document shows; raises `InvalidRequest` where it has no id."""
    product_id = resource_id(document)
    if not product_id:
        raise InvalidRequest("the product has no id")
    is_variation = document.get("type") == "variation"
    is_partial = not isinstance(document.get("meta_data"), list | Mapping)
    tokens: package_meta.Tokens = None
    if not is_partial:
        meta = package_meta.meta_of(document["meta_data"])
        tokens = package_meta.variation_tokens(meta) if is_variation else package_meta.product_tokens(meta)
    unreadable = tokens if isinstance(tokens, Unreadable) else None
    is_per_variation = unreadable is not None and unreadable.reason is Reason.MISSING and _has_variations(document)
    return Product(
        id=product_id,
        parent_id=(_whole(document.get("parent_id"), high=MAX_USER_ID) or 0) if is_variation else 0,
        name=_name(document.get("name"), 300),
        sku=_text(document.get("sku"), 200),
        tokens=None if isinstance(tokens, Unreadable) else tokens,
        unreadable=None if is_per_variation else unreadable,
        is_per_variation=is_per_variation,
        is_partial=is_partial,
    )


def _has_variations(document: Json) -> bool:
    return document.get("type") in {"variable", "variable-subscription"} or bool(document.get("variations"))


def _read_lines(items: Any) -> Iterable[Line]:
    for item in _mappings(items):
        line_id = _whole(item.get("id"), high=MAX_USER_ID)
        if line_id is None:
            continue
        stamped = package_meta.stamped_tokens(item.get("meta_data"))
        yield Line(
            id=line_id,
            product_id=_whole(item.get("product_id"), high=MAX_USER_ID) or 0,
            variation_id=_whole(item.get("variation_id"), high=MAX_USER_ID) or 0,
            quantity=_whole(item.get("quantity"), high=_MAX_QUANTITY) or 0,
            total=_money(item.get("total")),
            name=_name(item.get("name"), 300),
            sku=_text(item.get("sku"), 200),
            stamped=None if isinstance(stamped, Unreadable) else stamped,
            unclear_stamp=stamped.value if isinstance(stamped, Unreadable) else "",
        )


def _whole(value: Any, *, high: int) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        return None
    return value


def _money(value: Any) -> Decimal:
    """An amount of money; what is none counts as nothing."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return Decimal(0)
    try:
        amount = Decimal(str(value)[:40])
    except InvalidOperation:
        return Decimal(0)
    # Neither end may run away: 1e-999999999 is a few bytes here and a gigabyte as a fraction.
    return amount if amount.is_finite() and -12 <= amount.adjusted() < 15 else Decimal(0)


def _utc(value: Any) -> datetime | None:
    """One of the shop's `date_…_gmt` fields: UTC without an offset."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 1970 <= moment.year < 9000 else None


def _person(document: Json) -> str:
    parts = (_name(document.get("first_name"), 100), _name(document.get("last_name"), 100))
    return " ".join(part.strip() for part in parts if part.strip())[:MAX_NAME]


def _name(value: Any, most: int) -> str:
    """A name for people: WordPress stores and sends it with HTML entities, which are decoded once."""
    return _text(plain_text(_text(value, 10 * most)), most)


def _text(value: Any, most: int) -> str:
    # PostgreSQL has no NUL in text, and a lone surrogate cannot be written as UTF-8.
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:most]


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Json]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
