"""The packages that the buyer can buy, with their prices as the shop last stated them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint
from flask.typing import ResponseReturnValue

from bridge.domain.portal.passes import Access
from bridge.services.orders import packages as service
from bridge.services.orders.packages import OfferedPackage
from bridge.services.portal.sessions import Buyer
from bridge.storage.engine.database import Connection
from bridge.web.context import reading
from bridge.web.i18n.formatting import Language, isolate, money, number
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.portal import pages
from bridge.web.portal import sessions as browser

bp = Blueprint("portal_buy", __name__, url_prefix="/account/buy")

MOST = 100
"""How many packages the page lists."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A package: what it grants, its price where it is known, and the link that puts it into the cart."""

    name: str
    tokens: str
    price: str
    url: str


@dataclass(frozen=True, slots=True)
class BuyPage:
    """The contents of the page; `shop_url` leads to the store's own page for buying, or is empty."""

    offers: tuple[Offer, ...]
    plans: tuple[Offer, ...]
    shop_url: str
    has_prices: bool


@bp.get("")
@browser.needs(Access.PARTIAL)
def show() -> ResponseReturnValue:
    """Show the packages that are for sale."""
    with reading() as connection:
        page = buy_page(connection, browser.buyer(), browser.language())
    return pages.render("portal/buy.html", page=page)


def buy_page(connection: Connection, buyer: Buyer, language: Language) -> BuyPage:
    """Return the packages of the buyer's store, those with the fewest tokens first."""
    found = service.list_offered(connection, buyer.store.id, limit=MOST)
    texts, shop = texts_of(language), buyer.store.url
    offers = [(each, _offer(each, shop, texts)) for each in found]
    return BuyPage(
        offers=tuple(offer for each, offer in offers if not each.package.months),
        plans=tuple(offer for each, offer in offers if each.package.months),
        shop_url=buyer.store.purchase_url,
        has_prices=any(offer.price for _, offer in offers),
    )


def _offer(offered: OfferedPackage, shop: str, texts: Texts) -> Offer:
    package, language = offered.package, texts.language
    tokens = texts.ngettext("{n} token", "{n} tokens", package.tokens or 0)
    if package.months:
        tokens = texts.ngettext(
            "{tokens} a month, for {n} month",
            "{tokens} a month, for {n} months",
            package.months,
            tokens=number(package.tokens or 0, language),
        )
    return Offer(
        name=isolate(package.name or package.plan or tokens, language),
        tokens=tokens,
        price="" if offered.price is None else money(offered.price, offered.currency, language),
        url=f"{shop.rstrip('/')}/?add-to-cart={package.variation_id or package.product_id}",
    )
