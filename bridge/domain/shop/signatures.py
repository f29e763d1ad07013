"""Signatures of the shop's deliveries, checked on the raw bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_ENTITIES = {
    "&lt;": "<",
    "&gt;": ">",
    "&amp;": "&",
    "&quot;": '"',
    "&#039;": "'",
    "&#39;": "'",
    "&#x27;": "'",
    "&#060;": "<",
    "&#x3c;": "<",
    "&#062;": ">",
    "&#x3e;": ">",
    "&#034;": '"',
    "&#x22;": '"',
    "&#038;": "&",
    "&#x26;": "&",
}
_ENTITY = re.compile("|".join(map(re.escape, _ENTITIES)), re.IGNORECASE)


def decode_entities(secret: str) -> str:
    """Return the secret WooCommerce really signs with.

    It decodes HTML entities of the stored secret before use, once and from
    left to right (observed on 10.9.1: `a&b<c>"d'e &amp; é` signs as `… & é`).
    """
    return _ENTITY.sub(lambda found: _ENTITIES[found.group().lower()], secret)


def sign(body: bytes, secret: str) -> str:
    """Return the value of `X-WC-Webhook-Signature` for these bytes and the unchanged secret."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Return whether these exact bytes were signed with the shop's secret.

    The secret counts as it is and with its HTML entities decoded, since an
    owner may have copied either form out of the shop.
    """
    given = signature.encode("utf-8", "surrogateescape")
    candidates = {secret, decode_entities(secret)}
    # Both forms are always compared, so that the time taken reveals nothing.
    matches = [hmac.compare_digest(sign(body, candidate).encode(), given) for candidate in sorted(candidates)]
    return any(matches)
