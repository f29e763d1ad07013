"""Linked sites, their keys, their monthly caps and their use of each month."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from bridge.domain.sites.sites import Site
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.sites.tables import site_uses, sites
from bridge.storage.stores.tables import access_keys

MonthKey = tuple[int, datetime]
"""One month of one site: the site, and the start of the month in the store's time zone."""

_CAPS = select(sites.c.id, sites.c.monthly_cap).where(among(sites.c.id, "ids"))
_USES = select(site_uses.c.site_id, site_uses.c.starts_at, site_uses.c.used).where(
    among(site_uses.c.site_id, "ids"), site_uses.c.starts_at >= bindparam("since")
)
_ADD_USES = Writer(site_uses, ("site_id", "starts_at", "used"), keys=("site_id", "starts_at"), add=("used",))
_GIVE_BACK = (
    update(site_uses)
    .where(site_uses.c.site_id == bindparam("site"), site_uses.c.starts_at == bindparam("month"))
    .values(used=site_uses.c.used - bindparam("tokens"))
)
_LIVE_KEYS = (
    select(
        access_keys.c.site_id,
        access_keys.c.prefix,
        access_keys.c.created_at,
        access_keys.c.last_used_at,
        access_keys.c.expires_at,
    )
    .where(among(access_keys.c.site_id, "ids"))
    .where(or_(access_keys.c.expires_at.is_(None), access_keys.c.expires_at > bindparam("now")))
    .order_by(access_keys.c.id.desc())
)
_LAST_USES = (
    select(access_keys.c.site_id, func.max(access_keys.c.last_used_at).label("last_used_at"))
    .where(among(access_keys.c.site_id, "ids"))
    .group_by(access_keys.c.site_id)
)


@dataclass(frozen=True, slots=True)
class SiteKey:
    """The public part of a site's key; after a rotation, the earlier key has an end."""

    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


def caps(connection: Connection, site_ids: Collection[int]) -> dict[int, int | None]:
    """Return the monthly cap of each of these sites; None for no cap, 0 if it may spend nothing."""
    if not site_ids:
        return {}
    return {row.id: row.monthly_cap for row in connection.execute(_CAPS, {"ids": list(site_ids)})}


def uses(connection: Connection, site_ids: Collection[int], *, since: datetime) -> dict[MonthKey, int]:
    """Return the use of these sites in months that began at `since` or later."""
    if not site_ids:
        return {}
    rows = connection.execute(_USES, {"ids": list(site_ids), "since": since})
    return {(row.site_id, row.starts_at): row.used for row in rows}


def add_uses(connection: Connection, used: Mapping[MonthKey, int]) -> None:
    """Add to the use of these sites in these months; missing rows are created.

    Negative tokens reduce the use; the caller has checked that it is large enough.
    """
    rows = [(*place, tokens) for place, tokens in sorted(used.items())]
    _ADD_USES.write(connection, [row for row in rows if row[2] > 0])
    # Both engines check `used >= 0` on the proposed row, before they notice that a row exists.
    back = [{"site": row[0], "month": row[1], "tokens": -row[2]} for row in rows if row[2] < 0]
    if back:
        connection.execute(_GIVE_BACK, back)


def add(connection: Connection, site: Site) -> None:
    """Insert a site; its first key follows in the same transaction."""
    connection.execute(
        insert(sites).values(
            id=site.id,
            store_id=site.store_id,
            account_id=site.account_id,
            url=site.url,
            name=site.name,
            monthly_cap=site.monthly_cap,
            created_at=site.created_at,
        )
    )


def find(connection: Connection, site_id: int, *, store_id: int) -> Site | None:
    """Return the site with this id, if it belongs to the store."""
    row = connection.execute(select(sites).where(sites.c.id == site_id, sites.c.store_id == store_id)).one_or_none()
    return None if row is None else _to_site(row)


def lock(connection: Connection, site_id: int, *, store_id: int) -> Site | None:
    """Return the site with this id, if it belongs to the store, locked until the transaction ends."""
    statement = select(sites).where(sites.c.id == site_id, sites.c.store_id == store_id).with_for_update()
    row = connection.execute(statement).one_or_none()
    return None if row is None else _to_site(row)


def list_page(connection: Connection, account_id: int, *, before: int | None, limit: int) -> list[Site]:
    """Return an account's sites with ids below `before`, the newest first, including unlinked ones."""
    statement = select(sites).where(sites.c.account_id == account_id)
    if before is not None:
        statement = statement.where(sites.c.id < before)
    return [_to_site(row) for row in connection.execute(statement.order_by(sites.c.id.desc()).limit(limit))]


def change(connection: Connection, site_id: int, values: Mapping[str, Any]) -> None:
    """Set some columns of a site."""
    if values:
        connection.execute(update(sites).where(sites.c.id == site_id).values(**values))


def live_keys(connection: Connection, site_ids: Sequence[int], *, now: datetime) -> dict[int, list[SiteKey]]:
    """Return the keys of these sites that have not expired, the newest first."""
    found: dict[int, list[SiteKey]] = {}
    for row in connection.execute(_LIVE_KEYS, {"ids": list(site_ids), "now": now}):
        key = SiteKey(row.prefix, row.created_at, row.last_used_at, row.expires_at)
        found.setdefault(row.site_id, []).append(key)
    return found


def last_uses(connection: Connection, site_ids: Sequence[int]) -> dict[int, datetime | None]:
    """Return when a key of each of these sites was last used; sites without keys are left out."""
    return {row.site_id: row.last_used_at for row in connection.execute(_LAST_USES, {"ids": list(site_ids)})}


def end_keys(connection: Connection, site_id: int, *, expires_at: datetime) -> None:
    """Let a site's keys end at a moment; keys that end earlier keep their end."""
    connection.execute(
        update(access_keys)
        .where(access_keys.c.site_id == site_id)
        .where(or_(access_keys.c.expires_at.is_(None), access_keys.c.expires_at > expires_at))
        .values(expires_at=expires_at)
    )


def drop_keys(connection: Connection, site_id: int, *, expired_before: datetime) -> None:
    """Delete a site's keys that ended before a moment."""
    connection.execute(
        delete(access_keys).where(access_keys.c.site_id == site_id, access_keys.c.expires_at < expired_before)
    )


def _to_site(row: Row[Any]) -> Site:
    return Site(
        id=row.id,
        store_id=row.store_id,
        account_id=row.account_id,
        url=row.url,
        name=row.name,
        monthly_cap=row.monthly_cap,
        created_at=row.created_at,
        unlinked_at=row.unlinked_at,
    )
