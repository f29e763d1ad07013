"""The body of a delivery about an erased person: only what orders are computed from stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bridge.clients.woocommerce import fields

_ORDER = (
    *("id", "number", "parent_id", "status", "currency", "order_key", "transaction_id", "customer_id", "total"),
    *("date_created_gmt", "date_modified_gmt", "date_paid_gmt", "date_completed_gmt"),
)
_LINE = ("id", "name", "product_id", "variation_id", "quantity", "sku", "subtotal", "total", "price")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_OUR_META = ("_tokens_granted", "_is_token_package", "_tokens_per_month", "_plan_months")


def without_person(body: bytes, topic: str) -> bytes:
    """Return a body with the values that a delivery is processed by, and no others.

    Of a customer, and of a body that is no JSON object, only the ID stays.
    """
    try:
        # A number stays as it is written: a float would change some.
        document = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        return b"{}"
    if not isinstance(document, dict):
        return b"{}"
    if topic.startswith("customer."):
        return _written({name: document[name] for name in ("id",) if name in document})
    if "action" in document:
        return _written({name: document[name] for name in ("action", "arg") if name in document})
    return _written(_order(document))


def names_person(body: bytes, terms: list[str]) -> bool:
    """Return whether a body has one of these texts, whatever its case and however JSON writes it."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), body.decode("utf-8", "replace"))
    # Two escapes can be the halves of one character.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = re.sub(r'\\(["\\/])', r"\1", text).lower()
    return any(term.lower() in text for term in terms)


def _order(document: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: document[name] for name in _ORDER if name in document}
    if "line_items" in document:
        lines = fields.listed(document["line_items"])
        kept["line_items"] = None if lines is None else [_line(item) for item in lines]
    if "refunds" in document:
        refunds = fields.listed(document["refunds"])
        kept["refunds"] = None if refunds is None else [_picked(item, ("id", "total")) for item in refunds]
    return kept


def _line(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    entries = fields.mappings(item.get("meta_data"))
    meta = [_picked(entry, ("id", "key", "value")) for entry in entries if entry.get("key") in _OUR_META]
    return {**_picked(item, _LINE), "meta_data": meta}


def _picked(item: Any, names: tuple[str, ...]) -> Any:
    return {name: item[name] for name in names if name in item} if isinstance(item, Mapping) else item


def _written(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
