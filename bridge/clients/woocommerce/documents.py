"""Read the shop's JSON documents into typed values.

Real documents were recorded on WooCommerce 10.9. Any field may be missing or
have an unusual type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.clients.woocommerce import fields, package_meta
from bridge.clients.woocommerce.sales import read_sale
from bridge.domain.accounts.accounts import MAX_NAME, MAX_USER_ID
from bridge.domain.accounts.amounts import Reason, Unreadable
from bridge.domain.errors import InvalidRequest
from bridge.domain.orders.merge import Line, Order, RefundDetail, RefundedLine
from bridge.domain.orders.packages import Amount
from bridge.domain.shop.subscriptions import Webhook

_MAX_UNCLEAR = 100

_REFUND_LINES = ("line_items", "shipping_lines", "fee_lines")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Customer:
    """A user of the shop as its customer document states; `role` is the first of several."""

    user_id: int
    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product or variation as the shop describes it.

    `tokens` is 0 if it is not a package, None if the document does not say; with
    `months`, they are those of each month of a plan;
    `unreadable` is the unclear amount of a package. `is_per_variation` means that
    the product is marked and its variations have the amounts. `is_partial` means
    that the document has no meta and does not state tokens. `price` and
    `is_for_sale` are None where the document does not state them.
    """

    id: int
    parent_id: int
    name: str
    sku: str
    tokens: int | None
    unreadable: Unreadable | None = None
    is_per_variation: bool = False
    is_partial: bool = False
    price: Decimal | None = None
    is_for_sale: bool | None = None
    months: int | None = None


def resource_id(document: Json) -> int | None:
    """Return the id in a document; None if it has none, as in an error object or an action's body."""
    return fields.whole(document.get("id"), high=MAX_USER_ID)


_KINDS = ("order", "product", "customer")


def older_id(document: Json) -> tuple[str, int] | None:
    """Return the kind and id of a document in the format of an older WooCommerce API: `{"order": {"id": 20, …}}`."""
    for kind in _KINDS:
        inner = document.get(kind)
        if isinstance(inner, Mapping) and "id" not in document and (found := resource_id(inner)) is not None:
            return kind, found
    return None


def named_id(document: Json) -> int | None:
    """Return the id in a document, in any of the known formats."""
    older = older_id(document)
    return older[1] if older else resource_id(document)


def looks_like_order(document: Json) -> bool:
    """Return whether a document is an order, even if its topic is another."""
    key = document.get("order_key")
    return isinstance(key, str) and key.startswith("wc_order_") and "line_items" in document


def is_bare(document: Json) -> bool:
    """Return whether the document has only an id, as in the shop's deliveries about deletions."""
    return set(document) == {"id"} and resource_id(document) is not None


_ORDER_ACTION = re.compile(
    r"woocommerce_(order_|payment_complete|(new|update|cancelled)_order|checkout_order_|thankyou)"
)
"""The beginning of the names of WooCommerce's actions whose first argument is the ID of an order."""


def action_order(document: Json) -> int | None:
    """Return the order in an action's body: `{"action": "woocommerce_order_…", "arg": 20}`; None for another."""
    action = document.get("action")
    is_about_order = isinstance(action, str) and _ORDER_ACTION.match(action) is not None
    return fields.whole(document.get("arg"), high=MAX_USER_ID) if is_about_order else None


def error_code(document: Json) -> str | None:
    """Return the code of the shop's error object, sent in place of a document; None for anything else."""
    code = document.get("code")
    return fields.text(code, 200) if isinstance(code, str) and "message" in document and "id" not in document else None


def is_refusal(document: Json) -> bool:
    """Return whether an error object refuses access, rather than saying that the object does not exist."""
    return (error_code(document) or "").startswith("woocommerce_rest_cannot_")


