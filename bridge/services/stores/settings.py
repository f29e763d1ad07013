"""Stores: connect a shop, and read and change its settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bridge.domain.errors import (
    FieldError,
    InvalidRequest,
    StoreExists,
    UnknownStore,
)
from bridge.domain.metering.funding import DEFAULT_ORDER
from bridge.domain.metering.limits import WEEKDAYS
from bridge.domain.metering.pricing import DEFAULT_OPERATIONS
from bridge.domain.ops.clock import unless_ahead
from bridge.domain.stores.pasted_text import (
    clean_credential,
    clean_pasted,
    keys_mix_up,
    plain_text,
    webhook_secret_mix_up,
)
from bridge.domain.stores.shop_address import comparable_shop, without_page
from bridge.domain.stores.stores import DEFAULT_GRANT_STATUSES, DEFAULT_MODULES, Module, Store
from bridge.rendering.stores import store_document
from bridge.services import secrets
from bridge.services.secrets import Vault
from bridge.services.stores import access_keys, changes
from bridge.services.stores.changes import Subject
from bridge.services.stores.setting_checks import CHECKS, read_time_zone, read_week_start
from bridge.storage.engine.database import Connection
from bridge.storage.metering import limits, prices
from bridge.storage.shop import sync_state
from bridge.storage.stores import stores

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
HISTORY_ANSWERS = ("grant", "skip", "ask")
_FIRST_LOOK_BACK = timedelta(days=1)
"""How long before the connection the first sync begins: orders placed then may be paid later."""
DEFAULT_LOW_BALANCE = 1000


@dataclass(frozen=True, slots=True)
class NewStore:
    """The data to connect a shop; the credentials are in plain text only here.

    If `name` or `time_zone` is empty, the host or UTC is used. `history` decides
    about orders placed before: `grant` or `skip` them, or `ask` and let
    `answer_history` decide later.
    """

    slug: str
    url: str
    name: str = ""
    time_zone: str = ""
    week_start: str = "monday"
    consumer_key: str | None = field(default=None, repr=False)
    consumer_secret: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    history: str = "grant"


@dataclass(frozen=True, slots=True)
class Connected:
    """A new store with its secrets, which are shown only once."""

    store: Store
    webhook_secret: str = field(repr=False)
    access_key: str = field(repr=False)


def add_store(connection: Connection, wanted: NewStore, *, vault_: Vault, actor: str, now: datetime) -> Connected:
    """Connect a shop: its row, its default modules and a first access key.

    Raises `InvalidRequest` for invalid data and `StoreExists` for a slug that is
    taken.
    """
    store, secret = add_bare(connection, wanted, vault_=vault_, actor=actor, now=now)
    return Connected(store, secret, access_keys.make(connection, store, actor=actor, now=now))


def check_new(wanted: NewStore) -> NewStore:
    """Return the shop to connect as it will be stored; raises `InvalidRequest` for invalid data."""
    url = shop_url(wanted.url)
    check_slug(wanted.slug)
    key, secret = (clean_credential(text or "") for text in (wanted.consumer_key, wanted.consumer_secret))
    if bool(key) != bool(secret):
        raise InvalidRequest(fields=[FieldError("consumer_secret", "enter the consumer key and its secret together")])
    if key and (fault := keys_mix_up(key, secret)):
        raise InvalidRequest(fields=[FieldError("consumer_key", fault)])
    webhook_secret = clean_pasted(wanted.webhook_secret or "")
    if fault := webhook_secret_mix_up(webhook_secret):
        raise InvalidRequest(fields=[FieldError("webhook_secret", fault)])
    return replace(
        wanted,
        url=url,
        consumer_key=key or None,
        consumer_secret=secret or None,
        webhook_secret=webhook_secret or None,
        name=(plain_text(wanted.name).strip() or urlsplit(url).hostname or wanted.slug)[:200],
        time_zone=read_time_zone(wanted.time_zone or "UTC"),
        week_start=WEEKDAYS[read_week_start(wanted.week_start)],
    )


def check_slug(slug: str) -> None:
    """Raise `InvalidRequest` for an invalid slug."""
    if not _SLUG.fullmatch(slug):
        raise InvalidRequest(
            fields=[
                FieldError("slug", "use 1 to 64 lower-case letters, digits and dashes, without a dash at either end")
            ]
        )


def check_free(connection: Connection, slug: str, *, own_id: int | None = None) -> None:
    """Raise `StoreExists` if another store than `own_id` has this slug, or had it before it was renamed."""
    if stores.find_removing(connection, slug) is not None:
        raise StoreExists(f"the store {slug} is being removed; finish that with: flask stores remove {slug}")
    found = stores.find(connection, slug)
    if found is not None and found.id != own_id:
        raise StoreExists(f"a store named {slug} already exists")
    renamed = stores.find_renamed(connection, slug)
    if renamed is not None and renamed.id != own_id:
        raise StoreExists(f"the store {renamed.slug} was named {slug} before, and its webhooks may still deliver there")


def check_not_connected(connection: Connection, url: str, *, own_id: int | None = None) -> None:
    """Raise `StoreExists` if another store has the same shop, however its address is written."""
    wanted = comparable_shop(url)
    for store in stores.list_all(connection):
        if store.id != own_id and comparable_shop(store.url) == wanted:
            sentence = f"This shop is already connected as {store.slug} ({store.url})."
            raise StoreExists(sentence, fields=[FieldError("url", sentence)])


def add_bare(
    connection: Connection, wanted: NewStore, *, vault_: Vault, actor: str, now: datetime
) -> tuple[Store, str]:
    """Connect a shop without an access key; return the store and its webhook secret.

    Raises as `add_store` does.
    """
    wanted = check_new(wanted)
    check_free(connection, wanted.slug)
    secret = wanted.webhook_secret or secrets.new_secret()
    store_id = stores.add(
        connection,
        {
            "slug": wanted.slug,
            "name": wanted.name,
            "url": wanted.url,
            "time_zone": wanted.time_zone,
            "week_start": read_week_start(wanted.week_start),
            "spend_order": [source.value for source in DEFAULT_ORDER],
            "grant_statuses": list(DEFAULT_GRANT_STATUSES),
            "purchase_url": f"{wanted.url}/shop/",
            "low_balance": DEFAULT_LOW_BALANCE,
            "webhook_secret": vault_.seal(secret),
            "consumer_key": vault_.seal(wanted.consumer_key) if wanted.consumer_key else None,
            "consumer_secret": vault_.seal(wanted.consumer_secret) if wanted.consumer_secret else None,
            "guest_salt": secrets.new_salt(),
            "created_at": now,
            **_boundaries(wanted.history, now),
        },
    )
    _begin_reading(connection, store_id, wanted.history, now)
    if wanted.history == "grant" and wanted.consumer_key:
        # The job that grants past orders starts within seconds; the regular sync would start later.
        sync_state.change(connection, store_id, past_done=0, past_total=0)
    modules = [Module(module, label) for module, label in DEFAULT_MODULES.items()]
    limits.put_modules(connection, store_id, modules, position=0)
    prices.put(connection, store_id, DEFAULT_OPERATIONS)
    store = stores.get(connection, store_id)
    _record(connection, store_id, None, store, actor=actor, now=now)
    return store, secret


def answer_history(connection: Connection, store: Store, answer: str, *, actor: str, now: datetime) -> Store:
    """Decide about the orders placed before the shop was connected: `grant`, `skip`, or `ask` later.

    To grant them, `backfill` reads the shop from its first order. Tokens already
    granted stay, whatever the decision.
    """
    connected_at = store.asks_from or store.grants_from or stores.connected_at(connection, store.id)
    stores.change(connection, store.id, _boundaries(answer, connected_at))
    if answer != store.history:
        past = 0 if answer == "grant" else None
        sync_state.change(connection, store.id, past_done=past, past_total=past)
    is_unread = sync_state.find(connection, store.id).cursor_at is None
    if answer != store.history and (answer == "grant" or is_unread):
        _begin_reading(connection, store.id, answer, connected_at)
    before, after = {"past_orders": store.history}, {"past_orders": answer}
    changes.record(connection, store.id, Subject.STORE, store.slug, before=before, after=after, actor=actor, now=now)
    return stores.get(connection, store.id)


def get_store(connection: Connection, slug: str) -> Store:
    """Return the store that has this slug, or had it before it was renamed; raises `UnknownStore`."""
    # An invalid slug is not queried: PostgreSQL refuses NUL even in a query.
    is_slug = _SLUG.fullmatch(slug) is not None
    store = (stores.find(connection, slug) or stores.find_renamed(connection, slug)) if is_slug else None
    if store is None:
        raise UnknownStore(f"there is no store named {slug}")
    return store


def find_by_id(connection: Connection, store_id: int) -> Store | None:
    """Return the store with this id; None for one that is gone or being removed."""
    return stores.find_by_id(connection, store_id)


def list_stores(connection: Connection) -> list[Store]:
    """Return every store, by name."""
    return stores.list_all(connection)


def webhook_secret(connection: Connection, store_id: int, *, vault_: Vault) -> str:
    """Return the secret with which the shop signs its deliveries."""
    return vault_.open(stores.credentials(connection, store_id).webhook_secret)


def has_shop_keys(connection: Connection, store_id: int) -> bool:
    """Return whether the store has REST keys of its shop."""
    return stores.credentials(connection, store_id).consumer_key is not None


def change_settings(
    connection: Connection, store_id: int, wanted: dict[str, Any], *, actor: str, now: datetime
) -> Store:
    """Change some of a store's settings, named as the API names them; raises `InvalidRequest` for a bad one."""
    checked: dict[str, Any] = {}
    faults: list[FieldError] = []
    for name, value in wanted.items():
        check = CHECKS.get(name)
        try:
            checked[name] = value if check is None else check(value)
        except InvalidRequest as error:
            faults.extend(error.fields)
    if faults:
        raise InvalidRequest(fields=faults)
    return change_recorded(connection, store_id, checked, actor=actor, now=now)


