"""Requests to a WooCommerce shop's REST API (wc/v3); results are plain JSON documents.

Only this module handles paths, parameters and paging; `payloads` reads the
documents. `docs/reference/woocommerce.md` describes the behavior of real shops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bridge.clients.woocommerce import lists
from bridge.clients.woocommerce.lists import Document, Page, ShopLists
from bridge.clients.woocommerce.session import Answer, Budget, ShopSession
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.access import ShopAccess
from bridge.domain.shop.errors import ShopBroken, ShopPageBroken, ShopRefused

MAX_PER_PAGE = 100
MAX_PAGES = 100
"""The most pages of a list of variations, refunds or webhooks; a longer list is an error."""

_TRIES = 3
_BEYOND = 10**6

_Params = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class ShopClock:
    """The seconds by which the shop's clock is ahead of ours; None if it sent no time."""

    offset_seconds: int | None


@dataclass(frozen=True, slots=True)
class ShopCheck:
    """The key's permissions in the shop: `fault` is why reading failed, `can_write` None if unknown."""

    fault: ShopUnreachable | None
    write_fault: ShopUnreachable | None
    can_write: bool | None
    clock: ShopClock


class ShopClient:
    """One shop; every method may raise a `ShopUnreachable`. Requests are sent one at a time.

    `get_` methods return one document, or None if the shop says that there is
    none; a missing page or a refusal raises. `list_` methods return documents in
    the order of ids.
    """

    def __init__(self, session: ShopSession) -> None:
        self._session = session
        self._lists = ShopLists(session)
        self._left_out = ""
        self._used = session.access

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @property
    def access(self) -> ShopAccess:
        """The way to reach the shop's REST API; a request may change it."""
        return self._session.access

    def use(self, access: ShopAccess) -> None:
        """Start with the way that worked before."""
        self._session.access = self._used = access

    @property
    def has_new_access(self) -> bool:
        """Return whether the way to reach the API changed since `use`."""
        return self._session.access != self._used

    def leave_out(self, numbers: Sequence[int]) -> None:
        """Leave out the orders with these numbers in lists, because the shop fails over them."""
        self._left_out = ",".join(map(str, numbers))

    def limit(self, *, requests: int, seconds: float) -> None:
        """Limit the number of requests and the time in seconds; beyond them, `ShopBudgetSpent` is raised."""
        self._session.budget = Budget(requests, time.monotonic() + seconds)

    def get_order(self, number: int) -> Document | None:
        """Return an order, even from the trash; None if it was permanently deleted or never existed."""
        return _found(self._session.read(f"orders/{number}"))

    def list_refunds(self, number: int) -> list[Document]:
        """Return all refunds of an order with their lines; none if the order does not exist."""
        return self._list_all(f"orders/{number}/refunds")

    def list_orders(
        self,
        *,
        modified_after: datetime | None,
        modified_before: datetime | None = None,
        statuses: Sequence[str] | None,
        page: int,
        per_page: int = MAX_PER_PAGE,
        include: Sequence[int] | None = None,
    ) -> Page:
        """Return a page of the orders changed after one moment and before another, exclusive, to the second.

        A cursor must overlap by a second or more, because the later of two
        changes in one second would be missed. `statuses` None means any, without
        the trash. Orders are sorted by id, so that a change meanwhile does not
        move them. If an order is added meanwhile, one appears on two pages; if one
        leaves, `total` shrinks. `broken` are the orders that the shop cannot
        return.
        """
        if (statuses is not None and not statuses) or (include is not None and not include):
            return Page((), 0, 0)
        params: _Params = {"dates_are_gmt": "true"}
        if modified_after is not None:
            params["modified_after"] = _seconds(modified_after)
        if modified_before is not None:
            # Rounded up: the shop's times have no fractions, so a change in this second is before the moment.
            params["modified_before"] = _seconds(modified_before + timedelta(microseconds=999_999))
        if statuses is not None:
            params["status"] = ",".join(statuses)
        if include is not None:
            params["include"] = ",".join(map(str, include))
        elif self._left_out:
            params["exclude"] = self._left_out
        return self._page("orders", params, page=page, per_page=per_page, in_parts=True)

    def list_changes(
        self,
        *,
        modified_after: datetime | None,
        statuses: Sequence[str] | None,
        page: int = 1,
        per_page: int = MAX_PER_PAGE,
    ) -> Page:
        """Return the orders changed after a moment, exclusive, to the second, sorted by their time of change.

        Continue from the last change received, not by page: an order that changes
        meanwhile moves to the end, and others would be missed. Raises
        `ShopPageBroken` if the shop fails over one of them.
        """
        params: _Params = {"dates_are_gmt": "true", "orderby": "modified", "order": "asc"}
        if modified_after is not None:
            params["modified_after"] = _seconds(modified_after)
        if statuses is not None:
            params["status"] = ",".join(statuses)
        if self._left_out:
            params["exclude"] = self._left_out
        return self._page("orders", params, page=page, per_page=per_page)

    def list_newest(self, *, page: int = 1, per_page: int = MAX_PER_PAGE) -> Page:
        """Return a page of the latest orders, newest first."""
        return self._page("orders", {"order": "desc"}, page=page, per_page=per_page)

    def get_product(self, product_id: int) -> Document | None:
        """Return a product or a variation."""
        return _found(self._session.read(f"products/{product_id}"))

    def list_products(self, *, page: int, per_page: int = MAX_PER_PAGE) -> Page:
        """Return a page of products of any status, without variations; `broken` are those it cannot return."""
        return self._page("products", {}, page=page, per_page=per_page, in_parts=True)

    def list_variations(self, product_id: int) -> list[Document]:
        """Return all variations of a product; none if the product does not exist."""
        return self._list_all(f"products/{product_id}/variations", in_parts=True)

    def list_customers(self, user_ids: Sequence[int]) -> list[Document]:
        """Return the existing users among these, whatever their role; 100 at most."""
        if not user_ids:
            return []
        return self._list_all("customers", {"include": ",".join(map(str, user_ids)), "role": "all"}, in_parts=True)

    def find_customers(self, email: str) -> list[Document]:
        """Return the users with this email address, whatever their role, 100 at most.

        If the address begins or ends with `*`, WordPress searches with a wildcard,
        and other users may be included.
        """
        params: _Params = {"email": email, "role": "all"}
        return list(self._page("customers", params, page=1, per_page=MAX_PER_PAGE).items)

    def list_webhooks(self) -> list[Document]:
        """Return all webhooks, including those of other services, without their secrets."""
        return self._list_all("webhooks")

    def create_webhook(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Document:
        """Create an active webhook and return it; the shop pings its delivery URL before it responds.

        After a `ShopSilent` the webhook may exist: list the webhooks before another
        attempt.
        """
        body = {"name": name, "topic": topic, "delivery_url": delivery_url, "secret": secret}
        document = _found(self._session.write("POST", "webhooks", body))
        if document is None:
            raise ShopBroken("the shop has no webhooks")
        return document

    def update_webhook(self, webhook_id: int, **changes: str) -> Document | None:
        """Change `status`, `name`, `topic`, `delivery_url` or `secret` of a webhook; None if it is gone."""
        return _found(self._session.write("PUT", f"webhooks/{webhook_id}", changes))

    def delete_webhook(self, webhook_id: int) -> None:
        """Delete a webhook permanently; a missing one is not an error."""
        # Without `force` the shop refuses, because webhooks have no trash.
        self._session.write("DELETE", f"webhooks/{webhook_id}", params={"force": "true"})

    def clock(self) -> ShopClock:
        """Return how far the shop's clock is ahead, by the Date header of an uncached response."""
        return ShopClock(self._peek().offset_seconds)

    def check(self) -> ShopCheck:
        """Return whether the shop responds and allows reading and writing; changes nothing, raises nothing."""
        try:
            clock = ShopClock(self._peek().offset_seconds)
        except ShopUnreachable as fault:
            return ShopCheck(fault, None, None, ShopClock(None))
        try:
            # There is no webhook 0; a read-only key is refused before the lookup.
            answer = self._session.write("PUT", "webhooks/0", {})
        except ShopRefused as fault:
            return ShopCheck(None, fault, False, clock)
        except ShopUnreachable as fault:
            return ShopCheck(None, fault, None, clock)
        return ShopCheck(None, None, True if answer is None else None, clock)

    def _peek(self) -> Answer:
        asked: _Params = {"per_page": 1, "_fields": "id"}
        try:
            answer = self._session.read("orders", asked)
        except ShopPageBroken:
            # The shop may fail over its newest order; beyond the last page there is none.
            answer = self._session.read("orders", {**asked, "page": _BEYOND})
        lists.documents(answer)
        assert answer is not None
        return answer

    def _list_all(
        self, path: str, params: Mapping[str, str | int] | None = None, *, in_parts: bool = False
    ) -> list[Document]:
        """Return every page; start again from the first if the list's length changes meanwhile."""

        def fetch(number: int) -> Page:
            return self._page(path, params or {}, page=number, per_page=MAX_PER_PAGE, in_parts=in_parts)

        return lists.find_all(fetch, path, tries=_TRIES, most_pages=MAX_PAGES)

    def _page(
        self, path: str, params: Mapping[str, str | int], *, page: int, per_page: int, in_parts: bool = False
    ) -> Page:
        return self._lists.page(path, params, page=page, per_page=per_page, in_parts=in_parts)


def open_shop(
    url: str,
    *,
    consumer_key: str,
    consumer_secret: str,
    timeout: tuple[float, float] = (5, 30),
    sleep: Callable[[float], object] = time.sleep,
) -> ShopClient:
    """Return the client of a shop, without connecting yet.

    `timeout` is in seconds: to connect, and between two bytes of a response.
    Raises `BadShopAddress` for an address that is neither https nor loopback.
    """
    session = ShopSession(url, consumer_key=consumer_key, consumer_secret=consumer_secret, timeout=timeout, sleep=sleep)
    return ShopClient(session)


def _seconds(moment: datetime) -> str:
    """Return a time as a parameter for `dates_are_gmt`: in UTC, without a zone, cut to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _found(answer: Answer | None) -> Document | None:
    return None if answer is None else lists.document(answer.document)
