"""Changing what a store is: its slug, and the address of its shop."""

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
    """Give a store another slug; deliveries and pages under the old one still find it.

    Raises `InvalidRequest` for what is no slug, and `StoreExists` for one that
    is another store's, or was before it was renamed.
    """
    settings.check_slug(slug)
    settings.check_free(connection, slug, own_id=store.id)
    values: dict[str, object] = {}
    if slug != store.slug:
        # Only the first is needed for what is derived from it; the others serve webhooks that are still there.
        former = [store.first_slug, *(each for each in store.former_slugs if each != store.first_slug), store.slug]
        kept = list(dict.fromkeys(former))
        values |= {"slug": slug, "former_slugs": [kept[0], *kept[1:][-_FORMER_SLUGS:]]}
    if clean := plain_text(name).strip():
        values["name"] = clean[:200]
    return settings.change_recorded(connection, store.id, values, actor=actor, now=now)


def check_same_shop(database: Database, shops: Shops, store: Store, url: str) -> SameShop:
    """Ask the shop at another address whether it is the store's; no transaction may be open.

    Its REST keys open only the shop they were made in, or a copy of it. Raises a
    `ShopUnreachable` where the shop at the address refuses them, and
    `InvalidRequest` where it lacks the newest order that is known.
    """
    try:
        with database.reading() as connection:
            shop = shops.client_of_address(connection, store, url)
            newest = order_rows.newest_number(connection, store.id)
    except NoShopKeys:
        return SameShop(doubt="the store has no REST keys, so the shop at the new address could not be asked")
    with shop:
        checked = shop.check()
        if checked.fault is not None:
            raise checked.fault
        if newest is None:
            return SameShop("it accepts the store's REST keys")
        if shop.get_order(newest) is None:
            raise InvalidRequest(
                fields=[FieldError("url", f"the shop at {url} has no order {newest}, so it is another shop, or a copy")]
            )
    return SameShop(f"it accepts the store's REST keys and has order {newest}")


def move(connection: Connection, store: Store, url: str, *, actor: str, now: datetime) -> Store:
    """Give a store its shop's new address; raises `StoreExists` where another store has that shop."""
    settings.check_not_connected(connection, url, own_id=store.id)
    values: dict[str, object] = {"url": url}
    if store.purchase_url.startswith(store.url):
        values["purchase_url"] = (url + store.purchase_url[len(store.url) :])[:500]
    return settings.change_recorded(connection, store.id, values, actor=actor, now=now)
