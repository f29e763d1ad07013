"""Access keys: create, list, revoke, and find the holder of one."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.errors import (
    AccessKeyExpired,
    BridgeError,
    KeyNameTaken,
    KeyReplaced,
    NotSignedIn,
    SiteUnlinked,
    UnknownAccessKey,
)
from bridge.domain.stores.principals import Caller, UnverifiedCaller
from bridge.domain.stores.stores import Store
from bridge.rendering.documents import Document, format_timestamp
from bridge.services import secrets
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.cache import Memory
from bridge.storage.engine.database import Connection, Database
from bridge.storage.stores import stores
from bridge.storage.stores.stores import AccessKey, StoreKey

log = logging.getLogger(__name__)

_USE_NOTED_EVERY = timedelta(minutes=5)

_known: Memory[str, AccessKey] = Memory(most=10_000)
"""Keys found valid earlier, by hash; they may be used only together with `refusals` or `verify`."""


def make(connection: Connection, store: Store, *, name: str = "", actor: str, now: datetime) -> str:
    """Create another access key of a store and return it; it is shown only once.

    Raises `KeyNameTaken` if another key in use has the name.
    """
    stores.lock_row(connection, store.id)
    _check_name(list_keys(connection, store), name)
    return _add(connection, store, name, actor=actor, now=now)


def rename(connection: Connection, store: Store, key_id: int, name: str, *, actor: str, now: datetime) -> StoreKey:
    """Name one of the store's own access keys; later entries of the ledger show the new name.

    Raises `UnknownAccessKey` or `KeyNameTaken`.
    """
    stores.lock_row(connection, store.id)
    found = _own(connection, store, key_id)
    _check_name([key for key in list_keys(connection, store) if key.id != key_id], name)
    stores.change_key(connection, key_id, {"name": name})
    named = replace(found, name=name)
    _record(connection, store, found.prefix, before=_document(found), after=_document(named), actor=actor, now=now)
    return named


def rotate(
    connection: Connection, store: Store, key_id: int, *, grace: timedelta, actor: str, now: datetime
) -> tuple[StoreKey, str]:
    """Create a key with the same name, and let the earlier one end after the grace period.

    Return the earlier key and the new one in full, which is shown only once. Raises
    `UnknownAccessKey`, or `KeyReplaced` if it was replaced already.
    """
    stores.lock_row(connection, store.id)
    found = _own(connection, store, key_id)
    if found.expires_at is not None:
        raise KeyReplaced()
    ending = replace(found, expires_at=now + grace)
    stores.change_key(connection, key_id, {"expires_at": ending.expires_at})
    _record(connection, store, found.prefix, before=_document(found), after=_document(ending), actor=actor, now=now)
    return ending, _add(connection, store, found.name, actor=actor, now=now)


def make_or_rotate(
    connection: Connection, store: Store, *, name: str, grace: timedelta, actor: str, now: datetime
) -> str:
    """Create a key with this name and return it; a key that has the name ends after the grace period."""
    stores.lock_row(connection, store.id)
    named = (key for key in list_keys(connection, store) if key.name == name and key.expires_at is None)
    current = next(named, None)
    if current is None:
        return make(connection, store, name=name, actor=actor, now=now)
    return rotate(connection, store, current.id, grace=grace, actor=actor, now=now)[1]


def list_keys(connection: Connection, store: Store) -> list[StoreKey]:
    """Return the store's own access keys, newest first, without those of its linked sites."""
    return stores.list_keys(connection, store.id)


def find(connection: Connection, store: Store, written: str) -> StoreKey:
    """Return the store's own key with this prefix, or this full key.

    Raises `UnknownAccessKey` if there is none or several, or the prefix is too
    short.
    """
    whole = stores.find_keys(connection, [key_hash := secrets.hash_access_key(written)]).get(key_hash)
    of_store = list_keys(connection, store)
    found = [key for key in of_store if key.prefix == written or (whole is not None and key.id == whole.id)]
    if len(found) != 1:
        raise UnknownAccessKey(
            f"{len(found) or 'no'} access keys of {store.slug} begin with that:"
            " enter the whole prefix as it is listed, such as tb_1a2B3c"
        )
    return found[0]


def revoke(connection: Connection, store: Store, key_id: int, *, actor: str, now: datetime) -> StoreKey:
    """Revoke one of the store's own access keys permanently; the next request with it is refused everywhere.

    Raises `UnknownAccessKey` for a key of another store or of a linked site, and
    for one already revoked.
    """
    found = _own(connection, store, key_id)
    if not stores.delete_key(connection, store.id, key_id):
        raise UnknownAccessKey()
    _record(connection, store, found.prefix, before=_document(found), after=None, actor=actor, now=now)
    log.info("access key %s… of store %s was revoked by %s", found.prefix, store.slug, actor)
    return found


def authenticate(connection: Connection, access_key: str, *, now: datetime) -> Caller:
    """Return the holder of an access key, read by one statement.

    Raises `NotSignedIn`, `SiteUnlinked` or `AccessKeyExpired`.
    """
    key_hash = secrets.hash_access_key(access_key)
    found = _valid(stores.find_keys(connection, [key_hash]).get(key_hash), now=now)
    caller = _caller(found, secrets.prefix_of(access_key), now=now)
    # The caller records the use of a stale key; it counts as used from here on.
    _known.keep(connection, {key_hash: replace(found, last_used_at=now) if caller.is_stale else found})
    return caller


