"""Rules for the public URL: addresses a shop can deliver to.

WordPress sends requests with `wp_safe_remote_request`, which accepts ports 80, 443
and 8080 only, and no host with a private or loopback address. For the shop's own
host, private addresses and the shop's own port are also accepted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from bridge.domain.stores.shop_address import ascii_host, lower

WORDPRESS_PORTS = (80, 443, 8080)

_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "::/128", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)


def is_loopback(url: str) -> bool:
    """Return whether a URL names this machine itself, as localhost or by a loopback address."""
    host = host_of(url)
    address = _address(host)
    return address.is_loopback if address is not None else host == "localhost" or host.endswith(".localhost")


def host_of(url: str) -> str:
    """Return the host of a URL in lower case, without the final dot; empty if there is none."""
    return lower(_split(url).hostname or "").rstrip(".")


def is_private_address(address: str) -> bool:
    """Return whether an IP address belongs to this machine or to a private network."""
    found = _address(address)
    return found is not None and any(found in network for network in _PRIVATE)


def delivery_fault(public_url: str, *, shop_url: str = "", addresses: Iterable[str] = ()) -> str:
    """Return why a shop's WordPress refuses to call a public URL; empty if it does not.

    `addresses` are the IP addresses of the URL's host. Without `shop_url`, the shop
    is assumed to run elsewhere.
    """
    parts, host = _split(public_url), host_of(public_url)
    same_host = bool(shop_url) and ascii_host(host) == ascii_host(host_of(shop_url))
    if not same_host:
        if is_loopback(public_url):
            return f"{public_url} can be reached from this machine only"
        if ("." not in host and ":" not in host) or host.endswith(_LOCAL_NAMES):
            return f"{host} is a name in a private network, and WordPress refuses to call it"
        if private := next((each for each in (host, *addresses) if is_private_address(each)), None):
            what = f"{host} is" if private == host else f"{host} resolves to {private},"
            return f"{what} an address in a private network, and WordPress refuses to call it"
    port = _port(parts)
    if port not in WORDPRESS_PORTS and not (same_host and port == _port(_split(shop_url))):
        return f"{public_url} has port {port}, and WordPress calls ports 80, 443 and 8080 only"
    return ""


def same_address(one: str, other: str) -> bool:
    """Return whether two public URLs are the same, regardless of host case and final slash."""
    return _comparable(one) == _comparable(other)


def path_of(public_url: str) -> str:
    """Return the path of a public URL without a final slash; empty for one without a path."""
    return _split(public_url).path.rstrip("/")


def origin_of(public_url: str) -> str:
    """Return a public URL without its path."""
    parts = _split(public_url)
    return f"{parts.scheme}://{parts.netloc}"


def _comparable(url: str) -> tuple[str, str, int | None, str]:
    parts = _split(url)
    return parts.scheme.casefold(), ascii_host(host_of(url)), _port(parts), parts.path.rstrip("/")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        _ = parts.hostname, parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme.casefold())


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
