"""The parts of the shop's REST API wc/v3 that the service reads, from request to answer, without a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakeshop.model.catalog import ApiKey, Product, User
from fakeshop.model.documents import customer_document, product_document, variation_document
from fakeshop.model.order_documents import VERSION, order_document, refund_document
from fakeshop.model.orders import Order
from fakeshop.model.shop import FakeShop
from fakeshop.model.site import Document
from fakeshop.rest.auth import Authenticator, Denied, Request
from fakeshop.rest.lasting_faults import LastingFaults
from fakeshop.rest.lists import ORDER_STATUSES, Query, cut, link_header, list_values, read_query, sort_by
from fakeshop.rest.responses import API, Answer, cannot, invalid_id, listed
from fakeshop.rest.webhooks_api import answer_webhooks

_NAMESPACES = ["oembed/1.0", "wc/v3", "wc/v1", "wc/v2", "wc/store", "wc/store/v1", "wp/v2", "wp-site-health/v1"]

_ADDRESS = re.compile(r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+@([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.)+[a-zA-Z0-9-]+")
"""The addresses that WordPress's `is_email` accepts."""


@dataclass(slots=True)
class Rest:
    """A handler of requests for one shop. `shrinking` removes that many rows from the front of the next list."""

    shop: FakeShop
    gate: Authenticator
    shrinking: int = 0
    sickness: LastingFaults = field(default_factory=LastingFaults)
    routes: list[tuple[re.Pattern[str], Callable[..., Answer]]] = field(init=False)

    def __post_init__(self) -> None:
        """Set up the routes."""
        self.routes = [
            (re.compile(pattern), answer)
            for pattern, answer in (
                (r"orders", self._orders),
                (r"orders/(\d+)", self._order),
                (r"orders/(\d+)/refunds", self._refunds),
                (r"orders/(\d+)/refunds/(\d+)", self._refund),
                (r"products", self._products),
                (r"products/(\d+)", self._product),
                (r"products/(\d+)/variations", self._variations),
                (r"products/(\d+)/variations/(\d+)", self._variation),
                (r"customers", self._customers),
                (r"customers/(\d+)", self._customer),
                (r"system_status", self._system_status),
            )
        ]

    def answer(self, request: Request) -> Answer:
        """Return the answer to one request; a refusal is WordPress's error object."""
        try:
            return self._answer(request)
        except Denied as denied:
            return Answer(denied.status, denied.document)

    def _answer(self, request: Request) -> Answer:
        path = request.path.strip("/")
        if path == "wp-json":
            return Answer(200, _fields(request, self._index(request)), allow=("GET",))
        if not path.startswith(API):
            raise Denied("rest_no_route", "No route was found matching the URL and request method.", 404)
        key = self.gate.key_of(request.signed or request, self.shop.keys)
        self._check_rights(request, key, path.removeprefix(API))
        request = self.sickness.request(request)
        if path.startswith(f"{API}webhooks"):
            return _with_fields(request, answer_webhooks(self.shop, request, path.removeprefix(API), key))
        for pattern, answer in self.routes:
            found = pattern.fullmatch(path.removeprefix(API))
            if found and request.method == "GET":
                return _with_fields(request, answer(request, *map(int, found.groups())))
        raise Denied("rest_no_route", "No route was found matching the URL and request method.", 404)

    def _check_rights(self, request: Request, key: ApiKey | None, path: str) -> None:
        user = self.shop.users.get(key.user_id) if key else None
        if user is None or not user.may_see_orders:
            raise cannot(request, is_list=not re.search(r"/\d+$", path), status=401 if user is None else 403)

    def _rows(self, found: list[Any]) -> list[Any]:
        dropped, self.shrinking = self.shrinking, 0
        return found[dropped:]

    def _listed(self, request: Request, query: Query, found: Sequence[Any], write: Callable[[Any], Document]) -> Answer:
        rows, page = cut(query, found)
        path = request.path.strip("/").removeprefix(API)
        link = link_header(request, query, page, address=self._api(request, path), is_orders=path == "orders")
        return listed([write(row) for row in rows], page, link)

    def _orders(self, request: Request) -> Answer:
        query = read_query(
            request,
            self.shop.site.zone,
            orderings=("date", "id", "include", "title", "slug", "modified"),
            statuses=ORDER_STATUSES,
        )
        found = [order for order in list(self.shop.orders.values()) if self._matches(request, query, order)]
        key: Callable[[Order], object] = lambda order: order.created_at  # noqa: E731
        if query.orderby == "modified":
            key = lambda order: order.modified_at  # noqa: E731
        elif query.orderby != "date":
            key = lambda order: order.id  # noqa: E731
        rows = self._rows(sort_by(query, found, key, lambda order: order.id))
        return self._listed(request, query, rows, self._order_document(request))

    def _matches(self, request: Request, query: Query, order: Order) -> bool:
        statuses = set(query.statuses or ("any",))
        if order.status not in statuses and not ("any" in statuses and order.status != "trash"):
            return False
        if (query.include and order.id not in query.include) or str(order.id) in list_values(request, "exclude"):
            return False
        customer = request.value("customer")
        if customer is not None and str(order.customer_id) != customer:
            return False
        return query.within(order.created_at, after="after", before="before") and query.within(
            order.modified_at, after="modified_after", before="modified_before"
        )

    def _order(self, request: Request, order_id: int) -> Answer:
        order = self.shop.orders.get(order_id)
        if order is None:
            raise invalid_id("woocommerce_rest_shop_order_invalid_id")
        return Answer(200, self._order_document(request)(order))

    def _order_document(self, request: Request) -> Callable[[Order], Document]:
        site = self._site(request)
        return lambda order: order_document(site, order, self.shop.products)

    def _refunds(self, request: Request, order_id: int) -> Answer:
        """Return the refunds of an order; none for an unknown order, as WooCommerce queries by parent [source]."""
        query = self._query(request)
        order = self.shop.orders.get(order_id)
        rows = (
            sort_by(query, order.refunds, lambda refund: refund.created_at, lambda refund: refund.id) if order else []
        )
        site = self._site(request)
        return self._listed(
            request,
            query,
            rows,
            lambda refund: refund_document(site, self.shop.order(order_id), refund, self.shop.products),
        )

    def _refund(self, request: Request, order_id: int, refund_id: int) -> Answer:
        order = self.shop.orders.get(order_id)
        if order is None:
            raise Denied("woocommerce_rest_invalid_order_id", "Invalid order ID.", 404)
        for refund in order.refunds:
            if refund.id == refund_id:
                document = refund_document(self._site(request), order, refund, self.shop.products)
                return Answer(200, document, allow=("GET", "DELETE"))
        raise Denied("woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.", 404)

    def _products(self, request: Request) -> Answer:
        """Return the products; variations only where a SKU is asked for."""
        query = self._query(request)
        skus = list_values(request, "sku")
        found = [
            product
            for product in list(self.shop.products.values())
            if (product.sku in skus if skus else product.type != "variation")
            and (not query.include or product.id in query.include)
        ]
        rows = self._rows(sort_by(query, found, lambda product: product.created_at, lambda product: product.id))
        return self._listed(request, query, rows, self._product_document(request))

    def _product(self, request: Request, product_id: int) -> Answer:
        return Answer(200, self._product_document(request)(self._found_product(product_id)))

    def _product_document(self, request: Request) -> Callable[[Product], Document]:
        site = self._site(request)
        return lambda product: product_document(site, product, self.shop.variations_of(product.id))

    def _found_product(self, product_id: int, *, parent_id: int | None = None) -> Product:
        product = self.shop.products.get(product_id)
        if product is None or (parent_id is not None and product.parent_id != parent_id):
            kind = "product" if parent_id is None else "product_variation"
            raise invalid_id(f"woocommerce_rest_{kind}_invalid_id")
        return product

    def _variations(self, request: Request, product_id: int) -> Answer:
        query = self._query(request)
        self._found_product(product_id)
        site = self._site(request)
        rows = sort_by(query, self.shop.variations_of(product_id), lambda one: one.created_at, lambda one: one.id)
        return self._listed(request, query, rows, lambda variation: variation_document(site, variation))

    def _variation(self, request: Request, product_id: int, variation_id: int) -> Answer:
        variation = self._found_product(variation_id, parent_id=product_id)
        return Answer(200, variation_document(self._site(request), variation))

    def _customers(self, request: Request) -> Answer:
        """Return users of the role customer, or of another role or `all` where asked; ordered by display name.

        By WooCommerce's source: an invalid email is refused, and one
        with `*` at an end is searched for.
        """
        role, email = request.value("role") or "customer", request.value("email")
        if email and not _ADDRESS.fullmatch(email):
            raise Denied("rest_invalid_param", "Invalid parameter(s): email", 400)
        query = read_query(
            request, self.shop.site.zone, orderings=("name", "id", "include", "registered_date"), statuses=("",)
        )
        found = [user for user in list(self.shop.users.values()) if _is_listed(user, query, role=role, email=email)]
        is_ascending = request.value("order") != "desc"
        found.sort(key=lambda user: user.username if query.orderby == "name" else user.id, reverse=not is_ascending)
        site = self._site(request)
        return self._listed(request, query, self._rows(found), lambda user: customer_document(site, user))

    def _customer(self, request: Request, user_id: int) -> Answer:
        user = self.shop.users.get(user_id)
        if user is None:
            raise Denied("wc_user_invalid_id", "Invalid user ID.", 404)
        return Answer(200, customer_document(self._site(request), user))

    def _system_status(self, request: Request) -> Answer:
        environment: Document = {"home_url": self._base(request), "site_url": self._base(request), "version": VERSION}
        environment |= {"wp_version": "7.0.4", "wp_multisite": False, "wp_cron": False, "language": "en_US"}
        settings: Document = {"api_enabled": False, "force_ssl": False, "currency": "USD", "currency_symbol": "&#36;"}
        settings |= {"number_of_decimals": 2, "HPOS_enabled": True, "HPOS_sync_enabled": False}
        plugins = [{"plugin": "woocommerce/woocommerce.php", "name": "WooCommerce", "version": VERSION}]
        document = {"environment": environment, "active_plugins": plugins, "settings": settings}
        return Answer(200, document, allow=("GET",))

    def _index(self, request: Request) -> Document:
        zone = self.shop.site.zone
        offset = self.shop.now().astimezone(zone).utcoffset()
        return {
            "name": "Rig Store",
            "description": "",
            "url": self.shop.site.url,
            "home": self._base(request),
            "gmt_offset": (offset.total_seconds() / 3600) if offset else 0,
            "timezone_string": zone.key,
            "namespaces": _NAMESPACES,
        }

    def _query(self, request: Request) -> Query:
        orderings = ("date", "id", "include", "title", "slug", "modified")
        return read_query(request, self.shop.site.zone, orderings=orderings, statuses=("any", "publish", "draft"))

    def _base(self, request: Request) -> str:
        url = self.shop.site.url
        return url.replace("http://", "https://", 1) if request.is_https else url

    def _site(self, request: Request) -> Any:
        return type(self.shop.site)(self._base(request), self.shop.site.zone)

    def _api(self, request: Request, path: str) -> str:
        return f"{self._base(request)}/{API}{path}"


def _is_listed(user: User, query: Query, *, role: str, email: str | None) -> bool:
    return (
        (role == "all" or role in user.roles)
        and (not email or _is_found(user.email.casefold(), email.casefold()))
        and (not query.include or user.id in query.include)
    )


def _is_found(address: str, sought: str) -> bool:
    inner = sought.strip("*")
    if sought.startswith("*") and sought.endswith("*"):
        return inner in address
    if sought.startswith("*"):
        return address.endswith(inner)
    return address.startswith(inner) if sought.endswith("*") else address == sought


def _with_fields(request: Request, answer: Answer) -> Answer:
    document = answer.document
    if isinstance(document, list):
        document = [_fields(request, row) for row in document]
    elif answer.status < 300:
        document = _fields(request, document)
    return Answer(answer.status, document, answer.headers, answer.allow)


def _fields(request: Request, document: Document) -> Document:
    wanted: Iterable[str] = list_values(request, "_fields")
    return {name: value for name, value in document.items() if name in wanted} if wanted else document
