"""The calls of the API that do the same as a page, as commands to paste."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bridge.runtime import runtime

Query = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it does, in words, its command, and whether it has an Idempotency-Key."""

    label: str
    command: str
    is_keyed: bool = False


Calls = tuple[Call, ...]
"""The calls of one page, in the order of its sections."""


def call(
    label: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    query: Query | None = None,
    key: str = "",
) -> Call:
    """Return a call with its command; query values that are None or empty are left out."""
    return Call(label, curl(method, path, body, query=query, key=key), bool(key))


def curl(
    method: str, path: str, body: Mapping[str, Any] | None = None, *, query: Query | None = None, key: str = ""
) -> str:
    """Return a curl command; the access key is read from `$TOKEN_BRIDGE_KEY`, `key` is the Idempotency-Key."""
    address = runtime().config.public_url.rstrip("/") + path
    stated = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    if stated:
        # Commas and colons are part of values such as `role:editor`, and are allowed in a query.
        address += "?" + urlencode(stated, safe=",:@")
    lines = [f"curl -X {method} {shlex.quote(address)}", '-H "Authorization: Bearer $TOKEN_BRIDGE_KEY"']
    if key:
        lines.append(f"-H 'Idempotency-Key: {key}'")
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return " \\\n  ".join(lines)
