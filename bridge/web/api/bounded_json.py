"""Check JSON from unknown callers: limit its size before it is parsed, and refuse ambiguous objects."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from bridge.domain.errors import FieldError, InvalidRequest, MalformedBody

MAX_DEPTH = 20
MAX_NAMES = 300
"""How many fields one object may have; the largest useful one has 200 rules."""
MAX_NAME_CHARACTERS = 200
_MAX_SHOWN = 100
_PREFIX_BYTES = 20_000
"""Nesting that begins within this many bytes is reported as such, however large the body is."""
_STRING = re.compile(rb'"[^"]*"')
_BRACKETS = b"[]{}"
_OTHER = bytes(set(range(256)) - set(_BRACKETS))


def check(raw: bytes, *, max_values: int) -> None:
    """Raise if a body is not JSON in UTF-8, has too many values, or can be read in two ways.

    Takes a few copies of the body at most: the values are counted before any is
    created. Raises `MalformedBody`, and `InvalidRequest` for too many values or a
    duplicate field.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody("the body is not UTF-8") from error
    _check_size(raw, max_values)
    try:
        _DECODER.decode(text)
    except RecursionError as error:
        raise MalformedBody("the body is nested too deeply") from error
    except ValueError as error:
        # Python also refuses numbers of thousands of digits.
        place = f", line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedBody(f"the body is not JSON{place}") from error


def shorten(text: str, most: int) -> str:
    """Return the text cut to at most this many characters, without lone surrogates, which cannot be sent."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def _check_size(raw: bytes, max_values: int) -> None:
    if len(raw) <= max_values and raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        # Too short for too many values, with too few brackets to be nested too deeply.
        return
    # Escapes first, pair by pair: then every quote begins or ends a string.
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    _check_depth(_STRING.sub(b"", plain[:_PREFIX_BYTES]))
    # A value is at most a name and a text.
    if plain.count(b'"') > 4 * max_values + 2:
        _refuse_size(max_values)
    bare = _STRING.sub(b"", plain)
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > max_values:
        _refuse_size(max_values)
    _check_depth(bare)


def _check_depth(bare: bytes) -> None:
    depth = 0
    for bracket in bare.translate(None, _OTHER):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedBody(f"the body is nested deeper than {MAX_DEPTH} levels")


def _refuse_size(max_values: int) -> NoReturn:
    sentence = f"has more than {max_values} fields and items; send fewer at once"
    raise InvalidRequest(fields=[FieldError("body", sentence)])


def _check_object(pairs: list[tuple[str, Any]]) -> None:
    """Refuse `{"tokens": 1, "tokens": 9}`: parsers differ in which one they use."""
    if len(pairs) > MAX_NAMES:
        raise InvalidRequest(fields=[FieldError("body", f"has an object of more than {MAX_NAMES} fields")])
    names = dict(pairs)
    if len(names) < len(pairs):
        doubled = next(name for name in names if sum(name == other for other, _ in pairs) > 1)
        raise InvalidRequest(fields=[FieldError(shorten(doubled, _MAX_SHOWN), "this field appears twice")])
    for name in names:
        if len(name) > MAX_NAME_CHARACTERS:
            raise InvalidRequest(
                fields=[FieldError(shorten(name, _MAX_SHOWN), "the field name is too long; no field has such a name")]
            )


_DECODER = json.JSONDecoder(object_pairs_hook=_check_object)
