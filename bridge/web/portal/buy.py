"""The packages that the buyer can buy, with their prices as the shop last stated them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint
from flask.typing import ResponseReturnValue

from bridge.domain.portal.passes import Access
from bridge.services.portal.sessions import Buyer
from bridge.services.shop import health
from bridge.storage.engine.database import Connection
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import Language
from bridge.web.portal import pages
from bridge.web.portal import sessions as browser
from bridge.web.portal.offers import Offer, list_offers

bp = Blueprint("portal_buy", __name__, url_prefix="/account/buy")


@dataclass(frozen=True, slots=True)
class BuyPage:
    """The contents of the page; `shop_url` leads to the store's own page for buying, or is empty.

    `is_away` is whether the shop did not answer when it was last read.
    """

    offers: tuple[Offer, ...]
    plans: tuple[Offer, ...]
    shop_url: str
    has_prices: bool
    is_away: bool


@bp.get("")
@browser.needs(Access.PARTIAL)
def show() -> ResponseReturnValue:
    """Show the packages that are for sale."""
    with reading() as connection:
        page = buy_page(connection, browser.buyer(), browser.language(), now=utcnow())
    return pages.render("portal/buy.html", page=page)


def buy_page(connection: Connection, buyer: Buyer, language: Language, *, now: datetime) -> BuyPage:
    """Return the packages of the buyer's store, those with the fewest tokens first."""
    offers = list_offers(connection, buyer, language)
    return BuyPage(
        offers=tuple(offer for offer in offers if not offer.monthly),
        plans=tuple(offer for offer in offers if offer.monthly),
        shop_url=buyer.store.purchase_url,
        has_prices=any(offer.price for offer in offers),
        is_away=health.is_away(connection, buyer.store, now=now),
    )
