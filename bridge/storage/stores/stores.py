"""Stores, their settings and their access keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from bridge.domain.errors import UnknownStore
from bridge.domain.metering.funding import Source
from bridge.domain.stores.shortcode import read_shortcode
from bridge.domain.stores.stores import Store
from bridge.domain.stores.thresholds import read_threshold
from bridge.storage.engine.bulk import among
from bridge.storage.sites.tables import sites
from bridge.storage.stores.tables import access_keys, stores

_KEPT = stores.c.removing_at.is_(None)
_FIND = select(stores).where(stores.c.slug == bindparam("slug"), _KEPT)
_GET = select(stores).where(stores.c.id == bindparam("id"))
_CREDENTIALS = select(
    stores.c.webhook_secret, stores.c.consumer_key, stores.c.consumer_secret, stores.c.has_plugin_keys
).where(stores.c.id == bindparam("id"))
_VERSIONS = select(stores.c.id, stores.c.config_version).where(among(stores.c.id, "ids"))
KEY = (
    access_keys.c.id,
    access_keys.c.store_id,
    access_keys.c.site_id,
    access_keys.c.account_id,
    access_keys.c.last_used_at,
    access_keys.c.expires_at,
    access_keys.c.name.label("key_name"),
    sites.c.name,
    sites.c.unlinked_at,
)
"""The columns of an access key that `to_key` reads, of the key and the site it belongs to."""
_KEYS = (
    select(access_keys.c.key_hash, *KEY)
    .join_from(access_keys, sites, sites.c.id == access_keys.c.site_id, isouter=True)
    .where(among(access_keys.c.key_hash, "hashes"))
)

_LISTED = tuple(access_keys.c[name] for name in ("id", "prefix", "created_at", "last_used_at", "name", "expires_at"))


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key found by its hash, which may not be valid any more.

    The key of a linked site has the site and its account; for a store's own key,
    these are 0 and None. The key is invalid from `expires_at` on, or if
    `unlinked_at` is set, because its site was removed.
    """

    id: int
    store_id: int
    site_id: int
    account_id: int | None
    site_name: str | None
    last_used_at: datetime | None
    expires_at: datetime | None
    unlinked_at: datetime | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class StoreKey:
    """An access key of a store without the key itself: its first characters, its name and its last use.

    A replaced key stops working at `expires_at`.
    """

    id: int
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    name: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ShopCredentials:
    """The encrypted credentials of a store for its shop.

    `are_from_plugin` means that the REST keys came from the WordPress plugin.
    """

    webhook_secret: str
    consumer_key: str | None
    consumer_secret: str | None
    are_from_plugin: bool


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Insert a store and return its id; the caller has checked that the slug is free."""
    return int(connection.execute(insert(stores).values(**values).returning(stores.c.id)).scalar_one())


def find(connection: Connection, slug: str) -> Store | None:
    """Return the store with this slug, unless it is being removed."""
    row = connection.execute(_FIND, {"slug": slug}).one_or_none()
    return None if row is None else _to_store(row)


def find_renamed(connection: Connection, former_slug: str) -> Store | None:
    """Return the store that had this slug before it was renamed; there are few stores, so all are searched."""
    rows = connection.execute(select(stores).where(stores.c.former_slugs.is_not(None), _KEPT))
    return next((_to_store(row) for row in rows if former_slug in row.former_slugs), None)


def find_removing(connection: Connection, slug: str) -> int | None:
    """Return the id of the store with this slug, if it is being removed."""
    found = select(stores.c.id).where(stores.c.slug == slug, stores.c.removing_at.is_not(None))
    return connection.execute(found).scalar_one_or_none()


def lock_row(connection: Connection, store_id: int) -> None:
    """Lock a store, so that other transactions cannot add rows that refer to it until this one ends."""
    connection.execute(select(stores.c.id).where(stores.c.id == store_id).with_for_update())


def delete_row(connection: Connection, store_id: int) -> None:
    """Delete a store's own row; all rows that refer to it must be deleted before."""
    connection.execute(delete(stores).where(stores.c.id == store_id))


def get(connection: Connection, store_id: int) -> Store:
    """Return the store with this id, which must exist."""
    return _to_store(connection.execute(_GET, {"id": store_id}).one())


def find_by_id(connection: Connection, store_id: int) -> Store | None:
    """Return the store of that id; None for one that is gone or being removed."""
    row = connection.execute(select(stores).where(stores.c.id == store_id, _KEPT)).one_or_none()
    return None if row is None else _to_store(row)


def list_all(connection: Connection) -> list[Store]:
    """Return every store, by name; there are few."""
    kept = select(stores).where(_KEPT).order_by(stores.c.name, stores.c.id)
    return [_to_store(row) for row in connection.execute(kept)]


def credentials(connection: Connection, store_id: int) -> ShopCredentials:
    """Return the encrypted credentials of a store."""
    row = connection.execute(_CREDENTIALS, {"id": store_id}).one()
    return ShopCredentials(row.webhook_secret, row.consumer_key, row.consumer_secret, row.has_plugin_keys)


