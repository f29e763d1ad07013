"""The first page of the portal: what the buyer has, what is free, and what moved last. Passes arrive here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.portal.passes import Access, Purpose, Refused
from bridge.services.accounts import profiles
from bridge.services.metering.overview import get_overview
from bridge.services.orders import packages
from bridge.services.portal import passes, sessions
from bridge.services.portal.passes import Opened
from bridge.services.portal.sessions import Buyer
from bridge.services.portal.waiting import waiting_for
from bridge.storage.engine.database import Connection
from bridge.web import allowances
from bridge.web.allowances import AllowanceRow
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import Language, local_time, number, zone_name
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.portal import entries, notices, pages
from bridge.web.portal import sessions as browser
from bridge.web.portal.entries import EntryRow
from bridge.web.portal.notices import Notice, Way
from bridge.web.portal.previews import is_preview
from bridge.web.spend_order import spend_order

bp = Blueprint("portal", __name__, url_prefix="/account")

LATEST = 5
"""How many of the last movements the page lists."""


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The contents of the page; an empty text is not shown."""

    balance: str
    available: str
    debt: str
    waiting: str
    order: str
    is_low: bool
    is_empty: bool
    buys: bool
    plan: AllowanceRow | None
    rows: tuple[AllowanceRow, ...]
    paid_only: str
    latest: tuple[EntryRow, ...]
    shows_latest: bool
    zone: str
    as_of: str


@bp.get("")
def overview() -> ResponseReturnValue:
    """Show the overview, or let a pass in: its link redirects to the address without it."""
    if "pass" in request.args:
        return _arrive(request.args["pass"])
    return _overview()


@bp.post("/enter")
def enter() -> ResponseReturnValue:
    """Let a pass in that a person sends with the button of the page for previews."""
    return _use(request.form.get("pass", ""))


@bp.post("/sign-out")
@browser.needs(Access.NONE)
def sign_out() -> ResponseReturnValue:
    """End the session and lead back to the site."""
    back, language = notices.way_to(browser.buyer().session.return_url), browser.language()
    if back.url:
        return browser.end(make_response(redirect(back.url, 303)))
    return browser.end(notices.show(Notice.ENDED, 200, language=language))


@browser.needs(Access.PARTIAL)
def _overview() -> ResponseReturnValue:
    now, language, buyer = utcnow(), browser.language(), browser.buyer()
    with reading() as connection:
        page = overview_page(connection, buyer, language, now=now)
    return pages.render("portal/overview.html", page=page)


def overview_page(connection: Connection, buyer: Buyer, language: Language, *, now: datetime) -> OverviewPage:
    """Return the overview of a buyer."""
    known, texts = get_overview(connection, buyer.account, now=now), texts_of(language)
    policy, balance, zone = known.policy, known.balance, known.policy.calendar.zone
    waiting = waiting_for(connection, buyer.store, buyer.account)
    latest = profiles.list_entries(connection, buyer.account, before=None, limit=LATEST)
    shows_latest = buyer.session.access is Access.FULL
    rows = allowances.rows(policy, known.allowances, policy.module_keys, language, now=now)
    return OverviewPage(
        balance=number(balance.balance, language),
        available=_available(texts, balance.held, balance.available) if balance.held else "",
        debt=_debt(texts, balance.debt) if balance.debt else "",
        waiting=_waiting(texts, waiting.orders, waiting.tokens) if waiting.orders else "",
        order=spend_order(texts, known),
        is_low=0 < balance.available < policy.store.low_balance,
        is_empty=balance.available == 0,
        buys=bool(policy.store.purchase_url) or packages.has_offers(connection, buyer.store.id),
        plan=allowances.plan_row(policy, known.plan, language, now=now),
        rows=tuple(row for row in rows if row.state != "none"),
        paid_only=", ".join(row.label for row in rows if row.state == "none"),
        latest=entries.rows(connection, latest, policy, texts) if shows_latest else (),
        shows_latest=shows_latest,
        zone=zone_name(zone),
        as_of=local_time(now, zone, language).text,
    )


def _arrive(token: str) -> ResponseReturnValue:
    if is_preview(request):
        with reading() as connection:
            opened = passes.look(connection, token, Purpose.PORTAL, now=utcnow())
        texts = texts_of(browser.language_of_pass(opened.found))
        return notices.render("portal/enter.html", texts, token=token, action=url_for("portal.enter"), person="")
    return _use(token)


def _use(token: str) -> ResponseReturnValue:
    # Looked up first: a flood of unknown passes takes no write lock.
    with reading() as connection:
        opened = passes.look(connection, token, Purpose.PORTAL, now=utcnow())
    if opened.refused is not None:
        return _refuse(opened)
    begun = in_transaction(lambda connection: sessions.begin(connection, token, now=utcnow()))
    if begun.refused is not None:
        return _refuse(Opened(begun.found, begun.refused))
    return browser.begin(begun.session_id)


def _refuse(opened: Opened) -> ResponseReturnValue:
    back = Way() if opened.found is None else notices.way_to(opened.found.return_url)
    language = browser.language_of_pass(opened.found)
    return notices.refuse(opened.refused or Refused.UNKNOWN, language=language, back=back)


def _available(texts: Texts, held: int, available: int) -> str:
    return texts.gettext(
        "{held} of them set aside for work in progress, {available} available",
        held=number(held, texts.language),
        available=number(available, texts.language),
    )


def _debt(texts: Texts, count: int) -> str:
    return texts.ngettext(
        "{n} token is owed and comes off your next purchase",
        "{n} tokens are owed and come off your next purchase",
        count,
    )


def _waiting(texts: Texts, orders: int, tokens: int) -> str:
    text = texts.ngettext(
        "{n} paid order waits for the shop to confirm whose it is.",
        "{n} paid orders wait for the shop to confirm whose they are.",
        orders,
    )
    return f"{text} ({texts.ngettext('{n} token', '{n} tokens', tokens)})" if tokens else text
