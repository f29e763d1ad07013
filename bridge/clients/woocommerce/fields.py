"""Read the values of the shop's JSON documents: each function returns a value of one type, whatever it was given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge.clients.woocommerce.times import read_utc
from bridge.domain.stores.pasted_text import plain_text

_MAX_QUANTITY = 2**31 - 1


def quantity(value: Any, *, is_signed: bool = False) -> int | Decimal | None:
    """Return an exact quantity, as an int if it is whole; None if it cannot be read."""
    amount = stated_money(value)
    if amount is None or abs(amount) > _MAX_QUANTITY or (amount < 0 and not is_signed):
        return None
    return int(amount) if amount == amount.to_integral_value() else amount


def whole(value: Any, *, high: int) -> int | None:
    """Return a whole number from 0 to `high`; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        return None
    return value


def money(value: Any) -> Decimal:
    """Return an amount of money; 0 if it cannot be read."""
    return stated_money(value) or Decimal(0)


def stated_money(value: Any) -> Decimal | None:
    """Return an amount of money; None if it cannot be read."""
    if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value).strip()[:40])
    except InvalidOperation:
        return None
    if not amount.is_finite():
        return None
    # Both ends are limited: 1e-999999999 takes a few bytes here and a gigabyte as a fraction.
    return amount if not amount or -12 <= amount.adjusted() < 15 else None


def utc(value: Any) -> datetime | None:
    """Return the time in one of the shop's `date_…_gmt` fields; None for an impossible year."""
    moment = read_utc(value)
    return moment if moment is not None and 1970 <= moment.year < 9000 else None


def name(value: Any, most: int) -> str:
    """Return a name for display: WordPress stores and sends it with HTML entities, which are decoded once."""
    return text(plain_text(text(value, 10 * most)), most)


def text(value: Any, most: int) -> str:
    """Return a text of at most so many characters that the database can store; empty for anything else."""
    # PostgreSQL cannot store NUL in text, and a lone surrogate cannot be written as UTF-8.
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:most]


def listed(value: Any) -> list[Any] | None:
    """Return the entries of a list, or of an object with numeric keys as PHP writes one; None for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) and key.isascii() and key.isdigit() for key in value):
        return [value[key] for key in sorted(value, key=int)] if all(len(key) < 20 for key in value) else None
    return None


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list."""
    return [entry for entry in listed(value) or () if isinstance(entry, Mapping)]
