"""Find the REST API of a WordPress site: by the link on its home page, or at the usual paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

from requests.utils import parse_header_links

_REL = "https://api.w.org/"
_TAG = re.compile(r"<link\b[^>]{0,500}https://api\.w\.org/[^>]{0,500}>", re.IGNORECASE)
_HREF = re.compile(r"href\s*=\s*[\"']?([^\"'\s>]{1,500})", re.IGNORECASE)
_MOST_LINKS = 8192


class OtherHost(Exception):
    """The home page links to an API on another host or port."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


def usual_roots(folder: str) -> list[str]:
    """Return the possible API paths of a site in a folder (empty or `/shop`), the usual one first."""
    return [
        f"{folder}/wp-json/",
        f"{folder}/?rest_route=/",
        f"{folder}/index.php/wp-json/",
        f"{folder}/index.php?rest_route=/",
    ]


def linked_root(home: str, header: str, page: str) -> str | None:
    """Return the API path in the Link header or the head of a home page; None if there is none.

    Raises `OtherHost` if the API is not on the home page's own host.
    """
    for target in _targets(header, page):
        try:
            here, there = urlsplit(home), urlsplit(urljoin(home, target))
            is_same = (here.hostname, _port(here.scheme, here.port)) == (
                there.hostname,
                # A site behind a proxy may link to itself with http; the connection still uses https.
                _port(here.scheme if there.port is None else there.scheme, there.port),
            )
            host = there.hostname or ""
        except ValueError:
            continue
        if there.scheme not in {"http", "https"}:
            continue
        if not is_same:
            raise OtherHost(host)
        return _root(there.path, there.query)
    return None


def root_of_redirect(url: str, location: str) -> str | None:
    """Return the API path of a redirect on the same host that keeps the route; None for other redirects."""
    try:
        there = urlsplit(urljoin(url, location))
    except ValueError:
        return None
    before, found, _ = there.path.partition("/wc/v3/")
    return f"{before}/" if found and before != urlsplit(url).path.partition("/wc/v3/")[0] else None


def _targets(header: str, page: str) -> Iterator[str]:
    for link in parse_header_links(header[:_MOST_LINKS]) if header else []:
        if link.get("rel", "").strip() == _REL:
            yield link.get("url", "").strip()
    for tag in _TAG.findall(page):
        if found := _HREF.search(tag.replace("&amp;", "&")):
            yield found.group(1)


def _root(path: str, query: str) -> str:
    route = parse_qs(unquote(query) if "rest_route%3D" in query else query).get("rest_route")
    path = path or "/"
    if route is not None:
        return f"{path}?rest_route=/"
    return path if path.endswith("/") else f"{path}/"


def _port(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)
