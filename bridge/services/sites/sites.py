"""Linked sites: link, change, rotate keys, unlink, and the account as a site sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bridge.domain.errors import SiteNotLinked, UnknownSite
from bridge.domain.metering.limits import Period, window_at
from bridge.domain.sites.sites import AccountState, Site, left_of_cap, state_of
from bridge.domain.stores.principals import Caller
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.ids import encode_id
from bridge.services import secrets
from bridge.services.metering.overview import AccountOverview, get_overview
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import holds, policies
from bridge.storage.sites import sites
from bridge.storage.sites.sites import SiteKey as SiteKey
from bridge.storage.stores import stores

_EXPIRED_KEYS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NewSite:
    """The data to link a site; the cap is in tokens for a month, None for no cap."""

    url: str
    name: str
    monthly_cap: int | None = None


@dataclass(frozen=True, slots=True)
class SiteUse:
    """A linked site, the tokens it used in the store's current month, and the tokens in its open holds."""

    site: Site
    used_this_month: int
    held: int

    @property
    def remaining(self) -> int | None:
        """Return the tokens left of the monthly cap; None without a cap."""
        return left_of_cap(self.site.monthly_cap, used=self.used_this_month, held=self.held)


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """A linked site with its use, its valid keys (only their prefixes are known), and their last use."""

    use: SiteUse
    keys: tuple[SiteKey, ...]
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SiteAccountStatus:
    """The account of a linked site as the site may see it, and the site's own use."""

    state: AccountState
    overview: AccountOverview
    use: SiteUse


@dataclass(frozen=True, slots=True)
class Linked:
    """A site with a new access key, which is shown only once."""

    site: Site
    access_key: str = field(repr=False)


def link_site(connection: Connection, wanted: NewSite, *, store_id: int, account_id: int, now: datetime) -> Linked:
    """Link a site to an account of the store, with a first key."""
    site = Site(new_id(), store_id, account_id, wanted.url, wanted.name, wanted.monthly_cap, now)
    sites.add(connection, site)
    return Linked(site, _add_key(connection, site, now=now))


def list_sites(connection: Connection, account_id: int, *, before: int | None, limit: int) -> list[Site]:
    """Return an account's sites, the newest first; unlinked ones stay in the list."""
    return sites.list_page(connection, account_id, before=before, limit=limit)


def get_site(connection: Connection, store_id: int, site_id: int) -> Site:
    """Return a site of the store; raises `UnknownSite`."""
    return _get(connection, store_id, site_id)


def change_site(
    connection: Connection, store_id: int, site_id: int, wanted: dict[str, Any], *, actor: str, now: datetime
) -> Site:
    """Change a site's `url`, `name` or `monthly_cap`; raises `UnknownSite` or `SiteNotLinked`."""
    before = _lock(connection, store_id, site_id)
    sites.change(connection, site_id, wanted)
    site = _get(connection, store_id, site_id)
    _record(connection, site, _document(before), _document(site), actor=actor, now=now)
    return site


def unlink_site(connection: Connection, store_id: int, site_id: int, *, actor: str, now: datetime) -> None:
    """Unlink a site: its keys are refused from this commit on. Unlinking it again changes nothing.

    Raises `UnknownSite`.
    """
    site = _get(connection, store_id, site_id, locked=True)
    if site.unlinked_at is None:
        sites.change(connection, site_id, {"unlinked_at": now})
        _record(connection, site, _document(site), None, actor=actor, now=now)


def rotate_key(
    connection: Connection, store_id: int, site_id: int, *, grace: timedelta, actor: str, now: datetime
) -> Linked:
    """Give a site a new key; its earlier keys end after the grace period, or earlier if they were already ending.

    Raises `UnknownSite` or `SiteNotLinked`.
    """
    site = _lock(connection, store_id, site_id)
    sites.end_keys(connection, site_id, expires_at=now + grace)
    sites.drop_keys(connection, site_id, expired_before=now - _EXPIRED_KEYS_KEPT)
    rotated = {"new_key_at": format_timestamp(now), "old_key_until": format_timestamp(now + grace)}
    _record(connection, site, _document(site), {**_document(site), **rotated}, actor=actor, now=now)
    return Linked(site, _add_key(connection, site, now=now))


def list_statuses(connection: Connection, found: Sequence[Site], *, now: datetime) -> list[SiteStatus]:
    """Return the status of each of these sites, which are of one store, in their order."""
    if not found:
        return []
    ids = [site.id for site in found]
    keys = sites.live_keys(connection, ids, now=now)
    last_used = sites.last_uses(connection, ids)
    uses = _uses(connection, found, now=now)
    return [
        SiteStatus(
            use=uses[site.id],
            keys=tuple(keys.get(site.id, ())) if site.unlinked_at is None else (),
            last_used_at=last_used.get(site.id),
        )
        for site in found
    ]


def get_site_account(connection: Connection, caller: Caller, *, now: datetime) -> SiteAccountStatus:
    """Return the account that a linked site draws on, and the site's own use of this month.

    Raises `UnknownSite` for a caller that is not a linked site.
    """
    site = _get(connection, caller.store_id, caller.site_id)
    known = get_overview(connection, accounts.get(connection, site.account_id), now=now)
    left = [allowance.remaining for allowance in known.allowances]
    if known.plan is not None:
        left.append(known.plan.remaining)
    state = state_of(
        available=known.balance.available,
        low_balance=known.policy.store.low_line(known.account.last_grant),
        has_more=any(tokens is None or tokens > 0 for tokens in left),
    )
    return SiteAccountStatus(state, known, _uses(connection, [site], now=now)[site.id])


def _get(connection: Connection, store_id: int, site_id: int, *, locked: bool = False) -> Site:
    read = sites.lock if locked else sites.find
    site = read(connection, site_id, store_id=store_id)
    if site is None:
        raise UnknownSite()
    return site


def _document(site: Site) -> Document:
    return {"url": site.url, "name": site.name, "monthly_cap": site.monthly_cap}


def _record(
    connection: Connection, site: Site, before: Document | None, after: Document | None, *, actor: str, now: datetime
) -> None:
    name = encode_id("si", site.id)
    changes.record(
        connection, site.store_id, Subject.LINKED_SITE, name, before=before, after=after, actor=actor, now=now
    )


def _lock(connection: Connection, store_id: int, site_id: int) -> Site:
    site = _get(connection, store_id, site_id, locked=True)
    if site.unlinked_at is not None:
        raise SiteNotLinked()
    return site


def _add_key(connection: Connection, site: Site, *, now: datetime) -> str:
    key = secrets.new_access_key()
    stores.add_key(
        connection,
        store_id=site.store_id,
        site_id=site.id,
        account_id=site.account_id,
        key_hash=secrets.hash_access_key(key),
        prefix=secrets.prefix_of(key),
        created_at=now,
    )
    return key


def _uses(connection: Connection, found: Sequence[Site], *, now: datetime) -> dict[int, SiteUse]:
    calendar = policies.for_store(connection, found[0].store_id).calendar
    month = window_at(Period.MONTHLY, now, calendar).starts_at
    used = sites.uses(connection, [site.id for site in found], since=month)
    held: Counter[int] = Counter()
    for hold in holds.list_open(connection, {site.account_id for site in found}, now=now):
        held[hold.site_id] += hold.tokens
    return {site.id: SiteUse(site, used.get((site.id, month), 0), held[site.id]) for site in found}
