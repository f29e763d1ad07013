"""Lasting faults of a shop, which stay until they are removed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from fakeshop.rest.auth import Denied, Request, parse_query
from fakeshop.rest.responses import Answer

_HTML = ("Content-Type", "text/html; charset=UTF-8")
_KEYS = frozenset({"consumer_key", "consumer_secret", "oauth_consumer_key"})
_SINCE_5_8 = frozenset({"modified_after", "modified_before", "dates_are_gmt"})

Reply = tuple[int, list[tuple[str, str]], bytes]


@dataclass(slots=True)
class LastingFaults:
    """The lasting faults of a shop; none by default.

    `ignores` are query parameters that are dropped, `*` all of them. An `is_old`
    shop does not support `modified_after`. `broken` are ids of documents
    that make any answer containing them fail; `hides_fields` lets such a document be
    read where only some of its fields are requested. `totals` and `pages` replace
    the counts of lists; an empty string removes the header. `page` replaces every
    answer of the shop. `root` is the path of the API, `home_link` the path that the home
    page gives for it. `is_cached` repeats the first answer of each path.
    `seconds` is the duration of each answer.
    """

    ignores: frozenset[str] = frozenset()
    is_old: bool = False
    broken: set[int] = field(default_factory=set)
    hides_fields: bool = False
    totals: str | None = None
    pages: str | None = None
    before: bytes = b""
    after: bytes = b""
    page: Reply | None = None
    root: str = "/wp-json/"
    home_link: str = ""
    redirects: bool = False
    strips_header: bool = False
    is_cached: bool = False
    is_endless: bool = False
    seconds: float = 0.0
    cache: dict[str, Answer] = field(default_factory=dict)
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1_000_000))

    def reply(self, target: str) -> Reply | None:
        """Return an answer that replaces the shop's; None where the shop answers itself."""
        if self.page is not None:
            return self.page
        parts = urlsplit(target)
        if self.root == "/wp-json/" or parts.path.startswith("/wc-auth/"):
            return None
        if parts.path == "/" and "rest_route" not in parts.query:
            link = [("Link", f'<{self.home_link}>; rel="https://api.w.org/"')] if self.home_link else []
            return 200, [_HTML, *link], b"<!DOCTYPE html><html><title>A shop</title></html>"
        if parts.path.startswith("/wp-json"):
            if self.redirects:
                return 301, [("Location", f"{parts.path}/")], b""
            return 404, [_HTML], b"<!DOCTYPE html><html><title>Page not found</title></html>"
        return None

    def target(self, target: str) -> str:
        """Return the target of a request, without `root`, as the API sees it."""
        parts = urlsplit(target)
        query = dict(parse_query(parts.query))
        if "rest_route" in query and "?" in self.root:
            return parts._replace(path=f"/wp-json{query['rest_route']}").geturl()
        if parts.path.startswith(self.root):
            return parts._replace(path=f"/wp-json/{parts.path.removeprefix(self.root)}").geturl()
        return target

    def request(self, request: Request) -> Request:
        """Return the request as the shop sees it; raises `Denied` for a parameter that an old shop does not support."""
        query = dict(request.query)
        if self.is_old and query.get("orderby") == "modified":
            raise Denied("rest_invalid_param", "Invalid parameter(s): orderby", 400)
        dropped = self.ignores | (_SINCE_5_8 if self.is_old else frozenset())
        remaining = [
            (name, value)
            for name, value in request.query
            if not name.startswith("rest_route") and ("*" not in dropped or name.startswith("oauth_"))
            if name not in dropped
        ]
        return replace(request, query=remaining)

    def signed(self, request: Request, target: str) -> Request:
        """Return the request as WordPress gets it, with or without its keys.

        WooCommerce reads keys only where the address, as sent, contains the path
        of its API, also where the query contains the route.
        """
        prefix = "wp-json/" if "?" in self.root else self.root.lstrip("/")
        is_seen = f"{prefix}wc/" in target
        if is_seen and not self.strips_header:
            return request
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        query = request.query if is_seen else [pair for pair in request.query if pair[0] not in _KEYS]
        return replace(request, headers=headers, query=query)

    def answer(self, request: Request, answer: Answer) -> Answer | None:
        """Return the answer as it leaves the shop; None where PHP fails."""
        if self.is_cached:
            answer = self.cache.setdefault(request.path, answer)
        if self.is_endless and isinstance(answer.document, list) and answer.document:
            document = [{**item, "id": next(self.counter)} for item in answer.document]
            answer = replace(answer, document=document, headers=_counted(answer.headers, "999999999", "999999999"))
        if self.broken and self._fails(request, answer.document):
            return None
        return replace(answer, headers=_counted(answer.headers, self.totals, self.pages))

    def _fails(self, request: Request, document: Any) -> bool:
        if self.hides_fields and request.value("_fields"):
            return False
        items = document if isinstance(document, list) else [document]
        return any(isinstance(item, dict) and item.get("id") in self.broken for item in items)


def _counted(headers: tuple[tuple[str, str], ...], total: str | None, pages: str | None) -> tuple[tuple[str, str], ...]:
    given = {"X-WP-Total": total, "X-WP-TotalPages": pages}
    changed = [(name, value if given.get(name) is None else str(given[name])) for name, value in headers]
    return tuple((name, value) for name, value in changed if given.get(name) != "")