def connected_at(connection: Connection, store_id: int) -> datetime:
    """Return when a store was connected."""
    found: datetime = connection.execute(select(stores.c.created_at).where(stores.c.id == store_id)).scalar_one()
    return found


def guest_salt(connection: Connection, store_id: int) -> str:
    """Return the salt of the store's guest ids; raises `UnknownStore` if the store was removed."""
    found: str | None = connection.execute(
        select(stores.c.guest_salt).where(stores.c.id == store_id)
    ).scalar_one_or_none()
    if found is None:
        raise UnknownStore()
    return found


def change(connection: Connection, store_id: int, values: Mapping[str, Any]) -> None:
    """Set some of a store's settings, and mark its rules as changed for every process."""
    connection.execute(
        update(stores).where(stores.c.id == store_id).values(config_version=stores.c.config_version + 1, **values)
    )


def touch(connection: Connection, store_id: int) -> None:
    """Mark the store's rules as changed for every process."""
    change(connection, store_id, {})


def versions(connection: Connection, store_ids: Collection[int]) -> dict[int, int]:
    """Return the version of each store's rules, in one statement."""
    rows = connection.execute(_VERSIONS, {"ids": list(store_ids)})
    return {row.id: row.config_version for row in rows}


def add_key(
    connection: Connection,
    *,
    store_id: int,
    key_hash: str,
    prefix: str,
    created_at: datetime,
    site_id: int = 0,
    account_id: int | None = None,
    name: str = "",
) -> None:
    """Insert an access key of a store, or of one of its linked sites; only its hash is stored."""
    connection.execute(
        insert(access_keys).values(
            store_id=store_id,
            site_id=site_id,
            account_id=account_id,
            key_hash=key_hash,
            prefix=prefix,
            name=name,
            created_at=created_at,
        )
    )


def find_keys(connection: Connection, hashes: Collection[str]) -> dict[str, AccessKey]:
    """Return the access keys with these hashes, with one statement; they may be expired or of unlinked sites."""
    return {row.key_hash: to_key(row) for row in connection.execute(_KEYS, {"hashes": list(hashes)})}


def to_key(row: Any) -> AccessKey:
    """Return the access key in a row with the columns `KEY`."""
    return AccessKey(
        id=row.id,
        store_id=row.store_id,
        site_id=row.site_id,
        account_id=row.account_id,
        site_name=row.name,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        unlinked_at=row.unlinked_at,
        name=row.key_name,
    )


def list_keys(connection: Connection, store_id: int) -> list[StoreKey]:
    """Return the access keys of a store itself, not of its linked sites, the newest first."""
    of_store = (access_keys.c.store_id == store_id, access_keys.c.site_id == 0)
    rows = connection.execute(select(*_LISTED).where(*of_store).order_by(access_keys.c.id.desc()))
    return [StoreKey(**row._mapping) for row in rows]


def change_key(connection: Connection, key_id: int, values: Mapping[str, Any]) -> None:
    """Set the name or the end of an access key."""
    connection.execute(update(access_keys).where(access_keys.c.id == key_id).values(**values))


def delete_key(connection: Connection, store_id: int, key_id: int) -> bool:
    """Delete an access key of a store itself; return whether it existed."""
    of_store = (access_keys.c.store_id == store_id, access_keys.c.site_id == 0)
    return connection.execute(delete(access_keys).where(access_keys.c.id == key_id, *of_store)).rowcount == 1


def mark_key_used(connection: Connection, key_id: int, *, now: datetime) -> None:
    """Record the last use of a key."""
    connection.execute(update(access_keys).where(access_keys.c.id == key_id).values(last_used_at=now))


def _to_store(row: Row[Any]) -> Store:
    order: Sequence[str] = row.spend_order
    return Store(
        id=row.id,
        slug=row.slug,
        name=row.name,
        url=row.url,
        time_zone=row.time_zone,
        week_start=row.week_start,
        spend_order=tuple(Source(name) for name in order),
        grant_statuses=tuple(row.grant_statuses),
        purchase_url=row.purchase_url,
        low_balance=row.low_balance,
        config_version=row.config_version,
        reversal_policy=row.reversal_policy,
        guest_policy=row.guest_policy,
        accept_unknown_modules=row.accept_unknown_modules,
        past_orders_paid_later=row.past_orders_paid_later,
        require_reason=row.require_reason,
        deliveries=row.deliveries,
        has_erased=row.has_erased,
        grants_from=row.grants_from,
        asks_from=row.asks_from,
        connected_at=row.created_at,
        former_slugs=tuple(row.former_slugs or ()),
        accepted_sources=tuple(row.accepted_sources or ()),
        shortcode=read_shortcode(row.shortcode),
        seller_name=row.seller_name,
        seller_address=row.seller_address,
        seller_vat_id=row.seller_vat_id,
        low_balance_thresholds=tuple(
            found for value in row.low_balance_thresholds or () if (found := read_threshold(value)) is not None
        ),
    )
