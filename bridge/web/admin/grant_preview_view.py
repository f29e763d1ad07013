"""The view of the page that says what a product or an order would grant, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bridge.domain.errors import UnknownOrder
from bridge.domain.orders.merge import Basis, Effect
from bridge.domain.orders.packages import Package
from bridge.domain.stores.stores import Store
from bridge.rendering import amounts
from bridge.rendering.amounts import count_tokens
from bridge.services.orders import comparisons, grant_preview, packages
from bridge.services.orders.grant_preview import Asked, Preview, PreviewedLine
from bridge.storage.engine.database import Connection
from bridge.web.admin import shop_links
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.sync_view import SyncBadge, badge
from bridge.web.i18n.formatting import number

LISTED = 200
"""The most products that the field suggests."""


@dataclass(frozen=True, slots=True)
class PreviewForm:
    """The typed values; `asked` or `order` is the question, `error` is about the field `error_field`."""

    product: str = ""
    quantity: str = "1"
    stamp: str = ""
    order: str = ""
    asked: Asked | None = None
    error: str = ""
    error_field: str = ""


@dataclass(frozen=True, slots=True)
class LineWords:
    """One line of an order in words: its product, its amount, and what it grants."""

    product: str
    quantity: str
    amount: str
    grants: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer: a sentence, the tone of its notice, and what leads to it as terms and lines."""

    sentence: str
    tone: str
    terms: tuple[tuple[str, str], ...]
    lines: tuple[LineWords, ...]
    shop_url: str = ""
    has_questions: bool = False
    sync: SyncBadge | None = None


@dataclass(frozen=True, slots=True)
class GrantPreviewPage:
    """The contents of the page."""

    store: Store
    open_questions: str
    form: PreviewForm
    products: Sequence[tuple[str, str]]
    answer: Answered | None
    calls: Calls


def build(connection: Connection, store: Store, form: PreviewForm, *, now: datetime) -> GrantPreviewPage:
    """Return the page with the answer to its form, or an error in it."""
    answer = None
    if not form.error and form.order:
        try:
            answer = _of_order(store, preview := grant_preview.of_order(connection, store, form.order))
            compared = comparisons.find(connection, store.id, [preview.order.number]).get(preview.order.number)
            answer = replace(answer, sync=badge(compared, store.calendar.zone))
        except UnknownOrder:
            error = "The shop has sent no order with this number. Check it on the Exceptions page to read it."
            form = PreviewForm(order=form.order, error=error, error_field="order")
    elif not form.error and form.asked is not None:
        answer = _of_line(store, grant_preview.of_line(connection, store, form.asked, now=now))
    listed = packages.list_packages(connection, store.id, after=None, limit=LISTED)
    return GrantPreviewPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        form=form,
        products=tuple((_key(package), package.name or package.sku) for package in listed),
        answer=answer,
        calls=_calls(form),
    )


def _calls(form: PreviewForm) -> Calls:
    if form.order:
        return (call("Grant of an order", "GET", "/v1/grants/preview", query={"order": form.order}),)
    asked = form.asked or Asked(10)
    query = {
        "product": asked.product_id,
        "variation": asked.variation_id or None,
        "quantity": str(asked.quantity),
        "stamp": asked.stamp,
    }
    return (call("Grant of a product", "GET", "/v1/grants/preview", query=query),)


def _key(package: Package) -> str:
    return f"{package.product_id}/{package.variation_id}" if package.variation_id else str(package.product_id)


def _of_line(store: Store, preview: Preview) -> Answered:
    line = preview.lines[0]
    what = f"An order of {_quantity(line)} × {_product(line)}"
    statuses = " or ".join(store.grant_statuses)
    if line.state.line.id in preview.too_large:
        sentence = f"{what} grants nothing by itself: it would be more than an account can hold, and waits for a person"
        tone = "bad"
    elif line.months:
        each = count_tokens(line.state.tokens or 0)
        sentence, tone = f"{what} gives {each} a month for {_months(line.months)}", "good"
    elif line.owed:
        sentence, tone = f"{what} grants {count_tokens(line.owed)}", "good"
    elif line.state.tokens is None:
        sentence, tone = f"{what} waits: its amount is not clear", "warn"
    else:
        sentence, tone = f"{what} grants nothing", "warn"
    terms = [("Amount", _amount(line))]
    if line.state.tokens and not line.months:
        terms.append(("Calculation", f"{number(line.state.tokens)} × {_quantity(line)}, rounded down"))
    terms.append(("When", f"As soon as the status of the order is {statuses}, once for each order."))
    return Answered(f"{sentence}.", tone, tuple(terms), ())


