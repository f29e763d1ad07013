"""The data of the buyer: what is stored, the files to take along, and the deletion of the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.portal.passes import Access
from bridge.runtime import runtime
from bridge.services.metering import confirmations
from bridge.services.ops import account_erasure
from bridge.services.portal.sessions import Buyer
from bridge.web.api.user_export import export_response
from bridge.web.context import in_transaction, utcnow
from bridge.web.i18n.formatting import Language, isolate
from bridge.web.i18n.messages import texts_of
from bridge.web.portal import notices, pages
from bridge.web.portal import sessions as browser
from bridge.web.portal.notices import Notice

bp = Blueprint("portal_data", __name__, url_prefix="/account/data")


@dataclass(frozen=True, slots=True)
class DataPage:
    """The contents of the page; `confirm` is the text to type, `is_fresh` whether the account may be deleted now.

    `confirm_paid` is the buyer's setting, `is_saved` whether it was saved just now.
    """

    facts: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    confirm_paid: bool
    is_saved: bool
    confirm: str
    is_fresh: bool
    typed: str
    error: str


@bp.get("")
@browser.needs(Access.FULL)
def show() -> ResponseReturnValue:
    """Show what is stored about the buyer."""
    page = data_page(browser.buyer(), browser.language(), now=utcnow())
    return pages.render("portal/own_data.html", page=page)


@bp.get("/export")
@browser.needs(Access.FULL)
def download() -> ResponseReturnValue:
    """Send everything that is stored about the buyer: `?format=csv` as a ZIP file of tables, else JSON."""
    buyer = browser.buyer()
    return export_response(buyer.store, buyer.account)


@bp.post("/confirmation")
@browser.needs(Access.FULL)
def set_confirmation() -> ResponseReturnValue:
    """Save whether the buyer wants to be asked before tokens of their balance are used."""
    buyer, now = browser.buyer(), utcnow()
    user_id, wanted = buyer.session.user_id, request.form.get("confirm_paid") == "yes"
    in_transaction(
        lambda connection: confirmations.set_wanted(
            connection, buyer.store.id, user_id, wanted, actor=f"user {user_id}", now=now
        )
    )
    return redirect(url_for("portal_data.show", saved="", _anchor="confirmation"), 303)


@bp.post("/delete")
@browser.needs(Access.FULL)
def delete() -> ResponseReturnValue:
    """Erase the buyer, who came with a pass a moment ago and typed the confirmation; their sessions end."""
    buyer, language, now = browser.buyer(), browser.language(), utcnow()
    typed = request.form.get("confirm", "").strip()[:320]
    if not buyer.is_fresh(now):
        return browser.show_notice(Notice.NOT_FRESH, 403)
    if typed.casefold() != _confirmation(buyer).casefold():
        error = texts_of(language).gettext("This is not the same text. Nothing was deleted.")
        page = data_page(buyer, language, typed=typed, error=error, now=now)
        return pages.render("portal/own_data.html", page=page), 422
    user_id = buyer.session.user_id
    account_erasure.erase(runtime().database, buyer.store, user_id, actor=f"user {user_id}", clock=utcnow)
    back = notices.way_to(buyer.session.return_url)
    return browser.end(make_response(notices.show(Notice.DELETED, 200, language=language, back=back)))


def data_page(buyer: Buyer, language: Language, *, typed: str = "", error: str = "", now: datetime) -> DataPage:
    """Return what is stored about a buyer; `typed` and `error` are those of a form that is shown again."""
    texts, account = texts_of(language), buyer.account
    facts = (
        (texts.gettext("Name"), isolate(account.name or "", language)),
        (texts.gettext("Email"), isolate(account.email or "", language)),
        (texts.gettext("Roles in the shop"), isolate(", ".join(account.roles), language)),
        (texts.gettext("Number of the user"), str(account.user_id)),
    )
    every = texts.gettext("Everything that is stored about you")
    files = (
        (f"{every} (ZIP, CSV)", url_for("portal_data.download", format="csv")),
        (f"{every} (JSON)", url_for("portal_data.download")),
        (f"{texts.gettext('Usage')} (CSV)", url_for("portal_usage.download", days=365)),
        (f"{texts.gettext('Transactions')} (CSV)", url_for("portal_transactions.download")),
        (f"{texts.gettext('Purchases')} (CSV)", url_for("portal_purchases.download")),
    )
    return DataPage(
        facts=tuple((label, value) for label, value in facts if value),
        files=files,
        confirm_paid=buyer.account.confirm_paid,
        is_saved="saved" in request.args,
        confirm=_confirmation(buyer),
        is_fresh=buyer.is_fresh(now),
        typed=typed,
        error=error,
    )


def _confirmation(buyer: Buyer) -> str:
    return buyer.account.email or str(buyer.account.user_id)
