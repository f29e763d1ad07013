"""Requests for shops' REST keys: the owner approves in the shop with a one-time state, and the shop sends the keys."""

from __future__ import annotations

import hmac
import logging
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from bridge.domain.errors import FieldError, InvalidRequest, StoreExists
from bridge.domain.shop.authorization import (
    LIFE,
    RESERVED_SLUGS,
    KeyRequestOver,
    RestKeys,
    UnknownKeyRequest,
    address_fault,
    full_address,
    suggest_slug,
)
from bridge.domain.stores.shop_address import comparable_shop
from bridge.domain.stores.stores import Store
from bridge.services import secrets
from bridge.services.orders.posting import ACTOR
from bridge.services.secrets import Vault
from bridge.services.shop import shop_keys
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.stores.settings import NewStore
from bridge.storage.engine.database import Connection
from bridge.storage.shop import key_requests
from bridge.storage.shop.key_requests import KeyRequest
from bridge.storage.stores import stores as store_rows

log = logging.getLogger(__name__)

_KEPT = timedelta(days=1)
"""How long a request is stored after it expires, so that a late response differs from an invented one."""
_MOST_NUMBERED = 100
_CHECK_REQUESTS, _CHECK_SECONDS = 50, 120.0
"""The limits of a check of new keys."""


def check_wanted(connection: Connection, wanted: NewStore) -> NewStore:
    """Return the shop to connect, with its full address and a suggested slug if none is given.

    Raises `InvalidRequest` with the invalid field, and `StoreExists` for a slug or
    shop that already exists.
    """
    url = full_address(wanted.url)
    if fault := address_fault(url):
        raise InvalidRequest(fields=[FieldError("url", fault)])
    if wanted.slug in RESERVED_SLUGS:
        raise InvalidRequest(fields=[FieldError("slug", "This name is reserved; choose another one.")])
    slug = wanted.slug or _free_slug(connection, suggest_slug(url))
    wanted = settings.check_new(replace(wanted, url=url, slug=slug))
    for store in settings.list_stores(connection):
        if store.slug == wanted.slug:
            raise StoreExists(fields=[FieldError("slug", f"A store named {store.slug} already exists.")])
        if comparable_shop(store.url) == comparable_shop(wanted.url):
            sentence = f"This shop is already connected as {store.slug}; connect it again on its Connection page."
            raise StoreExists(fields=[FieldError("url", sentence)])
    try:
        settings.check_free(connection, wanted.slug)
    except StoreExists as error:
        raise StoreExists(error.detail, fields=[FieldError("slug", f"{_sentence(error.detail)}.")]) from error
    return wanted


def ask_for_new(connection: Connection, wanted: NewStore, *, now: datetime) -> str:
    """Return the state with which a shop may send its keys and become a store; `wanted` is already checked."""
    about = {name: asdict(wanted)[name] for name in ("slug", "url", "name", "time_zone", "week_start")}
    return _ask(connection, store_id=None, wanted=about, now=now)


def ask_again(connection: Connection, store: Store, *, now: datetime) -> str:
    """Return the state with which a store's shop may send new keys; the old ones are used until then."""
    return _ask(connection, store_id=store.id, wanted=None, now=now)


def receive(connection: Connection, state: str, keys: RestKeys, *, vault_: Vault, now: datetime) -> Store:
    """Store the keys that a shop sends with a state, once: create the store, or update its keys.

    The owner still has to decide about past orders. Raises `UnknownKeyRequest`,
    `KeyRequestOver`, and `StoreExists` if the name was taken meanwhile; nothing is
    changed then.
    """
    state_hash = secrets.hash_state(state)
    request = key_requests.use(connection, state_hash, now=now)
    if request is None:
        raise UnknownKeyRequest() if key_requests.find(connection, state_hash) is None else KeyRequestOver()
    if request.store_id is not None:
        store = settings.get_by_id(connection, request.store_id)
        shop_keys.set_keys(
            connection,
            store,
            consumer_key=keys.consumer_key,
            consumer_secret=keys.consumer_secret,
            vault_=vault_,
            actor=ACTOR,
            now=now,
        )
    else:
        wanted = NewStore(**(request.wanted or {}), history="ask")
        store = connect(connection, wanted, keys, vault_=vault_, actor=ACTOR, now=now)
        key_requests.set_store(connection, state_hash, store.id)
    log.info("the shop %s sent its REST keys for the store %s", store.url, store.slug)
    return store


def connect(
    connection: Connection, wanted: NewStore, keys: RestKeys, *, vault_: Vault, actor: str, now: datetime
) -> Store:
    """Create a store with these keys, without an access key; its owner decides about past orders later."""
    wanted = replace(wanted, consumer_key=keys.consumer_key, consumer_secret=keys.consumer_secret, history="ask")
    settings.check_not_connected(connection, wanted.url)
    return settings.add_bare(connection, wanted, vault_=vault_, actor=actor, now=now)[0]


def check_form(keys: RestKeys) -> None:
    """Raise `InvalidRequest` for keys that are none, or are mixed up."""
    if mix_up := keys.mix_up:
        raise InvalidRequest(fields=[FieldError("consumer_key", mix_up)])


def check_keys(shops: Shops, url: str, keys: RestKeys, *, seconds: float = _CHECK_SECONDS) -> None:
    """Check in the shop that these keys may read and write, for some seconds; no transaction may be open.

    Raises `InvalidRequest` for invalid keys, and a `ShopUnreachable` with the
    shop's reason.
    """
    check_form(keys)
    with shops.open(url, keys.consumer_key, keys.consumer_secret) as shop:
        shop.limit(requests=_CHECK_REQUESTS, seconds=seconds)
        checked = shop.check()
    fault = checked.fault or checked.write_fault
    if fault is not None:
        raise fault


def store_of_key(connection: Connection, consumer_key: str, *, vault_: Vault) -> Store | None:
    """Return the store with this consumer key; there are few stores, so all are checked."""
    for store in settings.list_stores(connection):
        sealed = store_rows.credentials(connection, store.id).consumer_key
        if sealed and hmac.compare_digest(vault_.open(sealed).encode(), consumer_key.encode()):
            return store
    return None


def find_request(connection: Connection, state: str) -> tuple[KeyRequest, Store | None]:
    """Return the state of a request, and the store with its keys; raises `UnknownKeyRequest`."""
    request = key_requests.find(connection, secrets.hash_state(state))
    if request is None:
        raise UnknownKeyRequest()
    return request, None if request.store_id is None else settings.get_by_id(connection, request.store_id)


def _ask(connection: Connection, *, store_id: int | None, wanted: dict[str, str] | None, now: datetime) -> str:
    key_requests.drop_expired(connection, before=now - _KEPT)
    state = secrets.new_state()
    key_requests.add(
        connection,
        secrets.hash_state(state),
        store_id=store_id,
        wanted=wanted,
        now=now,
        expires_at=now + LIFE,
    )
    return state


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _free_slug(connection: Connection, slug: str) -> str:
    """Return the slug, with a number if it is taken."""
    taken = {store.slug for store in settings.list_stores(connection)}
    names = [slug, *(f"{slug}-{number}" for number in range(2, _MOST_NUMBERED))]
    return next((name for name in names if name not in taken), slug)
