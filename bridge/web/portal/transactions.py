"""The ledger of the buyer: each movement of the balance, with the balance after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.portal.passes import Access
from bridge.rendering.ids import decode_id, encode_id
from bridge.services.accounts import profiles
from bridge.services.admin.store_stats import today_of
from bridge.services.metering import overview as accounts
from bridge.services.portal.sessions import Buyer
from bridge.storage.engine.database import Connection
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import Language, zone_name
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.portal import entries, pages, tables
from bridge.web.portal import sessions as browser
from bridge.web.portal.entries import EntryRow

bp = Blueprint("portal_transactions", __name__, url_prefix="/account/transactions")

PAGE = 50
_READ = 200
"""How many entries the file reads at a time."""


@dataclass(frozen=True, slots=True)
class TransactionsPage:
    """A page of movements, the newest first; `older` and `newest` lead to the pages beside it, or are empty."""

    rows: tuple[EntryRow, ...]
    older: str
    newest: str
    csv: str
    zone: str


@bp.get("")
@browser.needs(Access.FULL)
def show() -> ResponseReturnValue:
    """Show the movements of the buyer's balance."""
    before = _before()
    with reading() as connection:
        page = transactions_page(connection, browser.buyer(), before, browser.language())
    return pages.render("portal/transactions.html", page=page)


@bp.get("/file.csv")
@browser.needs(Access.FULL)
def download() -> Response:
    """Send every movement of the buyer's balance as a file."""
    buyer, language, now = browser.buyer(), browser.language(), utcnow()
    return tables.file_of(
        lambda connection: _csv_rows(connection, buyer, texts_of(language), now=now),
        name=f"transactions-{today_of(buyer.store, now).isoformat()}",
        language=language,
    )


def transactions_page(connection: Connection, buyer: Buyer, before: int | None, language: Language) -> TransactionsPage:
    """Return the movements older than the entry `before`, or the newest."""
    policy, texts = accounts.get_policy(connection, buyer.store.id), texts_of(language)
    found = profiles.list_entries(connection, buyer.account, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    has_more = len(found) > PAGE
    return TransactionsPage(
        rows=entries.rows(connection, shown, policy, texts),
        older=url_for("portal_transactions.show", before=encode_id("en", shown[-1].id)) if has_more else "",
        newest="" if before is None else url_for("portal_transactions.show"),
        csv=url_for("portal_transactions.download"),
        zone=zone_name(buyer.store.calendar.zone),
    )


def _csv_rows(connection: Connection, buyer: Buyer, texts: Texts, *, now: datetime) -> Iterator[Sequence[str | int]]:
    policy, zone = accounts.get_policy(connection, buyer.store.id), buyer.store.calendar.zone
    yield (texts.gettext("Transactions"), buyer.store.name)
    yield (texts.gettext("To"), now.astimezone(zone).isoformat(sep=" ", timespec="minutes")[:16], zone_name(zone))
    yield ()
    yield tuple(texts.gettext(text) for text in entries.HEADINGS)
    before: int | None = None
    while page := profiles.list_entries(connection, buyer.account, before=before, limit=_READ):
        numbers = entries.shown_numbers(connection, page, buyer.store.id)
        for entry in page:
            local = entry.created_at.astimezone(zone).isoformat(sep=" ", timespec="seconds")[:19]
            label = entries.label_of(entry, policy, texts, numbers)
            yield (local, label, entry.tokens, entry.balance_after, entry.debt_after)
        before = page[-1].id


def _before() -> int | None:
    text = request.args.get("before")
    if text is None:
        return None
    found = decode_id("en", text)
    if found is None:
        raise InvalidRequest(fields=[FieldError("before", "follow the link of an earlier page")])
    return found
