"""Passes: made for one person, one store and one purpose, and let in once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Profile, Who
from bridge.domain.errors import FieldError, InvalidRequest, TooManyPasses
from bridge.domain.portal.passes import (
    LIFE,
    MAX_EACH,
    Access,
    AdminOf,
    BuyerOf,
    Pass,
    Purpose,
    Refused,
    frame_source,
    read_return_url,
    refusal_of,
)
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.admin.admins import checked_email
from bridge.services.sites import sites
from bridge.services.stores import settings
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.portal import passes

MAX_SITES = 100
"""How many linked sites of a user count as the store's own."""


@dataclass(frozen=True, slots=True)
class NewPass:
    """The wanted pass; `return_url` is as the caller sent it, `language` empty where the browser decides."""

    purpose: Purpose
    holder: Profile | AdminOf
    access: Access = Access.FULL
    language: str = ""
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new pass, whose token is shown this once."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """The result of a pass that was opened: the pass, and why it lets no one in; None if it does."""

    found: Pass | None
    refused: Refused | None


def issue(connection: Connection, store_id: int, wanted: NewPass, *, now: datetime) -> Issued:
    """Return a new pass. The profile of a buyer is stored on the way, as with every other call.

    Raises `InvalidRequest` for an email that cannot be one and for a return URL of
    another site, and `TooManyPasses`.
    """
    holder: BuyerOf | AdminOf
    account: Account | None = None
    if isinstance(wanted.holder, Profile):
        account = profiles.put_profile(connection, store_id, wanted.holder, now=now)
        holder = BuyerOf(wanted.holder.user_id, wanted.access)
    else:
        holder = AdminOf(_email(wanted.holder.email), wanted.holder.name, wanted.holder.role)
    if wanted.return_url:
        store = settings.get_by_id(connection, store_id)
        try:
            read_return_url(wanted.return_url, own_sites(connection, store, account))
        except ValueError as error:
            raise InvalidRequest(fields=[FieldError("return_url", str(error))]) from error
    if passes.count_since(connection, store_id, holder, since=now - LIFE) >= MAX_EACH:
        raise TooManyPasses()
    token = secrets.new_pass()
    new = Pass(
        store_id=store_id,
        purpose=wanted.purpose,
        holder=holder,
        language=wanted.language,
        return_url=wanted.return_url,
        created_at=now,
        expires_at=now + LIFE,
    )
    passes.add(connection, secrets.hash_pass(token), new)
    return Issued(token, new.expires_at)


def look(connection: Connection, token: str, purpose: Purpose, *, now: datetime) -> Opened:
    """Return a pass without using it up, and whether it would be let in now."""
    found = passes.find(connection, secrets.hash_pass(token))
    if found is None or settings.find_by_id(connection, found.store_id) is None:
        return Opened(None, Refused.UNKNOWN)
    return Opened(found, refusal_of(found, purpose, now=now))


def use(connection: Connection, token: str, purpose: Purpose, *, now: datetime) -> Opened:
    """Use a pass up, if it is let in; of two requests at once, one is."""
    opened = look(connection, token, purpose, now=now)
    if opened.refused is None and not passes.use_up(connection, secrets.hash_pass(token), now=now):
        return Opened(opened.found, Refused.USED)
    return opened


def return_url_fault(connection: Connection, caller: Caller, url: str, *, person: Who | None) -> str:
    """Return why a URL is not on one of the store's sites or on a site linked to the person; empty if it is.

    `person` is None for a linked site, which acts for its own account.
    """
    account: Account | None = None
    if isinstance(person, Profile):
        account = accounts.find(connection, store_id=caller.store_id, user_id=person.user_id)
    elif person is None and caller.account_id is not None:
        account = accounts.get(connection, caller.account_id)
    try:
        read_return_url(url, own_sites(connection, settings.get_by_id(connection, caller.store_id), account))
    except ValueError as error:
        return str(error)
    return ""


def own_sites(connection: Connection, store: Store, account: Account | None) -> list[str]:
    """Return the addresses of the store's own sites: its shop, its accepted sources, and sites linked to an account."""
    accepted = [source if "://" in source else f"https://{source}" for source in store.accepted_sources]
    linked = [] if account is None else sites.list_sites(connection, account.id, before=None, limit=MAX_SITES)
    return [store.url, *accepted, *(site.url for site in linked if site.unlinked_at is None)]


def frame_sources(connection: Connection, opened: Pass) -> list[str]:
    """Return the sites that may show the page of a pass in a frame, as sources of a content policy."""
    store = settings.get_by_id(connection, opened.store_id)
    account = None
    if isinstance(opened.holder, BuyerOf):
        account = accounts.find(connection, store_id=store.id, user_id=opened.holder.user_id)
    found = (frame_source(url) for url in own_sites(connection, store, account))
    return list(dict.fromkeys(source for source in found if source))


def _email(given: str) -> str:
    try:
        return checked_email(given)
    except InvalidRequest as error:
        faults = [FieldError("admin.email", fault.message) for fault in error.fields]
        raise InvalidRequest(fields=faults) from error
