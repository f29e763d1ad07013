"""The packages and plans that a buyer can buy, with links that lead to the shop's checkout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from bridge.domain.stores.stores import Store
from bridge.services.orders import packages as service
from bridge.services.orders.packages import OfferedPackage
from bridge.services.portal.sessions import Buyer
from bridge.storage.engine.database import Connection
from bridge.web.i18n.formatting import Language, isolate, money, number
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.return_links import with_return

MOST = 100
"""How many packages a page lists."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A package: what it grants, its price where it is known, and the link to the checkout with it in the cart.

    `product_id` is that of the variation, if it is one; `monthly` is 0 for a package.
    """

    name: str
    tokens: str
    price: str
    url: str
    product_id: int
    monthly: int


def list_offers(connection: Connection, buyer: Buyer, language: Language) -> tuple[Offer, ...]:
    """Return the packages and plans of the buyer's store, those with the fewest tokens first."""
    found, texts = service.list_offered(connection, buyer.store.id, limit=MOST), texts_of(language)
    checkout = checkout_of(buyer.store, service.latest_checkout(connection, buyer.store.id) if found else "")
    offers = (_offer(each, checkout, texts) for each in found)
    back, shop = buyer.session.return_url, buyer.store.url
    return tuple(replace(each, url=with_return(each.url, back, shop_url=shop)) for each in offers)


def checkout_of(store: Store, stated: str) -> str:
    """Return the checkout page that an order stated, if it is on the shop; else the shop itself."""
    shop, page = urlsplit(store.url), urlsplit(stated)
    if page.hostname is None or page.hostname != shop.hostname or page.port != shop.port:
        return f"{store.url.rstrip('/')}/"
    # A shop behind a proxy may state http.
    return page._replace(scheme=shop.scheme).geturl()


def _offer(offered: OfferedPackage, checkout: str, texts: Texts) -> Offer:
    package, language = offered.package, texts.language
    tokens = texts.ngettext("{n} token", "{n} tokens", package.tokens or 0)
    if package.months:
        tokens = texts.ngettext(
            "{tokens} a month, for {n} month",
            "{tokens} a month, for {n} months",
            package.months,
            tokens=number(package.tokens or 0, language),
        )
    product = package.variation_id or package.product_id
    return Offer(
        name=isolate(package.name or package.plan or tokens, language),
        tokens=tokens,
        price="" if offered.price is None else money(offered.price, offered.currency, language),
        url=f"{checkout}{'&' if '?' in checkout else '?'}add-to-cart={product}",
        product_id=product,
        monthly=(package.tokens or 0) if package.months else 0,
    )
