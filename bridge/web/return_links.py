"""Links into the shop with the way back: the shop's thank-you page leads to it after the purchase."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from bridge.web.api.operations import Parameter

NAME = "token_bridge_return"
"""The parameter of a link into the shop with the address of the way back. The shop's plugin checks it."""

RETURN_URL = Parameter(
    "return_url",
    "Page of your site that the shop's thank-you page leads back to: an `https` URL on the shop's own site.",
    {"type": "string"},
    "",
)
"""The parameter of a fragment whose links lead into the shop."""


def with_return(link: str, return_url: str, *, shop_url: str) -> str:
    """Return a link with the way back; unchanged if it does not lead to the shop, or without `return_url`."""
    target = urlsplit(link)
    if not return_url or target.hostname is None or target.hostname != urlsplit(shop_url).hostname:
        return link
    way = f"{NAME}={quote(return_url, safe='')}"
    return target._replace(query=f"{target.query}&{way}" if target.query else way).geturl()
