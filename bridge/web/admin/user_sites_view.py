"""The open holds and the linked sites of one user, and the form of a site's cap."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from bridge.domain.accounts.accounts import Account
from bridge.domain.metering.holds import Hold
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Policy
from bridge.rendering.ids import encode_id
from bridge.services.metering import records
from bridge.services.sites import sites
from bridge.services.sites.sites import SiteKey, SiteStatus
from bridge.storage.engine.database import Connection
from bridge.web.i18n.formatting import LocalTime, local_time, number

HOLDS = 50
SITES = 50
"""The most rows of each list."""


@dataclass(frozen=True, slots=True)
class HoldRow:
    """An open hold; `paid_by` names the sources that its tokens are held from."""

    id: str
    module: str
    operation: str
    tokens: int
    paid_by: str
    site: str
    reference: str
    created: LocalTime
    expires: LocalTime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A valid key of a site: its first letters, and its end; None for one that stays valid."""

    prefix: str
    used: LocalTime | None
    expires: LocalTime | None


@dataclass(frozen=True, slots=True)
class CapForm:
    """The form of a site's monthly cap with the typed text; empty for no cap."""

    site_id: str
    cap: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A linked site; `cap` and `remaining` are None without a cap, `unlinked` is None while it is linked."""

    id: str
    name: str
    url: str
    cap: int | None
    used: int
    held: int
    remaining: int | None
    keys: tuple[KeyRow, ...]
    last_used: LocalTime | None
    unlinked: LocalTime | None
    form: CapForm


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; no other page shows it."""

    site: str
    access_key: str = field(repr=False)
    old_key: str


@dataclass(frozen=True, slots=True)
class SitesOfUser:
    """The open holds and the sites of a user; the lists may go on."""

    holds: tuple[HoldRow, ...]
    has_more_holds: bool
    sites: tuple[SiteRow, ...]
    has_more_sites: bool


def sites_of_user(
    connection: Connection, policy: Policy, account: Account, *, form: CapForm | None, now: datetime
) -> SitesOfUser:
    """Return the first open holds and sites of a user, the newest first; `form` is one that is shown again."""
    zone, caller = policy.calendar.zone, Caller(policy.store.id, "")
    held = records.list_open_holds(connection, caller, user_id=account.user_id, before=None, limit=HOLDS, now=now)
    found = sites.list_sites(connection, account.id, before=None, limit=SITES + 1)
    statuses = sites.list_statuses(connection, found[:SITES], now=now)
    names = {site.id: site.name for site in found}
    return SitesOfUser(
        holds=tuple(_hold(policy, each.hold, names, zone) for each in held.holds),
        has_more_holds=held.next_before is not None,
        sites=tuple(_site(status, form, zone) for status in statuses),
        has_more_sites=len(found) > SITES,
    )


def _hold(policy: Policy, hold: Hold, names: dict[int, str], zone: tzinfo) -> HoldRow:
    parts = {"plan": hold.from_plan, "balance": hold.from_balance, "free limit": hold.from_allowance}
    return HoldRow(
        id=encode_id("ho", hold.id),
        module=policy.label_of(hold.module),
        operation=hold.operation or "",
        tokens=hold.tokens,
        paid_by=", ".join(f"{number(tokens)} {source}" for source, tokens in parts.items() if tokens),
        site=names.get(hold.site_id, ""),
        reference=hold.reference or hold.source or "",
        created=local_time(hold.created_at, zone),
        expires=local_time(hold.expires_at, zone),
    )


def _site(status: SiteStatus, form: CapForm | None, zone: tzinfo) -> SiteRow:
    site, id_ = status.use.site, encode_id("si", status.use.site.id)
    cap = "" if site.monthly_cap is None else str(site.monthly_cap)
    return SiteRow(
        id=id_,
        name=site.name,
        url=site.url,
        cap=site.monthly_cap,
        used=status.use.used_this_month,
        held=status.use.held,
        remaining=status.use.remaining,
        keys=tuple(_key(key, zone) for key in status.keys),
        last_used=local_time(status.last_used_at, zone) if status.last_used_at else None,
        unlinked=local_time(site.unlinked_at, zone) if site.unlinked_at else None,
        form=form if form is not None and form.site_id == id_ else CapForm(id_, cap),
    )


def _key(key: SiteKey, zone: tzinfo) -> KeyRow:
    return KeyRow(
        prefix=key.prefix,
        used=local_time(key.last_used_at, zone) if key.last_used_at else None,
        expires=local_time(key.expires_at, zone) if key.expires_at else None,
    )
