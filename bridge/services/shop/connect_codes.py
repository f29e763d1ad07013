"""Connect codes: created by an owner, and used once by the WordPress plugin of a site."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.errors import StoreExists
from bridge.domain.shop.connect_codes import KEY_NAME, LIFE, RECONNECT_GRACE, OtherSite, read_secret, write_code
from bridge.domain.shop.subscriptions import TOPICS
from bridge.domain.stores.shop_address import comparable_shop
from bridge.domain.stores.stores import Store
from bridge.rendering.documents import format_timestamp
from bridge.services import secrets
from bridge.services.secrets import Vault
from bridge.services.shop import authorization, subscriptions
from bridge.services.shop.subscriptions import WebhookTarget
from bridge.services.sites import guesses
from bridge.services.stores import access_keys, changes, settings
from bridge.services.stores.changes import Subject
from bridge.services.stores.settings import NewStore
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.shop import connect_codes
from bridge.storage.shop.connect_codes import ConnectCode

log = logging.getLogger(__name__)

_KEPT = timedelta(days=1)
"""How long a code is stored after it expires, so that a used or expired code differs from an unknown one."""
_NEW_STORE = "new store"


@dataclass(frozen=True, slots=True)
class NewCode:
    """A new connect code, which is shown only once; its `id` is no secret."""

    id: int
    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ConnectingSite:
    """The site whose plugin sends a code; without WooCommerce it has no webhooks."""

    url: str
    name: str
    time_zone: str
    has_woocommerce: bool


@dataclass(frozen=True, slots=True)
class ConnectedSite:
    """The values that the plugin gets, once: its key, and the address, secret and topics of its webhooks."""

    store: Store
    access_key: str = field(repr=False)
    target: WebhookTarget
    topics: tuple[str, ...]


class Miss(StrEnum):
    """Why a code connected nothing."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"


def new_code(connection: Connection, store: Store | None, *, public_url: str, made_by: str, now: datetime) -> NewCode:
    """Return a code that connects one site within minutes: to this store, or to a new one that it creates."""
    connect_codes.drop_expired(connection, before=now - _KEPT)
    secret, code_id, expires_at = secrets.new_connect_secret(), new_id(), now + LIFE
    store_id = None if store is None else store.id
    connect_codes.add(
        connection,
        code_id,
        secrets.hash_connect_secret(secret),
        store_id=store_id,
        made_by=made_by,
        now=now,
        expires_at=expires_at,
    )
    changes.record(
        connection,
        store_id,
        Subject.CONNECT_CODE,
        _NEW_STORE if store is None else store.slug,
        before=None,
        after={"expires_at": format_timestamp(expires_at)},
        actor=made_by,
        now=now,
    )
    return NewCode(code_id, write_code(public_url, secret), expires_at)


def check_guesses(connection: Connection, typed: str, address: str, *, now: datetime) -> None:
    """Raise `TooManyGuesses` if this client guessed wrong too often, or all clients did and this code is wrong."""

    def is_open() -> bool:
        found = connect_codes.find(connection, _hash(typed))
        return found is not None and found.used_at is None and found.expires_at > now

    guesses.check(connection, address, is_open=is_open, now=now)


def connect(
    connection: Connection,
    typed: str,
    site: ConnectingSite,
    *,
    public_url: str,
    vault_: Vault,
    address: str,
    now: datetime,
) -> ConnectedSite | Miss:
    """Connect the site that sent a code, or return why not.

    A miss is a return value, so that its guess stays counted. Raises
    `TooManyGuesses`, and for a valid code, which can then be used again, `OtherSite`
    or `StoreExists`.
    """
    guess = guesses.add(connection, address, now=now)
    code = connect_codes.use(connection, _hash(typed), now=now)
    if code is None:
        guesses.check_miss(guess, now=now)
        return _miss(connect_codes.find(connection, _hash(typed)))
    guesses.take_back(connection, guess)
    actor = f"{KEY_NAME}, code of {code.made_by}"[:340]
    store = _store_of(connection, code, site, vault_=vault_, actor=actor, now=now)
    key = access_keys.make_or_rotate(connection, store, name=KEY_NAME, grace=RECONNECT_GRACE, actor=actor, now=now)
    target = subscriptions.target_of(connection, store, public_url=public_url, vault_=vault_)
    log.info("the WordPress plugin of %s is connected to the store %s", site.url, store.slug)
    return ConnectedSite(store, key, target, TOPICS if site.has_woocommerce else ())


def find_code(connection: Connection, code_id: int) -> tuple[ConnectCode, Store | None] | None:
    """Return a code and its store, which is None until a new store was created; None for an unknown id."""
    code = connect_codes.find_by_id(connection, code_id)
    if code is None:
        return None
    return code, None if code.store_id is None else settings.find_by_id(connection, code.store_id)


def _miss(code: ConnectCode | None) -> Miss:
    if code is None:
        return Miss.UNKNOWN
    return Miss.EXPIRED if code.used_at is None else Miss.USED


def _store_of(
    connection: Connection, code: ConnectCode, site: ConnectingSite, *, vault_: Vault, actor: str, now: datetime
) -> Store:
    """Return the store to connect, a new one if the code has none."""
    if code.store_id is not None:
        store = settings.get_by_id(connection, code.store_id)
        if comparable_shop(store.url) != comparable_shop(site.url):
            raise OtherSite(
                f"this code connects the store {store.slug} at {store.url}, and this site is at {site.url}: create a"
                " code for this site, or move the store to this address first"
            )
        return store
    wanted = NewStore(slug="", url=site.url, name=site.name, time_zone=site.time_zone, history="ask")
    try:
        checked = authorization.check_wanted(connection, wanted)
    except StoreExists as error:
        # Its fields are those of the form in the console.
        raise StoreExists(error.fields[0].message if error.fields else error.detail) from error
    store, _secret = settings.add_bare(connection, checked, vault_=vault_, actor=actor, now=now)
    connect_codes.set_store(connection, code.id, store.id)
    return store


def _hash(typed: str) -> str:
    return secrets.hash_connect_secret(read_secret(typed))