def read_order(document: Json, *, is_restored: bool = False, is_created: bool = False) -> Order:
    """Return the order in a document.

    Raises `InvalidRequest` with the missing field if the document has no number,
    status or time of change: nothing can be concluded from it then.
    """
    number = resource_id(document)
    status = fields.text(document.get("status"), 64 + len("wc-")).removeprefix("wc-")[:64]
    modified_at = fields.utc(document.get("date_modified_gmt"))
    if number is None:
        raise InvalidRequest("the document has no order number")
    if not status:
        raise InvalidRequest(f"order {number} has no status")
    if modified_at is None:
        raise InvalidRequest(f"order {number} has no date_modified_gmt")
    billing = document.get("billing")
    billing = billing if isinstance(billing, Mapping) and billing else None
    refunds = _read_refund_list(document.get("refunds"))
    items = fields.listed(document.get("line_items"))
    # Of two lines with the same id the later counts; the database stores each id once.
    lines = None if items is None else tuple({line.id: line for line in _read_lines(items)}.values())
    return Order(
        number=number,
        status=status,
        modified_at=modified_at,
        customer_id=fields.whole(document.get("customer_id"), high=MAX_USER_ID),
        email=fields.text(billing["email"], 320).strip() if billing and isinstance(billing.get("email"), str) else None,
        name=_person(billing) if billing else None,
        total=fields.stated_money(document.get("total")),
        refunded=None if refunds is None else sum((money for _, money in refunds), Decimal(0)),
        refund_ids=tuple(id_ for id_, _ in refunds or ()),
        unclear_refunds="" if refunds is not None else _unclear_refunds(document.get("refunds")),
        currency=fields.text(document.get("currency"), 8),
        placed_at=fields.utc(document.get("date_created_gmt")),
        lines=lines,
        lines_are_complete=items is None or all(_line_id(item) is not None for item in items),
        is_restored=is_restored,
        is_created=is_created,
        key=fields.text(document.get("order_key"), 100).strip(),
        parent_id=_parent(document.get("parent_id"), number),
        transaction_id=fields.text(document.get("transaction_id"), 200).strip(),
        shop_number=_shop_number(document.get("number"), number),
        is_finished=bool(document["date_completed_gmt"]) if "date_completed_gmt" in document else None,
        is_paid=_is_paid(status, document),
        paid_at=_paid_at(document, modified_at),
        sale=read_sale(document),
    )


_UNPAID = frozenset({"pending", "on-hold", "checkout-draft", "draft", "auto-draft"})


def _is_paid(status: str, document: Json) -> bool:
    """Return whether an order's status and date of payment say that it is paid for."""
    if status in _UNPAID:
        return False
    is_usual = status in {"processing", "completed"}
    return is_usual or "date_paid_gmt" not in document or bool(document["date_paid_gmt"])


def _paid_at(document: Json, modified_at: datetime) -> datetime | None:
    """Return the later of the dates of payment and completion; the document's own date if it has neither."""
    dates = ("date_paid_gmt", "date_completed_gmt")
    if not any(name in document for name in dates):
        return modified_at
    return max((moment for name in dates if (moment := fields.utc(document.get(name)))), default=None)


def _parent(value: Any, order_id: int) -> int:
    parent = fields.whole(value, high=MAX_USER_ID) or 0
    return 0 if parent == order_id else parent


def _shop_number(value: Any, order_id: int) -> str:
    """Return the order number shown in the shop; empty if it is the id."""
    shown = str(value) if isinstance(value, int) and not isinstance(value, bool) else fields.text(value, 100).strip()
    return "" if shown == str(order_id) else shown


def _read_refund_list(value: Any) -> list[tuple[int, Decimal]] | None:
    """Return each refund of an order once, with its money; None if the list or one of its entries is unreadable."""
    items = fields.listed(value)
    if items is None:
        return None
    refunds: dict[int, Decimal] = {}
    for item in items:
        refund_id = resource_id(item) if isinstance(item, Mapping) else None
        money = fields.stated_money(item.get("total")) if isinstance(item, Mapping) else None
        if refund_id is None or money is None:
            return None
        refunds[refund_id] = abs(money)
    return list(refunds.items())


def _unclear_refunds(value: Any) -> str:
    """Return a list of refunds that cannot be read as text, without reasons; empty if none is stated."""
    if value is None:
        return ""
    shown = [
        {name: _plain(item.get(name)) for name in ("id", "total")} if isinstance(item, Mapping) else _plain(item)
        for item in fields.listed(value) or [value]
    ]
    return fields.text(json.dumps(shown[:_MAX_UNCLEAR], ensure_ascii=False), _MAX_UNCLEAR)


def _plain(value: Any) -> str | None:
    """Return a value as text; of a list or an object only that it is one."""
    if isinstance(value, Mapping | list):
        return "{…}" if isinstance(value, Mapping) else "[…]"
    return None if value is None else str(value)


def read_refunds(documents: Iterable[Json]) -> tuple[RefundDetail, ...]:
    """Return the refunds of an order with their lines, as `GET /orders/ID/refunds` returns them.

    The meta of a refunded line has the order line's id; quantities and money are
    negative.
    """
    return tuple(
        RefundDetail(
            id=refund_id,
            amount=abs(fields.money(document.get("amount"))),
            tied=sum(
                (_line_money(line) for kind in _REFUND_LINES for line in fields.mappings(document.get(kind))),
                Decimal(0),
            ),
            lines=tuple(_read_refunded_lines(document.get("line_items"))),
        )
        for document in documents
        if (refund_id := resource_id(document)) is not None
    )


