"""`/wc-auth/v1/authorize`: the page on which an owner grants a service REST keys, as in WooCommerce."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from urllib.parse import urlencode

from fakeshop.model.catalog import Refused
from fakeshop.model.shop import FakeShop
from fakeshop.webhooks.http_client import Headers

SCOPES = ("read", "write", "read_write")
_NEEDED = ("app_name", "user_id", "return_url", "callback_url", "scope")


def check(query: Mapping[str, str]) -> None:
    """Raise `Refused` with WooCommerce's sentence for a request that gets no page.

    WooCommerce also requires https for callback_url; here http on loopback is accepted.
    """
    for name in _NEEDED:
        if not query.get(name):
            raise Refused(f"Missing parameter {name}")
    if query["scope"] not in SCOPES:
        raise Refused(f"Invalid scope {query['scope']}")
    for name in ("return_url", "callback_url"):
        if not query[name].startswith(("http://", "https://")):
            raise Refused(f"The {name} is not a valid URL")


def page(query: Mapping[str, str]) -> str:
    """Return the page with both answers, for an owner who is signed in."""
    check(query)
    app, rights = html.escape(query["app_name"]), html.escape(query["scope"])
    granted = html.escape(f"/wc-auth/v1/access_granted/?{urlencode(query)}")
    denied = html.escape(_return_url(query, success=False))
    return (
        f"<!doctype html><html lang=en><title>Application authentication request</title>"
        f"<h1>{app} would like to connect to your store</h1>"
        f'<p>This will give "{app}" {rights} access.</p>'
        f'<p><a class="wc-auth-approve" href="{granted}">Approve</a> '
        f'<a class="wc-auth-deny" href="{denied}">Deny</a></p></html>'
    )


def approve(shop: FakeShop, query: Mapping[str, str], *, owner_id: int = 1) -> str:
    """Create the keys, send them to callback_url and return where the browser goes next.

    Raises `Refused` where the callback does not answer 200: WooCommerce then
    deletes the keys and shows an error. `user_id` comes back as the text that
    was sent, as PHP stores it [source].
    """
    check(query)
    key = shop.add_key(user_id=owner_id, permissions=query["scope"], description=f"{query['app_name']} - API")
    document = {
        "key_id": key.key_id,
        "user_id": query["user_id"],
        "consumer_key": key.consumer_key,
        "consumer_secret": key.consumer_secret,
        "key_permissions": key.permissions,
    }
    if _send_keys(shop, query["callback_url"], json.dumps(document).encode()) != 200:
        del shop.keys[key.consumer_key]
        raise Refused("An error occurred in the request and at the time were unable to send the consumer data")
    return _return_url(query, success=True)


def _send_keys(shop: FakeShop, url: str, body: bytes) -> int | None:
    headers: Headers = (
        ("Host", url.split("/")[2]),
        ("User-Agent", f"WordPress/7.0.4; {shop.site.url}"),
        ("Accept", "*/*"),
        ("Content-Type", "application/json;charset=UTF-8"),
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
    )
    try:
        return shop.send(url, headers, body)
    except OSError:
        return None


def _return_url(query: Mapping[str, str], *, success: bool) -> str:
    joint = "&" if "?" in query["return_url"] else "?"
    answer = urlencode({"success": int(success), "user_id": query["user_id"]})
    return f"{query['return_url']}{joint}{answer}"
