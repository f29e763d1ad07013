"""Connecting a shop: the owner's input, and the exchange that returns REST keys."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from bridge.domain.errors import BridgeError, NotFound
from bridge.domain.stores.pasted_text import clean_pasted, keys_mix_up
from bridge.domain.stores.public_address import delivery_fault, is_loopback

LIFE = timedelta(minutes=15)
"""How long a shop may take to answer a key request: its owner signs in and approves meanwhile."""
APP_NAME = "Token Bridge"
MAX_URL = 400
RESERVED_SLUGS = frozenset({"connect", "stores", "sign-in", "sign-out"})
"""Reserved slugs: their page would lie under another page's address."""

_HOST = re.compile(r"[\w.-]{1,253}|[0-9a-f:.]{2,45}")
_KEYS = {"ck": re.compile(r"ck_[!-~]{8,120}", re.ASCII), "cs": re.compile(r"cs_[!-~]{8,120}", re.ASCII)}


class UnknownKeyRequest(NotFound):
    """There is no request for keys with this state."""

    code = "unknown_key_request"


class KeyRequestOver(BridgeError):
    """The request for keys was answered already, or its time is over; connect the shop again."""

    code = "key_request_over"


@dataclass(frozen=True, slots=True)
class RestKeys:
    """A shop's REST keys, plain."""

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
        """Return a sentence that names the pasted value if it is no key and secret; empty if they look right."""
        found = keys_mix_up(self.consumer_key, self.consumer_secret)
        if found or self.are_well_formed:
            return found
        return "A consumer key begins with ck_, its secret with cs_; copy both whole."


def full_address(typed: str) -> str:
    """Return the shop's address with its scheme, which owners leave out."""
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
        return "Give the shop's address, such as https://shop.example.com."
    if parts.username is not None or parts.query or parts.fragment:
        return "Give the shop's address without a user, a question mark or a #."
    if parts.scheme.casefold() == "https" or (parts.scheme.casefold() == "http" and is_loopback(url)):
        return ""
    if parts.scheme.casefold() == "http":
        return "Give the shop's https:// address: over plain http its orders would travel unencrypted."
    return "Give an address that begins with https://."


def suggest_slug(url: str) -> str:
    """Return a short name for a shop from its host: `tokens-example` for https://www.tokens.example.com."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    labels = host.split(".")
    name = "-".join(labels[:-1] if len(labels) > 1 and not labels[-1].isdigit() else labels)
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:60].strip("-")
    return slug if slug and slug not in RESERVED_SLUGS and not slug.replace("-", "").isdigit() else "shop"


def callback_fault(public_url: str, *, shop_url: str = "") -> str:
    """Return why a shop would not send its keys to us; empty if it would.

    WooCommerce sends keys to https alone, and by the same rules as deliveries. A
    shop on this very machine may be made to do otherwise; without a shop's
    address one elsewhere is meant.
    """
    is_local = is_loopback(public_url)
    if is_local and shop_url and is_loopback(shop_url):
        return ""
    if is_local:
        why = f"{public_url} can be reached from this machine alone"
    elif not public_url.startswith("https:"):
        why = f"{public_url} is not https"
    else:
        why = delivery_fault(public_url, shop_url=shop_url)
    if not why:
        return ""
    return (
        f"WooCommerce sends its keys to an https address only, and to one that it can reach: {why}. Set"
        " BRIDGE_PUBLIC_URL to the address under which shops reach this service, or type the keys by hand."
    )


def authorize_url(shop_url: str, *, state: str, return_url: str, callback_url: str) -> str:
    """Return the shop page on which its owner approves the keys, in any folder of the site."""
    query = {
        "app_name": APP_NAME,
        "scope": "read_write",
        "user_id": state,
        "return_url": return_url,
        "callback_url": callback_url,
    }
    return f"{shop_url}/wc-auth/v1/authorize?{urlencode(query)}"
