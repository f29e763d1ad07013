"""The views of the Packages page and of the past orders of one product."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.orders.packages import Package
from bridge.domain.stores.stores import Store
from bridge.rendering import amounts
from bridge.services.orders import late_packages, packages
from bridge.services.shop import product_import
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time, number, zone_name

ProductKey = tuple[int, int]
"""A product and its variation, 0 for the whole product."""

PAGE = 50
"""How many products or order lines a page shows."""


@dataclass(frozen=True, slots=True)
class AmountForm:
    """The form of one product's amount with the typed text; `error` is about the field `error_field`.

    `plan` is the name of a monthly plan and `months` its length, both empty for tokens that do not expire.
    """

    key: ProductKey
    tokens: str
    error: str
    plan: str = ""
    months: str = ""
    error_field: str = "tokens"


@dataclass(frozen=True, slots=True)
class PackageRow:
    """One product or variation.

    `shop` is the shop's amount in words, `fault` the reason it cannot be read,
    `tokens` the amount set in Token Bridge, `plan` and `months` the plan that the
    form shows, `plan_words` the stored plan in words. `waiting` is the number of orders that
    wait for an amount, `late` of orders from before it was a package that are not
    decided, `remaining` of those that are decided but not processed. Each is empty
    if there is none. `brings` is the amount that counts.
    """

    product_id: int
    variation_id: int
    name: str
    sku: str
    state: str
    shop: str
    fault: str
    tokens: str
    error: str
    error_field: str
    plan: str
    months: str
    plan_words: str
    waiting: str
    late: str
    remaining: str
    decision: str
    brings: int


@dataclass(frozen=True, slots=True)
class PackagesPage:
    """The contents of the Packages page; `after` and `next` are places in the list, empty at its ends."""

    store: Store
    open_questions: str
    rows: tuple[PackageRow, ...]
    search: str
    is_open_only: bool
    open_products: str
    has_any: bool
    has_keys: bool
    importing: str
    after: str
    next: str
    error: str
    calls: Calls


@dataclass(frozen=True, slots=True)
class LateLine:
    """An order line from before its product was a package."""

    number: int
    line_id: int
    product: str
    quantity: int
    placed: LocalTime | None
    buyer: str
    email: str


@dataclass(frozen=True, slots=True)
class LatePage:
    """The orders of one product from before it was a package, to decide one by one."""

    store: Store
    open_questions: str
    zone: str
    product_id: int
    variation_id: int
    name: str
    tokens: int
    rows: tuple[LateLine, ...]
    next: str
    calls: Calls


def build(
    connection: Connection,
    store: Store,
    *,
    after: ProductKey | None = None,
    search: str = "",
    is_open_only: bool = False,
    form: AmountForm | None = None,
) -> PackagesPage:
    """Return a page of the store's products after the named one."""
    found = packages.list_packages(
        connection, store.id, after=after, limit=PAGE + 1, query=search, is_open_only=is_open_only
    )
    rows = tuple(_row(connection, store, package, form) for package in found[:PAGE])
    last = found[PAGE - 1] if len(found) > PAGE else None
    count = late_packages.count_without_amount(connection, store.id)
    return PackagesPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        rows=rows,
        search=search,
        is_open_only=is_open_only,
        open_products=_counted(count),
        has_any=bool(rows) or bool(packages.list_packages(connection, store.id, after=None, limit=1)),
        has_keys=settings.has_shop_keys(connection, store.id),
        importing=_import_progress(connection, store),
        after=write_key((after[0], after[1])) if after else "",
        next=write_key((last.product_id, last.variation_id)) if last else "",
        error=form.error if form is not None and not any(row.error for row in rows) else "",
        calls=_calls(found),
    )


def _calls(found: list[Package]) -> Calls:
    """Return the calls about the first package of the list, or about an example."""
    package = next((each for each in found if each.tokens), Package(10, admin_tokens=5000))
    path = _path(package)
    plan = {"plan": package.plan, "months": package.months} if package.months else {}
    return (
        call("Set the tokens of a product", "PUT", path, {"tokens": package.tokens, **plan}),
        call("Remove an amount set by hand", "DELETE", path),
        call("List the packages", "GET", "/v1/packages"),
    )


