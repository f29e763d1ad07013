"""Reading a shop's lists without a gap, though they change while they are read, and though the shop is not well."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.clients.woocommerce import lists
from bridge.clients.woocommerce.api import ShopClient
from bridge.clients.woocommerce.lists import Broken, Page, modified_at
from bridge.domain.shop.errors import ShopBroken, ShopCannotFilter, ShopIgnoresQuery, ShopPageBroken

PAGE = 100
OVERLAP = timedelta(minutes=10)
"""How far before a cursor reading begins: the shop's `modified_after` excludes its very second, a change may be
written some time after the moment it carries, and a copy of the database that REST reads from may lag."""

_SECOND = timedelta(seconds=1)
_TRIES = 20
"""How often a list that got shorter while it was read is begun anew."""
_PLACES = 3
"""How many places behind a page that fails are asked for its end, before the whole list counts as failing."""

Document = dict[str, Any]
Progress = Callable[[int, int], None]
"""Told how many things were read by now, and how many there are in all as far as the shop says."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents, and how many are left with these, as far as the shop says.

    With this one every change up to `complete_to` was handed out; None where
    nothing is proved. `broken` are those that the shop cannot show, which were
    changed above `after` and up to `until`, where those are known.
    """

    documents: tuple[Document, ...]
    left: int
    complete_to: datetime | None
    broken: tuple[Broken, ...] = ()
    after: datetime | None = None
    until: datetime | None = None


def list_steadily(fetch: Callable[[int], Page], *, first: int = 1, counted: int = 0) -> Iterator[tuple[int, Page]]:
    """Yield every page of a list in the order of ids, with its number; begun anew where it got shorter in between.

    What leaves an earlier page moves the first of the next one into it, where
    nobody would look again. Some documents may come twice. A reading that was
    cut off goes on with its page `first`, when the list had `counted` items.
    Raises `ShopBroken` where the list never stands still, and
    `ShopIgnoresQuery` where a page repeats what came before.
    """
    number, total = first, counted
    for _ in range(_TRIES):
        seen: set[int] = set()
        while True:
            page = fetch(number)
            if page.total < total:
                break
            new = {item["id"] for item in page.items} - seen
            if page.items and not new and page.total == total:
                raise lists.repeated("pages", number)
            total = page.total
            seen |= new
            if page.items or page.broken:
                yield number, page
            elif number < page.pages:
                raise ShopBroken(f"the shop counts {total} things in a list and shows none on page {number}")
            if number >= page.pages:
                return
            number += 1
        number, total = 1, 0
    raise ShopBroken("the shop's list changes faster than it can be read")


def read_ahead(batches: Iterator[Batch]) -> Generator[Batch]:
    """The same batches, each fetched by another thread while the one before it is worked on, and never more than one.

    What keeps the next one from being fetched is raised in its place. No
    transaction waits for the shop: whoever works on a batch does not know. To be
    closed by who leaves early; that waits for what is being fetched.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def list_changes(
    shop: ShopClient, statuses: Sequence[str] | None, *, since: datetime | None, now: datetime
) -> Iterator[Batch]:
    """Yield the orders changed since a moment, the earliest change first as far as the shop can sort.

    Each page begins at the last second that is proved complete and not at a
    page number: an order that changes in between moves to the end, and none
    slips past. The proof is the shop's own count of that span of time, since its
    order cannot be trusted: within one second it has none, and some shops sort
    by a local clock, which goes back an hour each autumn.

    Raises `ShopCannotFilter` where the shop pages its orders and cannot tell
    those that changed, and `ShopIgnoresQuery` where it ignores the query.
    """
    after = None if since is None else (since - OVERLAP).replace(microsecond=0)
    while True:
        found = _changed_after(shop, statuses, after)
        if found is None:
            last = _end_of_page(shop, statuses, after)
            if last is None:
                yield from _rest_by_id(shop, statuses, after=after, now=now)
                return
            found = Page((), 0, 0)
        else:
            last = max((moment for item in found.items if (moment := modified_at(item)) is not None), default=None)
            if found.total <= len(found.items):
                yield Batch(found.items, found.total, last)
                return
        if last is None:
            raise ShopBroken("the shop's list of orders holds none that says when it was changed")
        # The page's end may cut the last second in two; it is read whole by the next page, or alone.
        until = last - _SECOND
        if after is not None and until <= after:
            until = last
        if after is not None and until <= after:
            raise _named(shop, "the shop ignores the parameter modified_after of its list of orders")
        yield from _span(shop, statuses, found, after=after, until=until)
        after = until


def list_all_orders(shop: ShopClient, *, first: int, counted: int) -> Iterator[tuple[int, Page]]:
    """Every page of all orders by id, for a shop that cannot tell those that changed; from a page on, as counted."""

    def fetch(number: int) -> Page:
        return shop.list_orders(modified_after=None, statuses=None, page=number, per_page=PAGE)

    return list_steadily(fetch, first=first, counted=counted)


def list_window(shop: ShopClient, *, after: datetime | None, until: datetime | None) -> Iterator[Batch]:
    """Yield the orders whose last change lies above `after` and up to the second `until`, by id."""

    def fetch(number: int) -> Page:
        before = None if until is None else until + _SECOND
        return shop.list_orders(modified_after=after, modified_before=before, statuses=None, page=number, per_page=PAGE)

    for _, page in list_steadily(fetch):
        _check(shop, page, after=after, before=None, statuses=None, per_page=PAGE)
        yield Batch(page.items, page.total, None, page.broken)


