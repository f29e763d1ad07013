"""PHP's encodings: JSON as `wp_json_encode` writes it, and the entities it decodes in a webhook's secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#039;": "'", "&#39;": "'"}


def json_bytes(document: Any) -> bytes:
    r"""Return one line of JSON with `/` as `\/` and non-ASCII as `\uXXXX`; a whole float loses its `.0`."""
    text = json.dumps(_plain(document), ensure_ascii=True, separators=(",", ":"))
    return text.replace("/", "\\/").encode("ascii")


def decode_secret(secret: str) -> str:
    """Return the secret WooCommerce signs with: the stored one, HTML entities decoded once from left to right."""
    return re.sub("&(?:amp|lt|gt|quot|#0?39);", lambda found: _ENTITIES[found[0]], secret)


def signature(body: bytes, secret: str) -> str:
    """Return the `X-WC-Webhook-Signature` of a body under the stored secret."""
    digest = hmac.new(decode_secret(secret).encode(), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
