"""Read the JSON of a shop's response within fixed limits, even if plugins or PHP print text around it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

MAX_BODY_BYTES = 16 * 2**20
MAX_CONTAINERS = 200_000
MAX_VALUES = 1_000_000
"""A response with more objects and lists, or more values, is refused before it is parsed.

An empty list takes three bytes in JSON and sixty when parsed: without this limit,
a body could take many times its size in memory.
"""
MAX_DEPTH = 100
EXCERPT = 80

_MAX_NOISE = 2**16
_MAX_STARTS = 50
_FAILS_WITHIN = 40
"""A bracket in a warning stops looking like JSON soon; truncated JSON does so later."""
_BLANK = "\ufeff\x00 \t\r\n"
_PAGE = re.compile(r"<!doctype|<html|<head\b|<body\b|<form\b|<script", re.IGNORECASE)
_BRACKET = re.compile(r"[\[{]")
_SECRETS = re.compile(
    r"c[ks]_[0-9a-f]{8,}\w*|(?<![a-z_])c[ks]_\w*|\b(?:Basic|Bearer|Digest)\s+\S+|\b(?:oauth_\w+|consumer_\w+|\w*(?:passw|secret|token|nonce|sign)\w*)"
    r"(?:=|%3D|['\"]?\s*:\s*|\s*=>\s*)['\"]?[^\s'\"&;,<>]+",
    re.IGNORECASE,
)
_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")
_decoder = json.JSONDecoder()


class NotJson(ValueError):
    """The body is not exactly one JSON value."""


class TooMuchJson(ValueError):
    """The body has more values, or deeper nesting, than a shop's response needs."""


def parse(body: bytes) -> Any:
    """Return the one JSON value of a body; raises `NotJson` or `TooMuchJson`.

    Byte-order marks, blank lines, PHP warnings before the value and comments after
    it are ignored. An HTML page that contains JSON is not JSON.
    """
    _check_size(body)
    text, is_clean = _decode(body)
    try:
        value = _decoder.decode(text) if is_clean else _only_value(text)
    except RecursionError:
        raise TooMuchJson from None
    except NotJson:
        raise
    except ValueError:
        value = _only_value(text)
    if isinstance(value, dict | list):
        _check_depth(value)
    return value


def excerpt(body: bytes, *, secrets: Collection[str] = ()) -> str:
    """Return the first characters of a body, printable, on one line, and without anything that looks like a secret."""
    text = body[: EXCERPT * 50].decode("utf-8", "replace").strip(_BLANK)
    for secret in secrets:
        text = text.replace(secret, "…")
    text = redact(" ".join(text.split()))
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:EXCERPT])
    return shown[:EXCERPT]


def redact(text: str) -> str:
    """Return a text without what looks like a key, a token or a password."""
    return _SECRETS.sub("…", text)


def is_page(body: bytes) -> bool:
    """Return whether a body is a page of HTML."""
    return _PAGE.search(body[:_MAX_NOISE].decode("utf-8", "replace")) is not None


def type_of(headers: Mapping[str, str]) -> str:
    """Return the content type of a response, if it is a valid one."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind if _TYPE.fullmatch(kind) else "an unknown type"


def _check_size(body: bytes) -> None:
    containers = body.count(b"[") + body.count(b"{")
    if containers > MAX_CONTAINERS or body.count(b",") + containers > MAX_VALUES:
        raise TooMuchJson


def _decode(body: bytes) -> tuple[str, bool]:
    """Return the text of a body, and whether it is valid text: a warning may contain other bytes, JSON may not."""
    encoding = json.detect_encoding(body).removesuffix("-sig")
    try:
        return body.decode(encoding).strip(_BLANK), True
    except UnicodeDecodeError:
        return body.decode("utf-8", "surrogateescape").strip(_BLANK), False


def _only_value(text: str) -> Any:
    """Return the only object or list in a text; raises `NotJson` if there is none, several or an incomplete one."""
    found: list[Any] = []
    position, starts = 0, 0
    while (bracket := _BRACKET.search(text, position)) is not None:
        start = bracket.start()
        starts += 1
        if starts > _MAX_STARTS or (not found and (start > _MAX_NOISE or _PAGE.search(text[:start]))):
            raise NotJson
        try:
            value, position = _decoder.raw_decode(text, start)
        except RecursionError:
            raise TooMuchJson from None
        except ValueError as error:
            if getattr(error, "pos", start + _FAILS_WITHIN) - start >= _FAILS_WITHIN:
                raise NotJson from None
            position = start + 1
            continue
        if _is_answer(value) and _is_clean(text[start:position]):
            found.append(value)
    answers = [value for value in found if value] or found[:1]
    if len(answers) != 1:
        raise NotJson
    return answers[0]


def _is_answer(value: Any) -> bool:
    """Return whether a value has the shape of a REST response; a PHP warning may contain `[0]` or `{}`."""
    if isinstance(value, list):
        return all(isinstance(item, dict) for item in value)
    return bool(value)


def _is_clean(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise TooMuchJson
