"""Change a store's slug, and the address of its shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.errors import FieldError, InvalidRequest, NoShopKeys
from bridge.domain.stores.pasted_text import plain_text
from bridge.domain.stores.stores import Store
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection, Database
from bridge.storage.orders import orders as order_rows

_FORMER_SLUGS = 20


@dataclass(frozen=True, slots=True)
class SameShop:
    """The proof that another address leads to the same shop, or `doubt`, the reason why there is none."""

    evidence: str = ""
    doubt: str = ""


def rename(connection: Connection, store: Store, slug: str, *, name: str = "", actor: str, now: datetime) -> Store:
    """Rename a store; deliveries and pages with the old slug still find it.

    Raises `InvalidRequest` for an invalid slug, and `StoreExists` if another store
    has it, or had it before it was renamed.
    """
    settings.check_slug(slug)
    settings.check_free(connection, slug, own_id=store.id)
    values: dict[str, object] = {}
    if slug != store.slug:
        # The first slug is needed for values derived from it, the others for webhooks that still use them.
        former = [store.first_slug, *(each for each in store.former_slugs if each != store.first_slug), store.slug]
        kept = list(dict.fromkeys(former))
        values |= {"slug": slug, "former_slugs": [kept[0], *kept[1:][-_FORMER_SLUGS:]]}
    if clean := plain_text(name).strip():
        values["name"] = clean[:200]
    return settings.change_recorded(connection, store.id, values, actor=actor, now=now)


def check_same_shop(database: Database, shops: Shops, store: Store, url: str) -> SameShop:
    """Check that the shop at another address is the store's shop; no transaction may be open.

    Its REST keys work only in the shop that created them, or a copy of it. Raises a
    `ShopUnreachable` if the shop at the address refuses them, and `InvalidRequest`
    if it lacks the newest stored order.
    """
    try:
        with database.reading() as connection:
            shop = shops.client_of_address(connection, store, url)
            newest = order_rows.newest_number(connection, store.id)
    except NoShopKeys:
        return SameShop(doubt="the store has no REST keys, so the shop at the new address could not be checked")
    with shop:
        checked = shop.check()
        if checked.fault is not None:
            raise checked.fault
        if newest is None:
            return SameShop("it accepts the store's REST keys")
        if shop.get_order(newest) is None:
            raise InvalidRequest(
                fields=[
                    FieldError("url", f"the shop at {url} has no order {newest}, so it is another shop, or an old copy")
                ]
            )
    return SameShop(f"it accepts the store's REST keys and has order {newest}")


def move(connection: Connection, store: Store, url: str, *, actor: str, now: datetime) -> Store:
    """Set the new address of a store's shop; raises `StoreExists` if another store has that shop."""
    settings.check_not_connected(connection, url, own_id=store.id)
    values: dict[str, object] = {"url": url}
    if store.purchase_url.startswith(store.url):
        values["purchase_url"] = (url + store.purchase_url[len(store.url) :])[:500]
    return settings.change_recorded(connection, store.id, values, actor=actor, now=now)
