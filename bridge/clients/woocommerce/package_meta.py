"""Token amounts and plans in the meta of products and order lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.domain.accounts.amounts import Reason, Unreadable, as_list, read_amount, shown
from bridge.domain.orders.packages import MAX_MONTHS, Amount

_YES = frozenset({"yes", "y", "1", "true", "on"})
_NO = frozenset({"", "no", "n", "0", "false", "off", "null", "none"})

Meta = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PackageKeys:
    """Meta keys that mark a package: the flag and the amount, or for a plan the tokens of each month and its months.

    `is_typed` means that people enter them by hand, `on_variations` that a
    variation may have its own amount.
    """

    flag: str
    amount: str
    per_month: str = ""
    months: str = ""
    is_typed: bool = False
    on_variations: bool = True


PACKAGE_KEYS = (
    PackageKeys("_is_token_package", "_tokens_granted", "_tokens_per_month", "_plan_months"),
    PackageKeys("is_token_package", "tokens_granted", "tokens_per_month", "plan_months", is_typed=True),
    PackageKeys("_aipkit_is_token_package", "_aipkit_tokens_amount", on_variations=False),
)
"""The meta keys that mark a package. The first whose flag means yes count: the WordPress plugin's, the public custom
fields, the AI Power plugin's."""

STAMP = PACKAGE_KEYS[0]
"""The meta keys in which the WordPress plugin writes the grant of a unit on an order line."""

NO_PACKAGE = Amount(0)

Stated = Amount | Unreadable | None
"""The amount in a document, one that is not clear, or None for nothing."""


def meta_of(entries: Any) -> dict[str, Any]:
    """Return the meta of a document by key; of a duplicate key the last value counts."""
    return {
        entry["key"]: entry.get("value")
        for entry in as_list(entries)
        if isinstance(entry, Mapping) and isinstance(entry.get("key"), str)
    }


def product_amount(meta: Meta) -> Amount | Unreadable:
    """Return the amount in a product's meta; `NO_PACKAGE` if it is not a package.

    The result is unreadable if the product is marked without a clear amount above 0.
    """
    missing: Unreadable | None = None
    for keys in PACKAGE_KEYS:
        says = _flag(meta, keys)
        if says is None or isinstance(says, Unreadable):
            if says is not None:
                return says
            continue
        amount = _amount(meta, keys) or _unreadable(keys.amount, meta.get(keys.amount), Reason.MISSING)
        if not isinstance(amount, Unreadable) or amount.reason is not Reason.MISSING or amount.key != keys.amount:
            return amount
        missing = missing or amount
    return missing or NO_PACKAGE


def variation_amount(meta: Meta) -> Stated:
    """Return the amount in a variation's own meta; None if the parent product's counts.

    A variation does not inherit its parent's meta (observed on WooCommerce 10.9):
    it has the amount without the flag. The AI Power plugin reads amounts of
    products only.
    """
    for keys in PACKAGE_KEYS:
        if not keys.on_variations or (keys.flag in meta and _is_no(meta[keys.flag])):
            continue
        amount = _amount(meta, keys)
        if amount is not None:
            return amount
    return None


def stamped_amount(entries: Any) -> Stated:
    """Return the amount that the shop wrote on an order line; of a duplicate key the last stated value counts."""
    wanted = (STAMP.amount, STAMP.per_month, STAMP.months)
    stated = [entry for entry in as_list(entries) if isinstance(entry, Mapping) and entry.get("key") in wanted]
    clear = [entry for entry in stated if read_amount(entry.get("value")) is not None]
    return _amount(meta_of(clear), STAMP) if clear else None


def _amount(meta: Meta, keys: PackageKeys) -> Stated:
    """Return the amount under some keys; a plan counts before tokens, and needs both its tokens and its months."""
    tokens, months = (read_amount(meta.get(key)) if key else None for key in (keys.per_month, keys.months))
    if tokens is None and months is None:
        tokens = read_amount(meta.get(keys.amount))
        return None if tokens is None else _checked(keys.amount, meta.get(keys.amount), tokens)
    read = dict[str, int | Unreadable]()
    for key, value in ((keys.per_month, tokens), (keys.months, months)):
        read[key] = _unreadable(key, None, Reason.MISSING) if value is None else _clear(key, meta.get(key), value)
    each, length = read.values()
    if isinstance(each, Unreadable):
        return each
    if isinstance(length, int) and length > MAX_MONTHS:
        return _unreadable(keys.months, meta.get(keys.months), Reason.TOO_LONG)
    return length if isinstance(length, Unreadable) else Amount(each, length)


def _checked(key: str, value: Any, tokens: int | Reason) -> Amount | Unreadable:
    clear = _clear(key, value, tokens)
    return clear if isinstance(clear, Unreadable) else Amount(clear)


def _clear(key: str, value: Any, number: int | Reason) -> int | Unreadable:
    if isinstance(number, Reason):
        return _unreadable(key, value, number)
    return number or _unreadable(key, value, Reason.ZERO)


def _flag(meta: Meta, keys: PackageKeys) -> bool | Unreadable | None:
    """Return True for a set flag, None for an unset or missing one, and `Unreadable` for an unclear one."""
    value = _single(meta.get(keys.flag))
    if _is_no(value):
        for key in (keys.amount, keys.per_month):
            if keys.is_typed and keys.flag not in meta and read_amount(meta.get(key)) not in (None, 0):
                return Unreadable(keys.flag, key, Reason.UNMARKED)
        return None
    return True if _is_yes(value) else _unreadable(keys.flag, meta.get(keys.flag), Reason.FLAG)


def _unreadable(key: str, value: Any, reason: Reason) -> Unreadable:
    return Unreadable(key, "" if value is None else shown(value), reason)


def _single(value: Any) -> Any:
    """Return the only value of a flag that a form stored as a list."""
    entries: Iterable[Any] = as_list(value)
    if isinstance(value, Mapping) and len(value) == 1 and not entries:
        entries = [value[key] for key in ("value",) if key in value]
    found = list(entries)
    return found[0] if len(found) == 1 else value


def _word(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return str(bool(value)).casefold()
    if isinstance(value, str | int | float):
        text = str(value)[:40].strip(" \t\r\n\v\f\u00a0\u200b\ufeff").casefold()
        return {"1.0": "1", "0.0": "0"}.get(text, text)
    return "" if isinstance(value, list | Mapping) and not value else None


def _is_yes(value: Any) -> bool:
    return _word(_single(value)) in _YES


def _is_no(value: Any) -> bool:
    return _word(_single(value)) in _NO
