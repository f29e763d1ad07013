"""The call of the API that does the same as a settings page, as a command to paste."""

from __future__ import annotations

import json
import shlex
from typing import Any

from bridge.runtime import runtime


def curl(method: str, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> str:
    """Return a curl command; the access key is read from `$TOKEN_BRIDGE_KEY`, `key` is the Idempotency-Key."""
    address = runtime().config.public_url.rstrip("/") + path
    lines = [f"curl -X {method} {shlex.quote(address)}", '-H "Authorization: Bearer $TOKEN_BRIDGE_KEY"']
    if key:
        lines.append(f"-H 'Idempotency-Key: {key}'")
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return " \\\n  ".join(lines)
