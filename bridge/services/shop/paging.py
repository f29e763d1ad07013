"""Read a shop's lists without gaps, although they change meanwhile and the shop may fail."""

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
"""How often a list that got shorter while it was read is started again."""
_PLACES = 3
"""How many positions after a failing page are tried, before the whole list counts as failing."""

Document = dict[str, Any]
Progress = Callable[[int, int], None]
"""Called with the number of items read so far, and the total if the shop states it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents, and how many are left including these, if the shop states it.

    With this batch, every change up to `complete_to` was returned; None if that is
    not proved. `broken` are documents that the shop cannot return, changed after
    `after` and up to `until`, if those are known.
    """

    documents: tuple[Document, ...]
    left: int
    complete_to: datetime | None
    broken: tuple[Broken, ...] = ()
    after: datetime | None = None
    until: datetime | None = None


def list_steadily(fetch: Callable[[int], Page], *, first: int = 1, counted: int = 0) -> Iterator[tuple[int, Page]]:
    """Yield every page of a list by id, with its number; start again if the list got shorter meanwhile.

    When an item leaves an earlier page, the first item of the next page moves into
    it and would be missed. Some documents may come twice. An interrupted run
    continues with page `first`, when the list had `counted` items. Raises
    `ShopBroken` if the list keeps changing, and `ShopIgnoresQuery` if a page repeats
    earlier items.
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
                raise ShopBroken(f"the shop counts {total} items in a list but returns none on page {number}")
            if number >= page.pages:
                return
            number += 1
        number, total = 1, 0
    raise ShopBroken("the shop's list changes faster than it can be read; the next run tries again")


def read_ahead(batches: Iterator[Batch]) -> Generator[Batch]:
    """Yield the same batches, each read in another thread while the one before is processed, one at most.

    An error of the next batch is raised in its place. No transaction waits for the
    shop. Close the generator when leaving early; that waits for the batch being
    read.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def list_changes(
    shop: ShopClient, statuses: Sequence[str] | None, *, since: datetime | None, now: datetime
) -> Iterator[Batch]:
    """Yield the orders changed since a moment, the earliest change first if the shop can sort.

    Each page begins at the last second that is proved complete, not at a page
    number: an order that changes meanwhile moves to the end, and none is missed. The
    proof is the shop's own count for that span of time. Its sorting cannot be
    trusted: within one second there is no order, and some shops sort by local time,
    which goes back an hour each autumn.

    Raises `ShopCannotFilter` if the shop cannot list the orders that changed, and
    `ShopIgnoresQuery` if it ignores the query.
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
            raise ShopBroken("no order in the shop's list says when it was changed")
        # The end of the page may split the last second; the next page, or a separate one, reads it completely.
        until = last - _SECOND
        if after is not None and until <= after:
            until = last
        if after is not None and until <= after:
            raise _named(shop, "the shop ignores the parameter modified_after of its list of orders")
        yield from _span(shop, statuses, found, after=after, until=until)
        after = until


def list_all_orders(shop: ShopClient, *, first: int, counted: int) -> Iterator[tuple[int, Page]]:
    """Yield every page of all orders by id from a page on, for a shop that cannot list changed orders."""

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
    """Return a page of changes that matches the request; None if the shop fails over one of its orders."""
    try:
        found = shop.list_changes(modified_after=after, statuses=statuses, per_page=PAGE)
    except ShopPageBroken:
        return None
    except ShopIgnoresQuery as error:
        raise _named(shop, error.detail) from None
    _check(shop, found, after=after, before=None, statuses=statuses, per_page=PAGE)
    return found


def _end_of_page(shop: ShopClient, statuses: Sequence[str] | None, after: datetime | None) -> datetime | None:
    """Return when the order after a failing page was changed; None if there is none after it.

    Raises the error if the shop fails over each of several.
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
    """Yield the changes after `after` by id, if the shop cannot return one of the orders sorted by change."""

    def fetch(number: int) -> Page:
        return shop.list_orders(modified_after=after, statuses=statuses, page=number, per_page=PAGE)

    began, latest = None, None
    for _, page in list_steadily(fetch):
        _check(shop, page, after=after, before=None, statuses=statuses, per_page=PAGE)
        moments = [moment for item in page.items if (moment := modified_at(item)) is not None]
        latest = max((moment for moment in (latest, *moments) if moment is not None), default=None)
        if began is None and page.offset_seconds is not None:
            # By the shop's clock. Orders that change while pages are read are not proved to be on one of them.
            began = now + timedelta(seconds=page.offset_seconds) - _SECOND
        yield Batch(page.items, page.total, None, page.broken, after)
    yield Batch((), 0, began or latest)


def _span(
    shop: ShopClient, statuses: Sequence[str] | None, found: Page, *, after: datetime | None, until: datetime
) -> Iterator[Batch]:
    """Yield the changes after `after` up to the second `until`, from the page found if complete, otherwise by id."""
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
    """Raise if a page does not match the request: `ShopCannotFilter`, or `ShopIgnoresQuery` for anything else."""
    is_long = len(page.items) > per_page
    ignored = _ignored(page, after=after, before=before if is_long else None, statuses=statuses)
    if not ignored:
        return
    if is_long:
        raise ShopIgnoresQuery(_QUERY.format(asked=per_page, sent=len(page.items)))
    raise _named(shop, f"the shop ignores the parameter {ignored} of its list of orders")


def _ignored(page: Page, *, after: datetime | None, before: datetime | None, statuses: Sequence[str] | None) -> str:
    """Return the parameter that the orders on a page do not match; empty if they match."""
    moments = [moment for item in page.items if (moment := modified_at(item)) is not None]
    if after is not None and any(moment < after for moment in moments):
        return "modified_after"
    if before is not None and any(moment >= before for moment in moments):
        return "modified_before"
    # One order may change its status during the request, but not most of a page.
    wrong = [item for item in page.items if statuses is not None and _status(item) not in statuses]
    return "status" if 2 * len(wrong) > len(page.items) else ""


def _status(document: Document) -> str:
    return str(document.get("status")).removeprefix("wc-")


_QUERY = (
    "the shop ignores the query string: {asked} orders were requested, and {sent} came; pass the query string on to"
    " /wp-json/, and exempt that path from caches and rewrite rules"
)
_OLD = (
    "{detail}, as WooCommerce before 5.8 does. All orders are read page by page a few times a day, so a change may be"
    " applied hours late; update WooCommerce"
)


def _named(shop: ShopClient, detail: str) -> ShopIgnoresQuery:
    """Return the error for a response that does not match; one more request shows whether the shop can page at all."""
    page = shop.list_newest(page=2, per_page=1)
    if len(page.items) > 1:
        return ShopIgnoresQuery(_QUERY.format(asked=1, sent=len(page.items)))
    if "modified" in detail or "rest_invalid_param" in detail:
        return ShopCannotFilter(_OLD.format(detail=detail))
    return ShopIgnoresQuery(f"{detail}; pass the whole query string on to /wp-json/")