def _of_order(store: Store, preview: Preview) -> Answered:
    order = preview.order
    owed, granted = preview.owed, preview.granted
    what = f"Order {order.shown_number} ({order.status})"
    if any(line.months for line in preview.lines):
        sentence = f"{what} grants {count_tokens(owed)} and plans for the months below"
    else:
        sentence = f"{what} grants {count_tokens(owed)}" if owed else f"{what} grants nothing"
    waiting = [line for line in preview.lines if line.state.tokens is None and line.state.line.quantity]
    if waiting:
        sentence = f"{sentence}. {_lines(len(waiting))} for an amount"
    tone = "warn" if waiting or owed != granted else "good"
    terms = [("Status", _EFFECTS[preview.effect].format(status=order.status or "the trash"))]
    if order.refunded:
        money = f"{order.refunded} of {order.total} {order.currency}".strip()
        terms.append(("Refunds", f"{money} was refunded. A refund removes its share of the tokens."))
    terms.append(("Granted so far", count_tokens(granted)))
    if owed != granted:
        change = (
            f"would add {count_tokens(owed - granted)}" if owed > granted else f"removes {count_tokens(granted - owed)}"
        )
        terms.append(("Processing it again", f"{change[0].upper()}{change[1:]}, unless the order waits for its buyer."))
    return Answered(
        f"{sentence}.",
        tone,
        tuple(terms),
        tuple(_words(preview, line) for line in preview.lines),
        shop_url=shop_links.order_url(store, order.number),
        has_questions=bool(order.reviews),
    )


_EFFECTS = {
    Effect.GRANTS: "{status}: the order grants.",
    Effect.REVOKES: "{status}: the tokens that were granted are removed.",
    Effect.KEEPS: "{status}: the order does not grant in this status.",
}


def _words(preview: Preview, line: PreviewedLine) -> LineWords:
    if line.covered_by:
        grants = f"Nothing: order {line.covered_by} grants it."
    elif line.state.line.id in preview.too_large:
        grants = "More than an account can hold: it waits for a person."
    elif line.months:
        grants = f"{count_tokens(line.state.tokens or 0)} a month for {_months(line.months)}"
    elif line.state.tokens is None:
        grants = "Waits for its amount" if line.state.line.quantity else "Nothing: the line left the order."
    else:
        grants = count_tokens(line.owed) if line.owed else "Nothing"
    return LineWords(_product(line), _quantity(line), _amount(line), grants)


def _amount(line: PreviewedLine) -> str:
    """Return where the amount of a line comes from, as a sentence."""
    state, package = line.state, line.package
    each = f"{count_tokens(state.tokens or 0)} {'a month' if state.months else 'per unit'}"
    set_by = "in the shop" if package is None or package.admin_tokens is None else "here"
    stated = state.line.unclear_stamp
    unclear = f"the shop wrote {stated} on the line" if stated else "the amount of the product is not clear"
    if not stated and package is not None and package.open_fault is not None:
        unclear = amounts.describe(package.open_fault)
    sentences = {
        Basis.STAMP: f"{each}, written on the order line.",
        Basis.VARIATION: f"{each}: the variation’s amount, set {set_by}.",
        Basis.PRODUCT: f"{each}: the product’s amount, set {set_by}.",
        Basis.SKU: f"{each}: the amount of the one package with the same SKU or name.",
        Basis.HAND: f"{each}, set for this order by {state.set_by}.",
        Basis.NO_PACKAGE: "The product is not a package.",
        Basis.LEFT: "The product became a package later, and the order was left at 0.",
        Basis.UNCLEAR: f"Not readable: {unclear}.",
        Basis.SAME_SKU: "Several packages with other amounts have the SKU. Set the amount of this product here.",
    }
    if state.basis is not None:
        return sentences[state.basis]
    if package is not None and package.is_per_variation:
        return "Each variation has an amount of its own. Name the variation."
    return "The product is not known. Import the products, or set its amount here."


def _product(line: PreviewedLine) -> str:
    stated, package = line.state.line, line.package
    name = stated.name or (package.name if package is not None else "")
    return name or amounts.name_product(stated.product_id, stated.variation_id, "")


def _quantity(line: PreviewedLine) -> str:
    quantity = line.state.line.quantity or 0
    return f"{quantity.normalize():f}" if isinstance(quantity, Decimal) else number(quantity)


def _lines(count: int) -> str:
    return "1 line waits" if count == 1 else f"{number(count)} lines wait"


def _months(count: int) -> str:
    return "1 month" if count == 1 else f"{number(count)} months"
