"""Token amounts as shops store them: parse texts and values into clear whole numbers."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.domain.accounts.accounts import MAX_TOKENS

MAX_VALUE = 200
"""The most characters stored of a value that cannot be read."""

_DEPTH = 3
_LONGEST = 60
_WRAPPERS = ("value", "amount", "tokens")
"""The keys under which a field plugin stores the one value of a field."""

_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF))
_SAME = str.maketrans(
    {
        "，": ",",
        "٬": ",",
        "．": ".",
        "٫": ".",
        "’": "'",
        "‘": "'",
        "ʼ": "'",
        "＇": "'",
        "_": "'",
        "＋": "+",
        "−": "-",
        "－": "-",
    }
)
_PLAIN = re.compile(r"(\d+)(?:[.,](\d+))?")
_GROUPED = re.compile(r"([1-9]\d{0,2})((?:([ ',.])\d{3})(?:\3\d{3})*)(?:(?!\3)[.,](\d+))?")
_INDIAN = re.compile(r"[1-9]\d?(?:,\d{2})+,\d{3}(?:\.(\d+))?")


class Reason(StrEnum):
    """The reason a value is not an amount that can be granted."""

    MISSING = "missing"
    ZERO = "zero"
    NEGATIVE = "negative"
    FRACTION = "fraction"
    TOO_LARGE = "too_large"
    AMBIGUOUS = "ambiguous"
    NO_NUMBER = "no_number"
    FLAG = "flag"
    UNMARKED = "unmarked"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value without a clear amount: the meta key, the value as text (bounded), and the reason."""

    key: str
    value: str
    reason: Reason


def read_amount(value: Any) -> int | Reason | None:
    """Return the whole number a stored value states: None if it states none, a `Reason` if it is not clear.

    Separators of thousands, a decimal part of zeros, digits of any script, a list
    or field of one value and whole floats are clear. `5.000` is not: it is five
    with three decimals or five thousand. Numbers below 0 or above 2^53-1 are no
    amounts; 0 is returned as 0.
    """
    return _read(value, depth=0)


def as_list(value: Any) -> list[Any]:
    """Return the entries of a JSON list, or of an object with numeric keys as PHP writes one; else an empty list."""
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping) and value and all(isinstance(key, str) and key.isdecimal() for key in value):
        return [value[key] for key in sorted(value, key=lambda key: (len(key), key))]
    return []


def shown(value: Any) -> str:
    """Return a value as text an owner recognizes, at most `MAX_VALUE` characters; JSON for anything but text."""
    if isinstance(value, str):
        text = value[: MAX_VALUE + 1]
    else:
        try:
            text = json.dumps(_bounded(value, depth=0), ensure_ascii=False)
        except (ValueError, RecursionError):
            text = type(value).__name__
    text = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def _bounded(value: Any, *, depth: int) -> Any:
    """Return a value cut to a few entries, so that converting it to text is cheap."""
    if depth > _DEPTH:
        return "…"
    if isinstance(value, list):
        return [_bounded(entry, depth=depth + 1) for entry in value[:20]]
    if isinstance(value, Mapping):
        return {str(key)[:40]: _bounded(value[key], depth=depth + 1) for key in list(value)[:20]}
    if isinstance(value, str):
        return value[:MAX_VALUE]
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4 * MAX_VALUE:
        return "a number of many digits"
    return value


def _read(value: Any, *, depth: int) -> int | Reason | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return Reason.NO_NUMBER
    if isinstance(value, int):
        return _checked(value)
    if isinstance(value, float):
        return _read_float(value)
    if isinstance(value, str):
        return _read_text(value)
    if depth >= _DEPTH:
        return Reason.NO_NUMBER
    return _read_wrapped(value, depth=depth)


def _read_wrapped(value: Any, *, depth: int) -> int | Reason | None:
    """Return the amount in a list or an object of exactly one value."""
    if isinstance(value, list | Mapping) and not value:
        return None
    entries = as_list(value)
    if isinstance(value, Mapping) and len(value) == 1 and not entries:
        entries = [value[key] for key in _WRAPPERS if key in value]
    return _read(entries[0], depth=depth + 1) if len(entries) == 1 else Reason.NO_NUMBER


def _read_float(value: float) -> int | Reason:
    if value != value:
        return Reason.NO_NUMBER
    if abs(value) > MAX_TOKENS:
        return _checked(2**60 if value > 0 else -1)
    return _checked(int(value)) if value == int(value) else Reason.FRACTION


def _checked(number: int) -> int | Reason:
    if number < 0:
        return Reason.NEGATIVE
    return number if number <= MAX_TOKENS else Reason.TOO_LARGE


def _read_text(text: str) -> int | Reason | None:
    text = text.strip()
    if len(text) > _LONGEST:
        return Reason.TOO_LARGE if text.isdecimal() else Reason.NO_NUMBER
    text = _plain_characters(text)
    if not text:
        return None
    sign, digits = (text[0], text[1:].lstrip()) if text[0] in "+-" else ("", text)
    number = _unsigned(digits)
    if isinstance(number, int) and sign == "-":
        return Reason.NEGATIVE if number else 0
    return number


def _plain_characters(text: str) -> str:
    """Return the text with ASCII digits, one kind of space, and no invisible characters."""
    characters = []
    for character in text.translate(_INVISIBLE).translate(_SAME):
        if character.isspace() or unicodedata.category(character) == "Zs":
            characters.append(" ")
        else:
            characters.append(str(digit) if (digit := unicodedata.decimal(character, None)) is not None else character)
    return "".join(characters).strip()


def _unsigned(text: str) -> int | Reason:
    for pattern in (_GROUPED, _INDIAN):
        if found := pattern.fullmatch(text):
            decimals = found.groups()[-1]
            whole = text[: -len(decimals) - 1] if decimals else text
            if pattern is _GROUPED and _is_ambiguous(found):
                return Reason.AMBIGUOUS
            return _whole(re.sub(r"\D", "", whole), decimals)
    if found := _PLAIN.fullmatch(text):
        return _whole(found[1], found[2])
    return Reason.NO_NUMBER


def _is_ambiguous(found: re.Match[str]) -> bool:
    """Return whether the one group after a point could also be three decimals."""
    return found[3] == "." and len(found[2]) == 4 and found[4] is None


def _whole(digits: str, decimals: str | None) -> int | Reason:
    if decimals and decimals.strip("0"):
        return Reason.FRACTION
    return _checked(int(digits))
