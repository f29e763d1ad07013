"""OAuth 1.0a as a shop on plain http asks for it: one key and its secret, no token, HMAC-SHA256.

The `woocommerce` library signs as well, but puts the key into the address and
sends each parameter a second time, and what it signs for a list or a slash is
not what the shop reads. Here the address is signed as it is about to be sent,
and the signature travels in the Authorization header, which WooCommerce reads
in the place of the query: so no access log contains a key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase


class OAuth1(AuthBase):
    """Signs each request separately: the shop takes a nonce once, within 15 minutes of its own clock."""

    def __init__(self, consumer_key: str, consumer_secret: str) -> None:
        self._key = consumer_key
        self._secret = consumer_secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request with its Authorization header; a JSON body is not part of what is signed."""
        fields = {
            "oauth_consumer_key": self._key,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(time.time())),
        }
        fields["oauth_signature"] = signature(request.method or "", request.url or "", fields, secret=self._secret)
        request.headers["Authorization"] = "OAuth " + ", ".join(
            f'{name}="{_encode(value)}"' for name, value in fields.items()
        )
        return request


def signature(method: str, url: str, fields: Mapping[str, str], *, secret: str) -> str:
    """The signature of RFC 5849 over the method, the address with its query, and the OAuth fields."""
    parts = urlsplit(url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *fields.items()]
    # Sorted as they are after encoding, by name and then by value.
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    host = parts.netloc.lower().removesuffix(":80" if parts.scheme == "http" else ":443")
    signed = (
        method.upper(),
        f"{parts.scheme}://{host}{parts.path or '/'}",
        "&".join(f"{name}={value}" for name, value in encoded),
    )
    base = "&".join(_encode(part) for part in signed)
    # Behind the `&` would stand a token's secret; the shop takes its own as it is, without encoding it.
    digest = hmac.new(f"{secret}&".encode(), base.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _encode(text: str) -> str:
    return quote(text, safe="~")
