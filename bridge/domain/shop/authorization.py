"""Connect a shop: the owner's input, and the exchange that returns REST keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from bridge.domain.errors import BridgeError, NotFound
from bridge.domain.stores.pasted_text import clean_pasted, keys_mix_up
from bridge.domain.stores.public_address import delivery_fault, is_loopback

LIFE = timedelta(minutes=15)
"""How long a key request is valid: in this time the owner signs in to the shop and approves."""
APP_NAME = "Token Bridge"
MAX_URL = 400
RESERVED_SLUGS = frozenset(
    {
        "account",
        "admins",
        "changes",
        "connect",
        "invitations",
        "pass",
        "second-factor",
        "sign-in",
        "sign-out",
        "stores",
    }
)
"""Reserved slugs: their pages would have the addresses of other pages."""

_HOST = re.compile(r"[\w.-]{1,253}|[0-9a-f:.]{2,45}")
_KEYS = {"ck": re.compile(r"ck_[!-~]{8,120}", re.ASCII), "cs": re.compile(r"cs_[!-~]{8,120}", re.ASCII)}


class UnknownKeyRequest(NotFound):
    """There is no key request with this state; connect the shop again."""

    code = "unknown_key_request"


class KeyRequestOver(BridgeError):
    """The key request was already answered or has expired; connect the shop again."""

    code = "key_request_over"


@dataclass(frozen=True, slots=True)
class RestKeys:
    """A shop's REST keys in plain text."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)

    @property
    def are_well_formed(self) -> bool:
        """Return whether the keys have the form WooCommerce creates."""
        return all(
            pattern.fullmatch(key) is not None
            for pattern, key in zip(_KEYS.values(), (self.consumer_key, self.consumer_secret), strict=True)
        )

    @property
    def mix_up(self) -> str:
        """Return what was pasted in place of a key or secret; empty if both look right."""
        found = keys_mix_up(self.consumer_key, self.consumer_secret)
        if found or self.are_well_formed:
            return found
        return "A consumer key begins with ck_ and its secret with cs_. Copy both completely."


def full_address(typed: str) -> str:
    """Return the shop's address with a scheme; owners often leave it out."""
    typed = clean_pasted(typed)
    return typed if re.match(r"[a-z][a-z0-9+.-]*://", typed, re.IGNORECASE) or not typed else f"https://{typed}"


def address_fault(url: str) -> str:
    """Return why a shop cannot be connected under this address; empty if it can."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if not url.isprintable() or " " in url or not _HOST.fullmatch(host) or len(url) > MAX_URL:
        return "Enter the shop's address, such as https://shop.example.com."
    if parts.username is not None or parts.query or parts.fragment:
        return "Enter the shop's address without a user name, question mark or #."
    if parts.scheme.casefold() == "https" or (parts.scheme.casefold() == "http" and is_loopback(url)):
        return ""
    if parts.scheme.casefold() == "http":
        return "Enter the shop's https:// address: over http, its orders would be sent unencrypted."
    return "Enter an address that begins with https://."


def suggest_slug(url: str) -> str:
    """Return a short name for a shop from its host: `tokens-example` for https://www.tokens.example.com."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    labels = host.split(".")
    name = "-".join(labels[:-1] if len(labels) > 1 and not labels[-1].isdigit() else labels)
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:60].strip("-")
    return slug if slug and slug not in RESERVED_SLUGS and not slug.replace("-", "").isdigit() else "shop"


def callback_fault(public_url: str, *, shop_url: str = "") -> str:
    """Return why a shop would not send its keys to the public URL; empty if it would.

    WooCommerce sends keys to https addresses only, by the same rules as
    deliveries. A shop on this machine may be configured otherwise. Without
    `shop_url`, the shop is assumed to run elsewhere.
    """
    is_local = is_loopback(public_url)
    if is_local and shop_url and is_loopback(shop_url):
        return ""
    if is_local:
        why = f"{public_url} can be reached from this machine only"
    elif not public_url.startswith("https:"):
        why = f"{public_url} is not https"
    else:
        why = delivery_fault(public_url, shop_url=shop_url)
    if not why:
        return ""
    return (
        f"WooCommerce sends keys only to an https address that it can reach, but {why}. Set"
        " BRIDGE_PUBLIC_URL to the address at which shops reach this service, or enter the keys by hand."
    )


def authorize_url(shop_url: str, *, state: str, return_url: str, callback_url: str) -> str:
    """Return the URL of the shop's page where the owner approves the keys; the shop may be in a subfolder."""
    query = {
        "app_name": APP_NAME,
        "scope": "read_write",
        "user_id": state,
        "return_url": return_url,
        "callback_url": callback_url,
    }
    return f"{shop_url}/wc-auth/v1/authorize?{urlencode(query)}"
