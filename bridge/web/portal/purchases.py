"""The purchases of the buyer: what each granted, what was refunded, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.portal.passes import Access
from bridge.services.admin.store_stats import today_of
from bridge.services.orders import purchases as service
from bridge.services.orders import remaining
from bridge.services.orders.purchases import Purchase, PurchasedLine
from bridge.services.portal.sessions import Buyer
from bridge.storage.engine.database import Connection
from bridge.web.allowances import percent_of
from bridge.web.api.parsing import path_number
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import Language, LocalTime, isolate, local_time, money, number, shortened, zone_name
from bridge.web.i18n.messages import Texts, marked, texts_of
from bridge.web.portal import pages, tables
from bridge.web.portal import sessions as browser
from bridge.web.receipts.response import receipt_response

bp = Blueprint("portal_purchases", __name__, url_prefix="/account/purchases")

PAGE = 20
_HEADINGS = (
    *(marked("Order"), marked("When"), marked("What"), marked("Price"), marked("Currency")),
    *(marked("Tokens"), marked("Refunded"), marked("Left")),
)
"""The columns of the file."""


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    """One purchase; an empty text is not shown, and `percent_left` is None where it granted no tokens."""

    order: str
    at: LocalTime | None
    lines: tuple[str, ...]
    price: str
    tokens: str
    refunded: str
    left: str
    percent_left: int | None
    receipt: str


@dataclass(frozen=True, slots=True)
class PurchasesPage:
    """A page of purchases, the newest first; `older` and `newest` lead to the pages beside it, or are empty."""

    rows: tuple[PurchaseRow, ...]
    older: str
    newest: str
    csv: str
    zone: str


@bp.get("")
@browser.needs(Access.FULL)
def show() -> ResponseReturnValue:
    """Show the purchases of the buyer."""
    text = request.args.get("before")
    before = None if text is None else path_number(text, "before", low=0)
    with reading() as connection:
        page = purchases_page(connection, browser.buyer(), before, browser.language())
    return pages.render("portal/purchases.html", page=page)


@bp.get("/file.csv")
@browser.needs(Access.FULL)
def download() -> Response:
    """Send every purchase of the buyer as a file."""
    buyer, language, now = browser.buyer(), browser.language(), utcnow()
    return tables.file_of(
        lambda connection: _csv_rows(connection, buyer, texts_of(language), now=now),
        name=f"purchases-{today_of(buyer.store, now).isoformat()}",
        language=language,
    )


@bp.get("/<order>/receipt.pdf")
@browser.needs(Access.FULL)
def download_receipt(order: str) -> ResponseReturnValue:
    """Send the receipt of one purchase."""
    buyer = browser.buyer()
    return receipt_response(buyer.store, buyer.account, path_number(order, "order"), language=browser.language())


def purchases_page(connection: Connection, buyer: Buyer, before: int | None, language: Language) -> PurchasesPage:
    """Return the purchases below the order number `before`, or the newest."""
    found = service.list_purchases(connection, buyer.account, before=before, limit=PAGE)
    left, texts = remaining.tokens_left(connection, buyer.account), texts_of(language)
    older = "" if found.next_before is None else url_for("portal_purchases.show", before=found.next_before)
    return PurchasesPage(
        rows=tuple(_row(buyer, purchase, left, texts) for purchase in found.purchases),
        older=older,
        newest="" if before is None else url_for("portal_purchases.show"),
        csv=url_for("portal_purchases.download"),
        zone=zone_name(buyer.store.calendar.zone),
    )


def _row(buyer: Buyer, purchase: Purchase, left: Mapping[int, int], texts: Texts) -> PurchaseRow:
    language, zone = texts.language, buyer.store.calendar.zone
    kept = purchase.tokens - purchase.reversed
    rest = min(kept, left.get(purchase.order_number, 0))
    return PurchaseRow(
        order=texts.gettext("Order {number}", number=isolate(purchase.shown_number, language)),
        at=local_time(purchase.placed_at, zone, language) if purchase.placed_at else None,
        lines=shortened(
            (line_text(line, texts, isolate(line.name, language)) for line in purchase.lines),
            len(purchase.lines),
            language,
        ),
        price=money(purchase.total, purchase.currency, language),
        tokens=texts.ngettext("{n} token", "{n} tokens", purchase.tokens) if purchase.tokens else "",
        refunded=texts.ngettext("{n} refunded", "{n} refunded", purchase.reversed) if purchase.reversed else "",
        left=_left(texts, rest, kept) if kept else "",
        percent_left=percent_of(rest, kept) if kept else None,
        receipt=url_for("portal_purchases.download_receipt", order=purchase.order_number),
    )


def line_text(line: PurchasedLine, texts: Texts, name: str) -> str:
    """Return a package of a purchase under a name; a plan with its tokens a month."""
    text = f"{name} × {line.quantity}"
    if line.months is None:
        return text
    term = texts.ngettext(
        "{tokens} a month, for {n} month",
        "{tokens} a month, for {n} months",
        line.months,
        tokens=number(line.tokens_each, texts.language),
    )
    return f"{text} ({term})"


def _left(texts: Texts, rest: int, kept: int) -> str:
    if rest == 0:
        return texts.gettext("All used")
    if rest == kept:
        return texts.gettext("Not used yet")
    return texts.ngettext("{n} left", "{n} left", rest)


def _csv_rows(connection: Connection, buyer: Buyer, texts: Texts, *, now: datetime) -> Iterator[Sequence[str | int]]:
    zone, left = buyer.store.calendar.zone, remaining.tokens_left(connection, buyer.account)
    yield (texts.gettext("Purchases"), buyer.store.name)
    yield (texts.gettext("To"), now.astimezone(zone).isoformat(sep=" ", timespec="minutes")[:16], zone_name(zone))
    yield ()
    yield tuple(texts.gettext(text) for text in _HEADINGS)
    before: int | None = None
    while True:
        page = service.list_purchases(connection, buyer.account, before=before, limit=200)
        for purchase in page.purchases:
            kept = purchase.tokens - purchase.reversed
            placed = purchase.placed_at.astimezone(zone) if purchase.placed_at else None
            yield (
                purchase.shown_number,
                placed.isoformat(sep=" ", timespec="seconds")[:19] if placed else "",
                ", ".join(
                    shortened((line_text(line, texts, line.name) for line in purchase.lines), len(purchase.lines))
                ),
                _decimal(purchase, texts.language),
                purchase.currency,
                purchase.tokens,
                purchase.reversed,
                min(kept, left.get(purchase.order_number, 0)),
            )
        if page.next_before is None:
            return
        before = page.next_before


def _decimal(purchase: Purchase, language: Language) -> str:
    text = str(purchase.total)
    return text if tables.separator(language) == "," else text.replace(".", ",")
