"""Read pages of a shop's lists: check them against the request, and read smaller parts if a document breaks one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bridge.clients.woocommerce.session import Answer, ShopSession
from bridge.clients.woocommerce.times import read_utc
from bridge.domain.shop.errors import ShopBroken, ShopIgnoresQuery, ShopPageBroken

log = logging.getLogger(__name__)

Document = dict[str, Any]
Params = dict[str, str | int]

_FAILS_BEFORE_A_TEST = 3
"""After this many single documents fail in a row, the list itself is tested."""
_BEYOND = 10**6
_MOST_BROKEN = 25
_PROBED = 60
"""How many numbers between two documents are tried, to find the one that breaks the list."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A document that the shop cannot return.

    Its `id` lies between `above` and `below`, if those are known; 0 if it could
    not be determined.
    """

    id: int
    why: str
    above: int = 0
    below: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, with the numbers of items and pages that the shop counted.

    A page beyond the last is empty, and both numbers are 0. If `total` shrinks
    from one page to the next, an item may have been missed. `broken` are the
    page's documents that the shop cannot return.
    """

    items: tuple[Document, ...]
    total: int
    pages: int
    broken: tuple[Broken, ...] = ()
    offset_seconds: int | None = field(default=None, compare=False)


@dataclass(slots=True)
class _Parts:
    """A page that is read in smaller parts; `failed` are the positions of single documents that fail."""

    smallest: int
    items: dict[int, Document] = field(default_factory=dict)
    failed: list[int] = field(default_factory=list)
    why: str = ""
    total: int | None = None
    offset_seconds: int | None = None


