"""The REST keys of a store's shop: set, and deleted when the WordPress plugin disconnects."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.stores.stores import Store
from bridge.services.secrets import Vault
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state
from bridge.storage.stores import stores


def set_keys(
    connection: Connection,
    store: Store,
    *,
    consumer_key: str,
    consumer_secret: str,
    vault_: Vault,
    actor: str,
    now: datetime,
    are_from_plugin: bool = False,
) -> None:
    """Store REST keys for the store's shop; the shop counts as not yet checked with them.

    Those that `are_from_plugin` are deleted when the WordPress plugin disconnects.
    """
    known = stores.credentials(connection, store.id)
    sealed = {"consumer_key": vault_.seal(consumer_key), "consumer_secret": vault_.seal(consumer_secret)}
    stores.change(connection, store.id, sealed | {"has_plugin_keys": are_from_plugin})
    sync_state.change(connection, store.id, looked_at=None, access=None)
    if store.history == "grant" and sync_state.find(connection, store.id).cursor_at is None:
        # Nothing was read from the shop yet, because there were no keys.
        sync_state.change(connection, store.id, past_done=0, past_total=0)
    held = [known.consumer_key, known.consumer_secret]
    if [sealed_ and vault_.open(sealed_) for sealed_ in held] != [consumer_key, consumer_secret]:
        before, after = (None, "set") if known.consumer_key is None else ("set", "replaced")
        changes.record(
            connection, store.id, Subject.SHOP_KEYS, store.slug, before=before, after=after, actor=actor, now=now
        )


def drop_plugin_keys(connection: Connection, store: Store, *, actor: str, now: datetime) -> None:
    """Delete the REST keys that came from the WordPress plugin; keys that came otherwise stay."""
    if not stores.credentials(connection, store.id).are_from_plugin:
        return
    stores.change(connection, store.id, {"consumer_key": None, "consumer_secret": None, "has_plugin_keys": False})
    sync_state.change(connection, store.id, looked_at=None, access=None)
    changes.record(connection, store.id, Subject.SHOP_KEYS, store.slug, before="set", after=None, actor=actor, now=now)