def _changed_after(shop: ShopClient, statuses: Sequence[str] | None, after: datetime | None) -> Page | None:
    """Return a page of changes that fits what was asked; None where the shop fails over one of its orders."""
    try:
        found = shop.list_changes(modified_after=after, statuses=statuses, per_page=PAGE)
    except ShopPageBroken:
        return None
    except ShopIgnoresQuery as error:
        raise _named(shop, error.detail) from None
    _check(shop, found, after=after, before=None, statuses=statuses, per_page=PAGE)
    return found


def _end_of_page(shop: ShopClient, statuses: Sequence[str] | None, after: datetime | None) -> datetime | None:
    """Return when the order behind a page that fails was changed; None where there is no order behind it.

    Raises the fault where the shop fails over each of several.
    """
    fault = ShopPageBroken()
    for place in range(PAGE + 1, PAGE + 1 + _PLACES):
        try:
            found = shop.list_changes(modified_after=after, statuses=statuses, page=place, per_page=1)
        except ShopPageBroken as error:
            fault = error
            continue
        _check(shop, found, after=after, before=None, statuses=statuses, per_page=1)
        return modified_at(found.items[0]) if found.items else None
    raise fault


def _rest_by_id(
    shop: ShopClient, statuses: Sequence[str] | None, *, after: datetime | None, now: datetime
) -> Iterator[Batch]:
    """Yield the changes above `after` by id, where the shop cannot show one of the orders in the order of changes."""

    def fetch(number: int) -> Page:
        return shop.list_orders(modified_after=after, statuses=statuses, page=number, per_page=PAGE)

    began, latest = None, None
    for _, page in list_steadily(fetch):
        _check(shop, page, after=after, before=None, statuses=statuses, per_page=PAGE)
        moments = [moment for item in page.items if (moment := modified_at(item)) is not None]
        latest = max((moment for moment in (latest, *moments) if moment is not None), default=None)
        if began is None and page.offset_seconds is not None:
            # By the shop's clock. What changes while pages are read is not proved to be on one of them.
            began = now + timedelta(seconds=page.offset_seconds) - _SECOND
        yield Batch(page.items, page.total, None, page.broken, after)
    yield Batch((), 0, began or latest)


def _span(
    shop: ShopClient, statuses: Sequence[str] | None, found: Page, *, after: datetime | None, until: datetime
) -> Iterator[Batch]:
    """The changes above `after` up to the second `until`: from the page found where that has them all, else by id."""
    end = until + _SECOND

    def fetch(number: int, per_page: int = PAGE) -> Page:
        page = shop.list_orders(
            modified_after=after, modified_before=end, statuses=statuses, page=number, per_page=per_page
        )
        _check(shop, page, after=after, before=end, statuses=statuses, per_page=per_page)
        return page

    mine = tuple(item for item in found.items if (moment := modified_at(item)) is not None and moment <= until)
    if found.items and fetch(1, per_page=1).total <= len(mine):
        yield Batch(mine, found.total, until)
        return
    for _, page in list_steadily(fetch):
        yield Batch(page.items, found.total or page.total, None, page.broken, after, until)
    yield Batch((), found.total, until)


def _check(
    shop: ShopClient,
    page: Page,
    *,
    after: datetime | None,
    before: datetime | None,
    statuses: Sequence[str] | None,
    per_page: int,
) -> None:
    """Raise where a page does not fit what was asked: `ShopCannotFilter`, or `ShopIgnoresQuery` for anything else."""
    is_long = len(page.items) > per_page
    ignored = _ignored(page, after=after, before=before if is_long else None, statuses=statuses)
    if not ignored:
        return
    if is_long:
        raise ShopIgnoresQuery(_QUERY.format(asked=per_page, sent=len(page.items)))
    raise _named(shop, f"the shop ignores the parameter {ignored} of its list of orders")


def _ignored(page: Page, *, after: datetime | None, before: datetime | None, statuses: Sequence[str] | None) -> str:
    """Return the parameter that the orders on a page do not fit; empty where they do."""
    moments = [moment for item in page.items if (moment := modified_at(item)) is not None]
    if after is not None and any(moment < after for moment in moments):
        return "modified_after"
    if before is not None and any(moment >= before for moment in moments):
        return "modified_before"
    # One order may change its status while the shop answers; most of a page do not.
    wrong = [item for item in page.items if statuses is not None and _status(item) not in statuses]
    return "status" if 2 * len(wrong) > len(page.items) else ""


def _status(document: Document) -> str:
    return str(document.get("status")).removeprefix("wc-")


_QUERY = (
    "the shop ignores the query of our requests: {asked} of its orders were asked for, and {sent} came; let the query"
    " string through to /wp-json/, and exempt that path from caches and rewrite rules"
)
_OLD = (
    "{detail}, as WooCommerce before 5.8 does: all orders are read page by page, a few times a day, and a change may be"
    " seen hours late; update WooCommerce"
)


def _named(shop: ShopClient, detail: str) -> ShopIgnoresQuery:
    """Return the fault behind an answer that does not fit: one more request says whether the shop can page at all."""
    page = shop.list_newest(page=2, per_page=1)
    if len(page.items) > 1:
        return ShopIgnoresQuery(_QUERY.format(asked=1, sent=len(page.items)))
    if "modified" in detail or "rest_invalid_param" in detail:
        return ShopCannotFilter(_OLD.format(detail=detail))
    return ShopIgnoresQuery(f"{detail}; let the whole query string through to /wp-json/")
