"""Token amounts in the meta of products and order lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.domain.accounts.amounts import Reason, Unreadable, as_list, read_amount, shown

LINE_TOKENS = "_tokens_granted"
"""The meta key in which the WordPress plugin writes the tokens per unit on an order line."""

_YES = frozenset({"yes", "y", "1", "true", "on"})
_NO = frozenset({"", "no", "n", "0", "false", "off", "null", "none"})

Meta = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PackageKeys:
    """A pair of meta keys that marks a package: the flag and the amount.

    `is_typed` means that people enter both by hand, `on_variations` that a
    variation may have its own amount.
    """

    flag: str
    amount: str
    is_typed: bool = False
    on_variations: bool = True


PACKAGE_KEYS = (
    PackageKeys("_is_token_package", "_tokens_granted"),
    PackageKeys("is_token_package", "tokens_granted", is_typed=True),
    PackageKeys("_aipkit_is_token_package", "_aipkit_tokens_amount", on_variations=False),
)
"""The pairs of meta keys that mark a package. The first pair whose flag means yes counts: the WordPress plugin's, the
public custom fields, the AI Power plugin's."""

Tokens = int | Unreadable | None


def meta_of(entries: Any) -> dict[str, Any]:
    """Return the meta of a document by key; of a duplicate key the last value counts."""
    return {
        entry["key"]: entry.get("value")
        for entry in as_list(entries)
        if isinstance(entry, Mapping) and isinstance(entry.get("key"), str)
    }


def product_tokens(meta: Meta) -> int | Unreadable:
    """Return the tokens in a product's meta; 0 if it is not a package.

    The result is unreadable if the product is marked without a clear amount above
    0.
    """
    missing: Unreadable | None = None
    for keys in PACKAGE_KEYS:
        says = _flag(meta, keys)
        if says is None or isinstance(says, Unreadable):
            if says is not None:
                return says
            continue
        tokens = _required(meta, keys)
        if not isinstance(tokens, Unreadable) or tokens.reason is not Reason.MISSING:
            return tokens
        missing = missing or tokens
    return missing or 0


def variation_tokens(meta: Meta) -> Tokens:
    """Return the tokens in a variation's own meta; None if the parent product's amount counts.

    A variation does not inherit its parent's meta (observed on WooCommerce 10.9):
    it has the amount without the flag. The AI Power plugin reads amounts of
    products only.
    """
    for keys in PACKAGE_KEYS:
        if not keys.on_variations or (keys.flag in meta and _is_no(meta[keys.flag])):
            continue
        tokens = read_amount(meta.get(keys.amount))
        if tokens is not None:
            return _checked(keys.amount, meta.get(keys.amount), tokens)
    return None


def stamped_tokens(entries: Any) -> Tokens:
    """Return the amount that the shop wrote on an order line; the last value counts."""
    for entry in reversed(as_list(entries)):
        if isinstance(entry, Mapping) and entry.get("key") == LINE_TOKENS:
            tokens = read_amount(entry.get("value"))
            if tokens is not None:
                return _checked(LINE_TOKENS, entry.get("value"), tokens)
    return None


def _checked(key: str, value: Any, tokens: int | Reason) -> int | Unreadable:
    if isinstance(tokens, Reason):
        return _unreadable(key, value, tokens)
    return tokens or _unreadable(key, value, Reason.ZERO)


def _flag(meta: Meta, keys: PackageKeys) -> bool | Unreadable | None:
    """Return True for a set flag, None for an unset or missing one, and `Unreadable` for an unclear one."""
    value = _single(meta.get(keys.flag))
    if _is_no(value):
        amount = meta.get(keys.amount)
        if keys.is_typed and keys.flag not in meta and read_amount(amount) not in (None, 0):
            return Unreadable(keys.flag, keys.amount, Reason.UNMARKED)
        return None
    return True if _is_yes(value) else _unreadable(keys.flag, meta.get(keys.flag), Reason.FLAG)


def _required(meta: Meta, keys: PackageKeys) -> int | Unreadable:
    value = meta.get(keys.amount)
    tokens = read_amount(value)
    return _unreadable(keys.amount, value, Reason.MISSING) if tokens is None else _checked(keys.amount, value, tokens)


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
