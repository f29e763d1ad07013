"""The connection of the WordPress plugin: its REST keys, checks of the shop on request, and the end of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from bridge.domain.errors import ShopUnreachable
from bridge.domain.ops.clock import TOLERANCE
from bridge.domain.shop.authorization import RestKeys
from bridge.domain.shop.errors import BadShopAddress, CheckRunning, ShopBlocked, ShopRefused
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.services.shop import authorization, monitor, shop_keys
from bridge.services.shop.monitor import MonitorContext
from bridge.services.sites import sites
from bridge.services.stores import access_keys, settings
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection
from bridge.storage.shop import sync_state

log = logging.getLogger(__name__)

CHECK_SECONDS = 15.0
"""How long a check may call the shop while the plugin waits."""
FRESH = timedelta(seconds=5)
"""How old the last check may be to be returned in place of a new one."""


class ShopChecks:
    """The checks that callers of this process wait for: one for each store, so that none can fill all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._begun: set[int] = set()

    @contextmanager
    def one(self, store_id: int) -> Iterator[None]:
        """Run a check of a store; raises `CheckRunning` during another one."""
        with self._lock:
            if store_id in self._running:
                raise CheckRunning()
            self._running.add(store_id)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(store_id)

    def begin(self, store_id: int, check: Callable[[], None]) -> None:
        """Run a check in a thread of its own, unless one of the store runs or was begun; the caller does not wait.

        If the process ends before, the scheduled check is the next one.
        """
        with self._lock:
            if store_id in self._running or store_id in self._begun:
                return
            self._begun.add(store_id)
        name = f"check of store {store_id}"
        threading.Thread(target=self._run, args=(store_id, check), name=name, daemon=True).start()

    def _run(self, store_id: int, check: Callable[[], None]) -> None:
        try:
            check()
        except CheckRunning:
            pass
        except Exception:
            log.exception("the shop of store %d could not be checked after its keys were set", store_id)
        finally:
            with self._lock:
                self._begun.discard(store_id)


def receive_keys(
    monitoring: MonitorContext, checks: ShopChecks, caller: Caller, keys: RestKeys, *, now: datetime
) -> None:
    """Store the REST keys of the caller's shop, and check the shop with them; no transaction may be open.

    Keys that the shop refuses are not stored: raises `InvalidRequest` or the
    `ShopUnreachable`. If the shop does not answer, they are stored, because the site
    itself sent them, and the check stores the reason. Raises `CheckRunning`.
    """
    with monitoring.transaction() as connection:
        store = settings.get_by_id(connection, caller.store_id)
    with checks.one(store.id):
        try:
            authorization.check_keys(monitoring.shops, store.url, keys, seconds=CHECK_SECONDS)
        except ShopUnreachable as error:
            if isinstance(error, BadShopAddress) or (
                isinstance(error, ShopRefused) and not isinstance(error, ShopBlocked)
            ):
                raise
        _store_keys(monitoring, caller, store, keys, now=now)
        monitor.watch(monitoring, store, now=now, may_repair=False)


def keep_keys(monitoring: MonitorContext, caller: Caller, keys: RestKeys, *, now: datetime) -> None:
    """Store the REST keys of the caller's shop without calling it; the caller checks the shop afterwards.

    For a site that cannot answer while it waits for this. Raises `InvalidRequest`.
    """
    authorization.check_form(keys)
    with monitoring.transaction() as connection:
        store = settings.get_by_id(connection, caller.store_id)
    _store_keys(monitoring, caller, store, keys, now=now)


def _store_keys(monitoring: MonitorContext, caller: Caller, store: Store, keys: RestKeys, *, now: datetime) -> None:
    in_transaction(
        monitoring.transaction,
        lambda connection: shop_keys.set_keys(
            connection,
            store,
            consumer_key=keys.consumer_key,
            consumer_secret=keys.consumer_secret,
            vault_=monitoring.shops.vault,
            actor=caller.name,
            now=now,
            are_from_plugin=True,
        ),
    )


def check(monitoring: MonitorContext, checks: ShopChecks, store_id: int, *, now: datetime) -> None:
    """Check a shop now and store the result, unless it was just checked; no transaction may be open.

    Raises `CheckRunning`.
    """
    with monitoring.transaction() as connection:
        store = settings.get_by_id(connection, store_id)
        looked_at = sync_state.find(connection, store_id).looked_at
    if looked_at is not None and -TOLERANCE <= now - looked_at < FRESH:
        return
    with checks.one(store_id):
        monitor.watch(monitoring, store, now=now, may_repair=False)


def disconnect(connection: Connection, caller: Caller, *, now: datetime) -> None:
    """End the connection of the caller's key: it works no more, and keys and webhooks of the plugin are forgotten.

    The store with its accounts and settings stays, and so do REST keys that did not
    come from the plugin. A linked site is unlinked.
    """
    if caller.site_id:
        sites.unlink_site(connection, caller.store_id, caller.site_id, actor=caller.name, now=now)
        return
    store = settings.get_by_id(connection, caller.store_id)
    access_keys.revoke(connection, store, caller.key_id, actor=caller.name, now=now)
    if store.deliveries == "plugin":
        # Without the plugin, only webhooks are left.
        settings.change_settings(connection, store.id, {"deliveries": "webhooks"}, actor=caller.name, now=now)
    shop_keys.drop_plugin_keys(connection, store, actor=caller.name, now=now)
    sync_state.change(connection, store.id, webhooks_set_at=None)
