"""Reading a shop's lists without a gap, though they change while they are read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.clients.woocommerce import Page, ShopClient
from bridge.domain.shop_errors import ShopBroken

PAGE = 100
OVERLAP = timedelta(minutes=10)
"""How far before a cursor reading begins: the shop's `modified_after` excludes its very second, a change may be
written some time after the moment it carries, and a copy of the database that REST reads from may lag."""

_SECOND = timedelta(seconds=1)
_TRIES = 20
"""How often a list that got shorter while it was read is begun anew."""

Document = dict[str, Any]
Progress = Callable[[int, int], None]
"""Told how many things were read by now, and how many there are in all as far as the shop says."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents, and how many are left with these, as far as the shop says.

    With this one every change up to `complete_to` was handed out; None where
    nothing is proved.
    """

    documents: tuple[Document, ...]
    left: int
    complete_to: datetime | None


def list_steadily(fetch: Callable[[int], Page], *, first: int = 1, counted: int = 0) -> Iterator[tuple[int, Page]]:
    """Every page of a list in the order of ids, with its number; begun anew where it got shorter in between.

    What leaves an earlier page moves the first of the next one into it, where
    nobody would look again. Some documents may come twice. A reading that was
    cut off goes on with its page `first`, when the list had `counted` items.
    Raises `ShopBroken` where the list never stands still.
    """
    number, total = first, counted
    for _ in range(_TRIES):
        while True:
            page = fetch(number)
            if page.total < total:
                break
            total = page.total
            if page.items:
                yield number, page
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


def list_changes(shop: ShopClient, statuses: Sequence[str] | None, *, since: datetime | None) -> Iterator[Batch]:
    """The orders changed since a moment, the earliest change first as far as the shop can sort.

    Each page begins at the last second that is proved complete and not at a
    page number: an order that changes in between moves to the end, and none
    slips past. The proof is the shop's own count of that span of time, since its
    order cannot be trusted: within one second it has none, and some shops sort
    by a local clock, which goes back an hour each autumn.
    """
    after = None if since is None else (since - OVERLAP).replace(microsecond=0)
    while True:
        found = shop.list_changes(modified_after=after, statuses=statuses, per_page=PAGE)
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
        yield from _span(shop, statuses, found, after=after, until=until)
        after = until


def _span(
    shop: ShopClient, statuses: Sequence[str] | None, found: Page, *, after: datetime | None, until: datetime
) -> Iterator[Batch]:
    """The changes above `after` up to the second `until`: from the page found where that has them all, else by id."""

    def fetch(number: int, per_page: int = PAGE) -> Page:
        end = until + _SECOND
        return shop.list_orders(
            modified_after=after, modified_before=end, statuses=statuses, page=number, per_page=per_page
        )

    mine = tuple(item for item in found.items if (moment := modified_at(item)) is not None and moment <= until)
    if fetch(1, per_page=1).total <= len(mine):
        yield Batch(mine, found.total, until)
        return
    for _, page in list_steadily(fetch):
        yield Batch(page.items, found.total, None)
    yield Batch((), found.total, until)


def modified_at(document: Document) -> datetime | None:
    """When an order was last changed, by the shop's clock; None where it does not say."""
    try:
        moment = datetime.fromisoformat(str(document.get("date_modified_gmt")))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