def remembered(database: Database, access_key: str, *, now: datetime) -> UnverifiedCaller | None:
    """Return the holder of this key from the cache; None if it must be looked up now.

    The request of such a caller may be answered only if the key is looked up again, by
    `refusals` or for `verify`, in the transaction or statement that the answer comes
    from, because the key may have been revoked since.
    """
    key_hash = secrets.hash_access_key(access_key)
    found = _known.of(database).get(key_hash)
    if found is None:
        return None
    caller = _caller(found, secrets.prefix_of(access_key), now=now)
    if caller.is_stale:
        return None
    return UnverifiedCaller(
        store_id=caller.store_id,
        name=caller.name,
        key_id=caller.key_id,
        site_id=caller.site_id,
        account_id=caller.account_id,
        key_hash=key_hash,
    )


def refusals(connection: Connection, hashes: Collection[str], *, now: datetime) -> dict[str, BridgeError]:
    """Return why keys with these hashes are no longer valid, without the valid ones; one statement for all."""
    if not hashes:
        return {}
    found = stores.find_keys(connection, hashes)
    refused: dict[str, BridgeError] = {}
    for key_hash in hashes:
        try:
            verify(connection, key_hash, found.get(key_hash), now=now)
        except BridgeError as error:
            refused[key_hash] = error
    return refused


def verify(connection: Connection, key_hash: str, found: AccessKey | None, *, now: datetime) -> None:
    """Check a key that was read by its hash together with other rows; None is a key that is not stored.

    Raises `NotSignedIn`, `SiteUnlinked` or `AccessKeyExpired`, and the key is then no
    longer cached.
    """
    known = _known.of(connection)
    try:
        valid = _valid(found, now=now)
    except BridgeError:
        known.pop(key_hash, None)
        raise
    if (remembered := known.get(key_hash)) is not None and remembered.name != valid.name:
        known[key_hash] = replace(remembered, name=valid.name)


def note_use(connection: Connection, caller: Caller, *, now: datetime) -> None:
    """Record that a key is in use; called at most every few minutes."""
    stores.mark_key_used(connection, caller.key_id, now=now)


def _own(connection: Connection, store: Store, key_id: int) -> StoreKey:
    found = next((key for key in list_keys(connection, store) if key.id == key_id), None)
    if found is None:
        raise UnknownAccessKey()
    return found


def _check_name(others: Collection[StoreKey], name: str) -> None:
    """Raise `KeyNameTaken`; a key that was replaced keeps its name beside its successor."""
    if name and any(key.name == name and key.expires_at is None for key in others):
        raise KeyNameTaken()


def _add(connection: Connection, store: Store, name: str, *, actor: str, now: datetime) -> str:
    key = secrets.new_access_key()
    prefix = secrets.prefix_of(key)
    stores.add_key(
        connection,
        store_id=store.id,
        key_hash=secrets.hash_access_key(key),
        prefix=prefix,
        name=name,
        created_at=now,
    )
    after = _document(StoreKey(0, prefix, now, None, name))
    _record(connection, store, prefix, before=None, after=after, actor=actor, now=now)
    return key


def _document(key: StoreKey) -> Document:
    """Return what is shown of a key."""
    named = {"name": key.name} if key.name else {}
    ending = {"expires_at": format_timestamp(key.expires_at)} if key.expires_at else {}
    return {"prefix": key.prefix, "created_at": format_timestamp(key.created_at)} | named | ending


def _record(
    connection: Connection,
    store: Store,
    prefix: str,
    *,
    before: Document | None,
    after: Document | None,
    actor: str,
    now: datetime,
) -> None:
    """Record a change of an access key by what is shown of it, never the key itself."""
    changes.record(connection, store.id, Subject.ACCESS_KEY, prefix, before=before, after=after, actor=actor, now=now)


def _valid(found: AccessKey | None, *, now: datetime) -> AccessKey:
    if found is None:
        raise NotSignedIn("the access key is unknown or revoked")
    if found.unlinked_at is not None:
        raise SiteUnlinked("the site of this access key is no longer linked")
    if found.expires_at is not None and found.expires_at <= now:
        raise AccessKeyExpired("the access key has expired; use the one that replaced it")
    return found


def _caller(found: AccessKey, prefix: str, *, now: datetime) -> Caller:
    return Caller(
        store_id=found.store_id,
        name=_name(found, prefix),
        key_id=found.id,
        site_id=found.site_id,
        account_id=found.account_id,
        is_stale=found.last_used_at is None or now - found.last_used_at > _USE_NOTED_EVERY,
    )


def _name(found: AccessKey, prefix: str) -> str:
    """Return how the ledger names the holder; the prefix tells two keys of one name apart."""
    if found.site_id:
        return f"site {found.site_name}"
    return f"key {prefix} ({found.name})" if found.name else f"key {prefix}"
