"""The view of the Exceptions page: the orders that need attention, and the forms to decide about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bridge.domain.admin.user_list import Listing, Sort
from bridge.domain.orders.merge import OrderState
from bridge.domain.orders.review import WANT_AMOUNTS, open_lines
from bridge.domain.orders.review_items import Question, ReviewItem
from bridge.domain.stores.stores import Store
from bridge.services.admin import user_list
from bridge.services.orders import late_packages
from bridge.services.shop import review
from bridge.services.shop.review import OpenOrder
from bridge.storage.engine.database import Connection
from bridge.web.admin import shop_links
from bridge.web.admin.curl import Calls
from bridge.web.admin.exceptions_calls import ABOUT_REFUNDS, exceptions_calls
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time, zone_name

_LATE = 5
"""The most products listed with orders from before they were packages."""

PAGE = 50
"""How many orders a page shows."""

MATCHES = 10
"""The most users to choose from when an order is assigned."""


@dataclass(frozen=True, slots=True)
class UserMatch:
    """One user to choose; `text` has the name, the email and the ID."""

    user_id: int
    text: str
    balance: int


@dataclass(frozen=True, slots=True)
class AssignForm:
    """The form that assigns an order to a user, with the typed value and the users whose name or email has it."""

    number: int
    user_id: str = ""
    error: str = ""
    matches: tuple[UserMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class AmountForm:
    """The forms that set the tokens of an order's lines, with the value typed for one line; 0 for no line."""

    number: int
    line_id: int = 0
    tokens: str = ""
    error: str = ""


Form = AssignForm | AmountForm


@dataclass(frozen=True, slots=True)
class LineField:
    """One order line without an amount, and its field; `sku` is empty if there is none."""

    id: int
    name: str
    sku: str
    quantity: int | Decimal
    tokens: str
    error: str


@dataclass(frozen=True, slots=True)
class RefundsShown:
    """The refunds to review in a row: the values to send back, and their money as text."""

    ids: str
    total: str
    text: str


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One order of the list; `total` is money as the shop writes it, `url` its page in WooCommerce.

    `items` are its review items, the most urgent first. `is_nameless` means that
    some lines need an amount; `lines` are their fields if the form is open.
    `refunds` is None if they need no review.
    """

    number: int
    shown: str
    url: str
    items: tuple[ReviewItem, ...]
    email: str
    name: str
    placed: LocalTime | None
    total: str
    user_id: int | None
    is_guests: bool
    is_nameless: bool
    refunds: RefundsShown | None
    form: AssignForm | None
    lines: tuple[LineField, ...]


@dataclass(frozen=True, slots=True)
class ExceptionsPage:
    """The contents of the Exceptions page; `next` is the order after which the next page begins.

    `error` is the error of a form whose order is no longer in the list, `late`
    the packages with orders from before they were packages, `checked` is
    when the shop was last read or sent a webhook: None if it never was, and on a page with rows.
    """

    store: Store
    open_questions: str
    zone: str
    rows: tuple[ExceptionRow, ...]
    after: int
    next: int | None
    error: str
    calls: Calls
    checked: LocalTime | None
    late: tuple[str, ...] = ()


def build(connection: Connection, store: Store, *, after: int = 0, form: Form | None = None) -> ExceptionsPage:
    """Return the orders with open review items, with a number above `after`."""
    found, following = review.list_open(connection, store.id, after=after, limit=PAGE)
    rows = tuple(_row(store, one, known, form) for one, known in found)
    is_shown = any(row.form or any(line.error for line in row.lines) for row in rows)
    return ExceptionsPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        zone=zone_name(store.calendar.zone),
        rows=rows,
        after=after,
        next=following,
        error=form.error if form is not None and not is_shown else "",
        checked=None if found else _checked(connection, store),
        calls=exceptions_calls(_shown_order(found, form), after=after, limit=PAGE),
        late=tuple(
            late.package.name or str(late.package.product_id)
            for late in late_packages.list_late(connection, store.id)[:_LATE]
        ),
    )


def _checked(connection: Connection, store: Store) -> LocalTime | None:
    at = review.find_last_checked(connection, store.id)
    return local_time(at, store.calendar.zone) if at else None


def _shown_order(found: Sequence[tuple[OpenOrder, OrderState]], form: Form | None) -> OrderState | None:
    """Return the order whose form is open, or the first one of the list."""
    orders = [known for _, known in found]
    return next((known for known in orders if form and known.number == form.number), next(iter(orders), None))


def _row(store: Store, one: OpenOrder, known: OrderState, form: Form | None) -> ExceptionRow:
    form = form if form is not None and form.number == one.number else None
    kinds = {item.kind for item in known.reviews}
    is_nameless = bool(kinds & WANT_AMOUNTS)
    return ExceptionRow(
        number=one.number,
        shown=known.shown_number,
        url=shop_links.order_url(store, one.number),
        items=known.reviews,
        email=one.email,
        name=one.name,
        placed=local_time(one.placed_at, store.calendar.zone) if one.placed_at else None,
        total=f"{one.total} {one.currency}".strip(),
        user_id=one.user_id,
        is_guests=Question.NO_BUYER in kinds,
        is_nameless=is_nameless,
        refunds=_refunds(known) if kinds & ABOUT_REFUNDS else None,
        form=form if isinstance(form, AssignForm) else None,
        lines=_fields(known, form) if isinstance(form, AmountForm) and is_nameless else (),
    )


def _fields(known: OrderState, form: AmountForm) -> tuple[LineField, ...]:
    return tuple(
        LineField(
            id=line.line.id,
            name=line.line.name or f"Line {line.line.id}",
            sku=line.line.sku,
            quantity=line.line.quantity or 0,
            tokens=form.tokens if line.line.id == form.line_id else "",
            error=form.error if line.line.id == form.line_id else "",
        )
        for line in open_lines(known)
    )


def _refunds(known: OrderState) -> RefundsShown:
    refunds = known.refunds
    return RefundsShown(
        ids=",".join(map(str, refunds.ids)),
        total=f"{refunds.total:f}",
        text=f"{refunds.total:f} {known.currency}".strip(),
    )


def matching_users(connection: Connection, store: Store, typed: str, *, now: datetime) -> tuple[UserMatch, ...]:
    """Return the first users whose name or email has every word that was typed; none for an empty text."""
    if not typed:
        return ()
    page = user_list.list_page(connection, store, Listing(search=typed, sort=Sort.ACTIVE, page=MATCHES), now=now)
    return tuple(
        UserMatch(line.user_id, " · ".join(filter(None, (line.name, line.email, f"user {line.user_id}"))), line.balance)
        for line in page.lines
    )
