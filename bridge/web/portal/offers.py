"""The packages and plans that a buyer can buy, with links that lead to the shop's checkout."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bridge.domain.stores.stores import Store
from bridge.services.orders import packages as service
from bridge.services.orders.packages import OfferedPackage
from bridge.services.portal.sessions import Buyer
from bridge.storage.engine.database import Connection
from bridge.web.i18n.formatting import Language, isolate, money, number
from bridge.web.i18n.messages import Texts, texts_of

MOST = 100
"""How many packages a page lists."""

RETURN = "token_bridge_return"
"""The parameter of a link into the shop with the address that its thank-you page leads back to."""


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
    return tuple(_offer(each, checkout, buyer.session.return_url, texts) for each in found)


def checkout_of(store: Store, stated: str) -> str:
    """Return the checkout page that an order stated, if it is on the shop; else the shop itself."""
    shop, page = urlsplit(store.url), urlsplit(stated)
    if page.hostname is None or page.hostname != shop.hostname or page.port != shop.port:
        return f"{store.url.rstrip('/')}/"
    # A shop behind a proxy may state http.
    return page._replace(scheme=shop.scheme).geturl()


def _offer(offered: OfferedPackage, checkout: str, return_url: str, texts: Texts) -> Offer:
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
    wanted = {"add-to-cart": str(product)} | ({RETURN: return_url} if return_url else {})
    return Offer(
        name=isolate(package.name or package.plan or tokens, language),
        tokens=tokens,
        price="" if offered.price is None else money(offered.price, offered.currency, language),
        url=f"{checkout}{'&' if '?' in checkout else '?'}{urlencode(wanted)}",
        product_id=product,
        monthly=(package.tokens or 0) if package.months else 0,
    )