@dataclass(slots=True)
class ShopLists:
    """Reads pages of one shop's lists, and keeps the page size that works."""

    session: ShopSession
    size: dict[str, int] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    """How many single documents of a list failed since one was last read."""

    def page(
        self, path: str, params: Mapping[str, str | int], *, page: int, per_page: int, in_parts: bool = False
    ) -> Page:
        """Return one page, ordered by id unless the parameters say otherwise.

        With `in_parts`, a page that the shop cannot return is read in smaller and
        smaller parts, down to the single documents that fail; those are listed in
        `broken`. Raises `ShopIgnoresQuery` if the response does not match the
        request.
        """
        asked: Params = {"orderby": "id", "order": "asc", **params}
        size = self.size.get(path, per_page)
        if not in_parts or size >= per_page or per_page % size:
            try:
                return self._fetch(path, asked, page, per_page)
            except ShopPageBroken:
                if not in_parts or per_page == 1:
                    raise
            size = per_page // _smallest_factor(per_page)
        return self._assemble(path, asked, page, per_page, size)

    def _fetch(self, path: str, asked: Params, page: int, per_page: int) -> Page:
        answer = self.session.read(path, {**asked, "page": page, "per_page": per_page})
        if answer is None:
            return Page((), 0, 0)
        items = documents(answer)
        total, pages = _count(answer, "X-WP-Total"), _count(answer, "X-WP-TotalPages")
        _check(path, asked, items, total)
        least = -(-total // per_page)
        # A shop that returns shorter pages than requested has more of them; other page counts are ignored.
        return Page(items, total, pages if least < pages <= total else least, offset_seconds=answer.offset_seconds)

    def _assemble(self, path: str, asked: Params, page: int, per_page: int, size: int) -> Page:
        parts, first = _Parts(smallest=size), (page - 1) * per_page
        self._read_parts(path, asked, range(first, first + per_page, size), parts)
        if not parts.failed:
            self.size[path] = parts.smallest
        read = len(parts.failed) + len(parts.items)
        total = max(parts.total or 0, first + read if read else 0)
        return Page(
            tuple(parts.items[place] for place in sorted(parts.items)),
            total,
            -(-total // per_page),
            broken=self._name(path, asked, parts) if parts.failed else (),
            offset_seconds=parts.offset_seconds,
        )

    def _read_parts(self, path: str, asked: Params, places: range, parts: _Parts) -> None:
        """Read the documents at these positions in steps; a step that fails is read in smaller ones, down to one."""
        size = places.step
        for start in places:
            if parts.total is not None and start >= parts.total:
                return
            try:
                found = self._fetch(path, asked, start // size + 1, size)
            except ShopPageBroken as error:
                if size == 1:
                    self._note_failed(path, asked, parts, start, error)
                else:
                    self._read_parts(path, asked, range(start, start + size, size // _smallest_factor(size)), parts)
                continue
            self.failing[path] = 0
            parts.smallest = min(parts.smallest, size)
            parts.offset_seconds = found.offset_seconds
            if not found.items:
                # Beyond the last document, the shop's count is 0.
                parts.total = start if parts.total is None else parts.total
                return
            parts.total = found.total
            parts.items.update(enumerate(found.items, start))

    def _note_failed(self, path: str, asked: Params, parts: _Parts, place: int, error: ShopPageBroken) -> None:
        parts.failed.append(place)
        parts.why = error.detail
        if len(parts.failed) > _MOST_BROKEN:
            raise error
        self.failing[path] = self.failing.get(path, 0) + 1
        if self.failing[path] == _FAILS_BEFORE_A_TEST:
            # Beyond the last document a list is empty: if even that fails, no document is the cause.
            self._fetch(path, asked, _BEYOND, 1)

    def _name(self, path: str, asked: Params, parts: _Parts) -> tuple[Broken, ...]:
        """Return the documents that fail, with their ids if those can be determined."""
        named = []
        taken = {item["id"] for item in parts.items.values()}
        for place in parts.failed:
            above = max((item["id"] for at, item in parts.items.items() if at < place), default=0)
            below = min((item["id"] for at, item in parts.items.items() if at > place), default=0)
            one = Broken(0, parts.why, above, below)
            found = self._id_by_fields(path, asked, place)
            if found is None:
                found = self._id_by_probing(path, asked, one, taken)
            log.warning("the shop cannot return %s %s: %s", path, found or "of an unknown id", parts.why)
            if found is not None:
                taken.add(found)
                one = replace(one, id=found)
            named.append(one)
        return tuple(named)

    def _id_by_fields(self, path: str, asked: Params, place: int) -> int | None:
        """Return the id of the document at a position, requesting nothing but the id."""
        try:
            found = self._fetch(path, {**asked, "_fields": "id"}, place + 1, 1)
        except ShopPageBroken:
            return None
        return int(found.items[0]["id"]) if len(found.items) == 1 else None

    def _id_by_probing(self, path: str, asked: Params, one: Broken, taken: set[int]) -> int | None:
        """Return the number that the shop fails over, among those requested or between the neighboring documents."""
        for number in _candidates(asked, one):
            if number not in taken:
                try:
                    self.session.read(f"{path}/{number}")
                except ShopPageBroken:
                    return number
        return None


def _candidates(asked: Params, one: Broken) -> Sequence[int]:
    """Return the numbers a document may have; none if there are too many to try."""
    if "include" in asked:
        return [int(number) for number in str(asked["include"]).split(",")]
    if (asked["orderby"], asked["order"]) != ("id", "asc") or not (one.above or one.below):
        return ()
    first = one.above + 1 if one.above else max(1, one.below - _PROBED)
    numbers = range(first, one.below or first + _PROBED)
    return numbers if len(numbers) <= _PROBED else ()


def find_all(fetch: Callable[[int], Page], path: str, *, tries: int, most_pages: int) -> list[Document]:
    """Return the documents of all pages of a short list; start again if its length changes meanwhile."""
    for _ in range(tries):
        found: dict[int, Document] = {}
        totals = set()
        for number in range(1, most_pages + 1):
            page = fetch(number)
            totals.add(page.total)
            if number > 1 and not page.items:
                break
            if len(totals) == 1 and page.items and all(item["id"] in found for item in page.items):
                raise repeated(path, number)
            found.update((item["id"], item) for item in page.items)
            if number >= page.pages:
                break
        else:
            raise ShopBroken(f"the shop's list of {path} has more than {most_pages} pages")
        if len(totals) == 1:
            return list(found.values())
    raise ShopBroken(f"the shop's list of {path} changes faster than it can be read; try again later")


def repeated(path: str, number: int) -> ShopIgnoresQuery:
    """Return the error for a page that only repeats earlier items."""
    return ShopIgnoresQuery(
        f"page {number} of the shop's list of {path} repeats earlier items: the shop, or a cache in front of it,"
        " ignores the parameter page; pass the query string on to /wp-json/, and exempt that path from caches"
    )


def document(value: Any) -> Document:
    """Return a document; raises `ShopBroken` if it has no id."""
    if not isinstance(value, dict) or type(value.get("id")) is not int:
        raise ShopBroken("the shop sent JSON without an id instead of a document")
    return value


def modified_at(document: Document) -> datetime | None:
    """Return when an order last changed, by the shop's clock; None if it does not say."""
    return read_utc(document.get("date_modified_gmt"))


def documents(answer: Answer | None) -> tuple[Document, ...]:
    """Return the documents of a list; raises `ShopBroken` if it is not a list."""
    if answer is None or not isinstance(answer.document, list):
        raise ShopBroken("the shop sent other JSON instead of a list")
    return tuple(map(document, answer.document))


def _check(path: str, asked: Params, items: tuple[Document, ...], total: int) -> None:
    if total < len(items):
        raise ShopIgnoresQuery(
            f"the shop counts {total} {path} (X-WP-Total) but sends {len(items)}: something between the shop and this"
            " service changes the header"
        )
    if len({item["id"] for item in items}) < len(items):
        raise ShopIgnoresQuery(f"the shop sends one of its {path} twice on one page")


def _count(answer: Answer, header: str) -> int:
    text = answer.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ShopBroken(
            f"the shop's list comes without {header}: something between the shop and this service removes the header"
        )
    return int(text)


def _smallest_factor(number: int) -> int:
    return next((factor for factor in range(2, number) if number % factor == 0), max(number, 2))