def change_recorded(
    connection: Connection, store_id: int, values: dict[str, Any], *, actor: str, now: datetime
) -> Store:
    """Change columns of a store that are settings, and record the settings before and after."""
    # The row is locked first, so that the values before are those that this change replaces.
    stores.touch(connection, store_id)
    before = stores.get(connection, store_id)
    stores.change(connection, store_id, values)
    after = stores.get(connection, store_id)
    _record(connection, store_id, before, after, actor=actor, now=now)
    return after


def _record(
    connection: Connection, store_id: int, before: Store | None, after: Store, *, actor: str, now: datetime
) -> None:
    known = None if before is None else store_document(before)
    document = store_document(after)
    changes.record(connection, store_id, Subject.STORE, after.slug, before=known, after=document, actor=actor, now=now)


def _boundaries(history: str, connected_at: datetime) -> dict[str, datetime | None]:
    if history not in HISTORY_ANSWERS:
        raise InvalidRequest(fields=[FieldError("history", f"use one of {', '.join(HISTORY_ANSWERS)}")])
    return {
        "grants_from": connected_at if history == "skip" else None,
        "asks_from": connected_at if history == "ask" else None,
    }


def _begin_reading(connection: Connection, store_id: int, history: str, connected_at: datetime) -> None:
    start = None if history == "grant" else connected_at - _FIRST_LOOK_BACK
    sync_state.change(connection, store_id, cursor_at=start, trash_cursor_at=start, scan=None)


