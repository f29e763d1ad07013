"""The plan of the buyer: what it gives each month, when it renews, and the terms that were bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint
from flask.typing import ResponseReturnValue

from bridge.domain.metering.plans import Allotment, Term
from bridge.domain.portal.passes import Access
from bridge.services.metering import plans
from bridge.services.metering.overview import get_overview
from bridge.services.orders import purchases
from bridge.services.portal.sessions import Buyer
from bridge.storage.engine.database import Connection
from bridge.web import allowances
from bridge.web.allowances import AllowanceRow
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import Language, LocalTime, isolate, local_time, number, zone_name
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.portal import pages
from bridge.web.portal import sessions as browser
from bridge.web.portal.offers import Offer, list_offers

bp = Blueprint("portal_plan", __name__, url_prefix="/account/plan")

TERMS = 50
"""How many bought terms the page lists, the newest first."""


@dataclass(frozen=True, slots=True)
class Running:
    """A plan that runs now: its tokens a month, when they are renewed (None for the last month), and its end."""

    name: str
    tokens: str
    renews: LocalTime | None
    ends: LocalTime


@dataclass(frozen=True, slots=True)
class TermRow:
    """A term that was bought."""

    bought: LocalTime
    name: str
    order: str
    length: str
    is_refunded: bool


@dataclass(frozen=True, slots=True)
class PlanPage:
    """The contents of the page; without a plan, `usage` is None and `running` is empty.

    `offers` are the plans for sale, and `words` what buying each does to a plan that
    runs, by its product.
    """

    usage: AllowanceRow | None
    running: tuple[Running, ...]
    terms: tuple[TermRow, ...]
    offers: tuple[Offer, ...]
    words: Mapping[int, str]
    zone: str


@bp.get("")
@browser.needs(Access.FULL)
def show() -> ResponseReturnValue:
    """Show the plan of the buyer."""
    with reading() as connection:
        page = plan_page(connection, browser.buyer(), browser.language(), now=utcnow())
    return pages.render("portal/plan.html", page=page)


def plan_page(connection: Connection, buyer: Buyer, language: Language, *, now: datetime) -> PlanPage:
    """Return the plans of a buyer."""
    known, texts = get_overview(connection, buyer.account, now=now), texts_of(language)
    found = plans.of_account(connection, buyer.account, known.policy.calendar.zone, now=now)
    terms = found.terms[:TERMS]
    offers = tuple(offer for offer in list_offers(connection, buyer, language) if offer.monthly)
    numbers = purchases.shown_numbers(connection, buyer.store.id, {term.order_number for term in terms})
    return PlanPage(
        usage=allowances.plan_row(known.policy, known.plan, language, now=now),
        running=tuple(_running(each, buyer, texts) for each in found.running),
        terms=tuple(_term(term, numbers.get(term.order_number, ""), buyer, texts) for term in terms),
        offers=offers,
        words={offer.product_id: _word(offer, found.running, texts) for offer in offers},
        zone=zone_name(known.policy.calendar.zone),
    )


def _word(offer: Offer, running: Sequence[Allotment], texts: Texts) -> str:
    """Return what buying a plan does: it extends the same one, or gives more tokens than any that runs."""
    if any(each.product_id == offer.product_id for each in running):
        return texts.gettext("Extend")
    if running and offer.monthly > max(each.tokens for each in running):
        return texts.gettext("Upgrade")
    return texts.gettext("Add to cart")


def _running(found: Allotment, buyer: Buyer, texts: Texts) -> Running:
    language, zone = texts.language, buyer.store.calendar.zone
    renews_at = found.window.ends_at
    return Running(
        name=isolate(found.name, language),
        tokens=number(found.tokens, language),
        renews=local_time(renews_at, zone, language) if renews_at is not None and renews_at < found.ends_at else None,
        ends=local_time(found.ends_at, zone, language),
    )


def _term(term: Term, order: str, buyer: Buyer, texts: Texts) -> TermRow:
    language = texts.language
    return TermRow(
        bought=local_time(term.bought_at, buyer.store.calendar.zone, language),
        name=isolate(term.name, language),
        order=isolate(order, language),
        length=texts.ngettext(
            "{tokens} a month, for {n} month",
            "{tokens} a month, for {n} months",
            term.months,
            tokens=number(term.tokens, language),
        ),
        is_refunded=term.months == 0,
    )