def _read_refunded_lines(items: Any) -> Iterable[RefundedLine]:
    for item in fields.mappings(items):
        names = [
            fields.whole(entry.get("value"), high=MAX_USER_ID)
            for entry in fields.mappings(item.get("meta_data"))
            if entry.get("key") == "_refunded_item_id"
        ]
        line_id = next((name for name in names if name is not None), None)
        if line_id is None:
            continue
        pieces = fields.quantity(item.get("quantity"), is_signed=True) or 0
        yield RefundedLine(line_id, pieces if pieces > 0 else -pieces, abs(fields.money(item.get("total"))))


def _line_money(line: Json) -> Decimal:
    return abs(fields.money(line.get("total"))) + abs(fields.money(line.get("total_tax")))


def read_customer(document: Json) -> Customer:
    """Return the user in a customer document; raises `InvalidRequest` if it has no id."""
    user_id = resource_id(document)
    if not user_id:
        raise InvalidRequest("the customer has no id")
    return Customer(
        user_id=user_id,
        email=fields.text(document.get("email"), 320).strip(),
        name=_person(document),
        role=fields.text(document.get("role"), 100),
    )


def read_webhook(document: Json) -> Webhook:
    """Return the webhook in a document, which must have an id."""
    return Webhook(
        id=resource_id(document) or 0,
        topic=fields.text(document.get("topic"), 200),
        status=fields.text(document.get("status"), 20),
        delivery_url=fields.text(document.get("delivery_url"), 2000),
        name=fields.text(document.get("name"), 300),
    )


def read_product(document: Json) -> Product:
    """Return the product in a document; raises `InvalidRequest` if it has no id."""
    product_id = resource_id(document)
    if not product_id:
        raise InvalidRequest("the product has no id")
    is_variation = document.get("type") == "variation"
    is_partial = not isinstance(document.get("meta_data"), list | Mapping)
    amount: package_meta.Stated = None
    if not is_partial:
        meta = package_meta.meta_of(document["meta_data"])
        amount = package_meta.variation_amount(meta) if is_variation else package_meta.product_amount(meta)
    stated = amount if isinstance(amount, Amount) else None
    unreadable = amount if isinstance(amount, Unreadable) else None
    is_per_variation = unreadable is not None and unreadable.reason is Reason.MISSING and _has_variations(document)
    return Product(
        id=product_id,
        parent_id=(fields.whole(document.get("parent_id"), high=MAX_USER_ID) or 0) if is_variation else 0,
        name=fields.name(document.get("name"), 300),
        sku=fields.text(document.get("sku"), 200),
        tokens=None if stated is None else stated.tokens,
        months=None if stated is None else stated.months,
        unreadable=None if is_per_variation else unreadable,
        is_per_variation=is_per_variation,
        is_partial=is_partial,
        price=_price(document),
        is_for_sale=_is_for_sale(document),
    )


def _price(document: Json) -> Decimal | None:
    found = fields.stated_money(document.get("price"))
    return found if found is not None and found >= 0 else None


def _is_for_sale(document: Json) -> bool | None:
    """Return whether the product can be bought; None where the document states nothing about it."""
    status, purchasable = document.get("status"), document.get("purchasable")
    if status is None and purchasable is None:
        return None
    # The parent of variations is bought as one of them.
    return status in (None, "publish") and (purchasable is not False or _has_variations(document))


def _has_variations(document: Json) -> bool:
    return document.get("type") in ("variable", "variable-subscription") or bool(document.get("variations"))


def _line_id(item: Any) -> int | None:
    return fields.whole(item.get("id"), high=MAX_USER_ID) if isinstance(item, Mapping) else None


def _read_lines(items: Iterable[Any]) -> Iterable[Line]:
    for item in items:
        line_id = _line_id(item)
        if line_id is None:
            continue
        stamped = package_meta.stamped_amount(item.get("meta_data"))
        amount = stamped if isinstance(stamped, Amount) else None
        yield Line(
            id=line_id,
            product_id=fields.whole(item.get("product_id"), high=MAX_USER_ID) or 0,
            variation_id=fields.whole(item.get("variation_id"), high=MAX_USER_ID) or 0,
            quantity=fields.quantity(item.get("quantity")),
            total=fields.stated_money(item.get("total")),
            name=fields.name(item.get("name"), 300),
            sku=fields.text(item.get("sku"), 200),
            stamped=None if amount is None else amount.tokens,
            stamped_months=None if amount is None else amount.months,
            unclear_stamp=stamped.value or stamped.key if isinstance(stamped, Unreadable) else "",
        )


def _person(document: Json) -> str:
    parts = (fields.name(document.get("first_name"), 100), fields.name(document.get("last_name"), 100))
    return " ".join(part.strip() for part in parts if part.strip())[:MAX_NAME]