def _path(package: Package) -> str:
    return f"/v1/packages/{package.product_id}" + (f"/{package.variation_id}" if package.variation_id else "")


def build_past_orders(
    connection: Connection, store: Store, package: Package, *, after: tuple[int, int] = (0, 0)
) -> LatePage:
    """Return a page of the order lines from before a product was a package."""
    found = late_packages.list_lines(connection, store.id, package, after=after, limit=PAGE + 1)
    zone = store.calendar.zone
    last = found[PAGE - 1] if len(found) > PAGE else None
    return LatePage(
        store=store,
        open_questions=count_exceptions(connection, store),
        zone=zone_name(zone),
        product_id=package.product_id,
        variation_id=package.variation_id,
        name=_name(package),
        tokens=package.tokens or 0,
        rows=tuple(
            LateLine(
                number=line.number,
                line_id=line.line_id,
                product=line.name,
                quantity=line.quantity,
                placed=local_time(line.placed_at, zone) if line.placed_at else None,
                buyer=line.buyer,
                email=line.email,
            )
            for line in found[:PAGE]
        ),
        next=write_key((last.number, last.line_id)) if last else "",
        calls=(
            call("Products with past orders", "GET", "/v1/exceptions/products"),
            call("Grant all of them", "POST", f"{_path(package)}/past-orders", {"decision": "grant"}),
            call("Leave all of them", "POST", f"{_path(package)}/past-orders", {"decision": "leave"}),
        ),
    )


def write_key(key: tuple[int, int]) -> str:
    """Return a place in a list as a URL parameter."""
    return f"{key[0]}.{key[1]}"


def _row(connection: Connection, store: Store, package: Package, form: AmountForm | None) -> PackageRow:
    key = (package.product_id, package.variation_id)
    form = form if form is not None and form.key == key else None
    set_here = "" if package.admin_tokens is None else str(package.admin_tokens)
    orders = _counted(late_packages.count_orders(connection, store.id, package))
    return PackageRow(
        product_id=package.product_id,
        variation_id=package.variation_id,
        name=_name(package),
        sku=package.sku,
        state=package.state,
        shop=_shop_words(package),
        fault="" if package.unreadable is None else amounts.describe(package.unreadable),
        tokens=form.tokens if form else set_here,
        error=form.error if form else "",
        error_field=form.error_field if form else "",
        plan=form.plan if form else package.plan or "",
        months=form.months if form else str(package.months or ""),
        plan_words=_plan_words(package),
        waiting="" if package.tokens else orders,
        late=orders if package.tokens and not package.late else "",
        remaining=orders if package.tokens and package.late else "",
        decision=(package.late or "") if package.tokens else "",
        brings=package.tokens or 0,
    )


def _name(package: Package) -> str:
    return package.name or f"Product {package.variation_id or package.product_id}"


def _shop_words(package: Package) -> str:
    if package.unreadable is not None:
        return "not readable"
    if package.is_per_variation:
        return "per variation"
    if package.shop_tokens is None:
        return "as its product" if package.variation_id else "not known"
    if package.shop_tokens and package.shop_months:
        return f"{number(package.shop_tokens)} a month, {_month_count(package.shop_months)}"
    return number(package.shop_tokens) if package.shop_tokens else "not a package"


def _plan_words(package: Package) -> str:
    if not package.months:
        return ""
    return f"Plan {package.plan}, {_month_count(package.months)}"


def _month_count(months: int) -> str:
    return f"{months} month{'s' if months > 1 else ''}"


def _counted(count: int) -> str:
    return "" if not count else number(count) if count <= late_packages.COUNTED else f"{number(late_packages.COUNTED)}+"


def _import_progress(connection: Connection, store: Store) -> str:
    """Return the progress of a running import as text; empty if none runs."""
    progress = product_import.progress_of(connection, store)
    if progress is None:
        return ""
    read, total = progress
    return f"{number(read)} of {number(total)}" if total else number(read)