def correct_boundaries(connection: Connection, *, now: datetime) -> list[Store]:
    """Move boundaries in the future to `now`, and return their stores; call it only if `now` is known to be right.

    A store that was connected while the clock was ahead grants and reads no order
    until that time has come.
    """
    corrected = []
    for store in stores.list_all(connection):
        boundaries = {"grants_from": store.grants_from, "asks_from": store.asks_from}
        known = sync_state.find(connection, store.id)
        cursors = {"cursor_at": known.cursor_at, "trash_cursor_at": known.trash_cursor_at}
        moved = {name: now for name, at in boundaries.items() if unless_ahead(at, now) != at}
        reread = {name: now - _FIRST_LOOK_BACK for name, at in cursors.items() if unless_ahead(at, now) != at}
        if moved:
            stores.change(connection, store.id, moved)
        if reread:
            sync_state.change(connection, store.id, **reread)
        if moved or reread:
            corrected.append(store)
    return corrected


def shop_url(given: str) -> str:
    """Return a shop's address as it is stored; raises `InvalidRequest` for an invalid address."""
    try:
        parts = urlsplit(clean_pasted(given))
    except ValueError:
        parts = urlsplit("")
    if parts.scheme.casefold() not in {"http", "https"} or not parts.hostname or parts.username:
        raise InvalidRequest(fields=[FieldError("url", "enter the shop's address, such as https://shop.example.com")])
    clean = parts._replace(scheme=parts.scheme.casefold(), query="", fragment="")
    return without_page(clean.geturl()).rstrip("/")[:500]


def get_by_id(connection: Connection, store_id: int) -> Store:
    """Return the store with this id, which must exist."""
    return stores.get(connection, store_id)
