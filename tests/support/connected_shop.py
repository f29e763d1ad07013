"""A shop on loopback, connected by REST keys and webhooks, and one clock for it and the service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from flask import Flask
from flask.testing import FlaskClient

from bridge.cli import packages as cli_packages
from bridge.cli import reconcile as cli_reconcile
from bridge.cli import stores as cli_stores
from bridge.cli import webhooks as cli_webhooks
from bridge.clients.woocommerce import session
from bridge.clients.woocommerce.api import ShopClient, open_shop
from bridge.domain.shop.issues import Code
from bridge.domain.shop.reconciliation import Report
from bridge.domain.shop.subscriptions import TOPICS
from bridge.runtime import Runtime
from bridge.services.shop import full_scan, monitor, paging, product_import, reconcile, subscriptions
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.monitor import CheckResult, MonitorContext
from bridge.services.shop.reconcile import open_reading
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.stores.settings import Connected, NewStore
from bridge.storage.engine.database import Database
from bridge.storage.shop import sync_state
from bridge.storage.shop.sync_state import ShopRead
from bridge.web.context import utcnow
from bridge.web.inbound import webhooks as web_webhooks
from fakeshop.model.shop import FakeShop
from fakeshop.rest.server import Served, serve
from fakeshop.webhooks.http_client import send_into
from tests.support import ledger_sql

PUBLIC_URL = "http://127.0.0.1:8000"
SECRET = "test-secret"
DAY = 86_400


@dataclass
class ConnectedShop:
    """The service, a fake shop, and their common time; the shop's clock is `skew` seconds ahead."""

    app: Flask
    slug: str = "shop"
    seed: int = 1
    duplicates: float = 0.0
    now: datetime = field(default_factory=lambda: utcnow().replace(microsecond=0))
    skew: float = 0
    patience_seconds: float = 20
    served: Served = field(init=False)
    connected: Connected = field(init=False)

    def __post_init__(self) -> None:
        """Open the shop; it delivers to the app in process."""
        self.client: FlaskClient = self.app.test_client()
        self.shop = FakeShop(
            self.seed,
            clock=lambda: self.now + timedelta(seconds=self.skew),
            send=send_into(self.app.test_client()),
            duplicates=self.duplicates,
        )
        parts: Runtime = self.app.extensions["bridge"]
        self.shops = Shops(parts.vault, self._open)
        self.app.extensions["bridge"] = replace(parts, shops=self.shops)

    def _open(self, url: str, consumer_key: str, consumer_secret: str) -> ShopClient:
        """Return a client that does not wait between its attempts."""
        keys = {"consumer_key": consumer_key, "consumer_secret": consumer_secret}
        return open_shop(url, **keys, timeout=(5, self.patience_seconds), sleep=lambda _: None)

    @property
    def database(self) -> Database:
        """Return the service's database."""
        return self.app.extensions["bridge"].database

    @property
    def headers(self) -> dict[str, str]:
        """Return what a call with the store's key sends."""
        return {"Authorization": f"Bearer {self.connected.access_key}"}

    @property
    def post(self) -> MonitorContext:
        """Return the context of the watchdog."""
        return MonitorContext(self.database.transaction, self.shops, PUBLIC_URL)

    @property
    def store(self):
        """Return the store as it is now."""
        with self.database.reading() as connection:
            return settings.get_store(connection, self.slug)

    def connect(
        self, *, history: str = "grant", permissions: str = "read_write", has_keys: bool = True
    ) -> ConnectedShop:
        """Connect the shop now."""
        key = self.shop.add_key(permissions=permissions)
        self.connected = connect(self, self.slug, self.served.url, key if has_keys else None, history=history)
        return self

    def listen(self) -> ConnectedShop:
        """Create the ten webhooks, as `webhooks install` does."""
        with self.database.transaction() as connection:
            target = subscriptions.target_of(
                connection, self.connected.store, public_url=PUBLIC_URL, vault_=self.shops.vault
            )
            subscriptions.note_installed(connection, self.connected.store, now=self.now)
        for topic in TOPICS:
            name, url = target.address.name_of(topic), target.address.url
            self.shop.create_webhook(topic, url, secret=target.secret, name=name)
        return self

    def later(self, seconds: float = 1) -> None:
        """Move the time on."""
        self.now += timedelta(seconds=seconds)

    def sell(self, customer: int = 2, product: int = 10, **more: Any) -> int:
        """Place a completed order of one package a second later; return its id."""
        self.later()
        return self.shop.place_order(customer, [(product, 1)], status="completed", **more).id

    def sell_many(self, count: int, *, seconds: float = 1, product: int = 10) -> list[int]:
        """Place completed orders of user 2, this many seconds apart; deliver nothing."""
        placed = []
        for _ in range(count):
            self.later(seconds)
            placed.append(self.shop.place_order(2, [(product, 1)], status="completed").id)
        return placed

    @contextmanager
    def reading(self, **more: Any) -> Iterator[SyncContext]:
        """Return the shop, ready to be read."""
        reading = open_reading(self.database.transaction, self.shops, self.store, **more)
        with reading.shop:
            yield reading

    def poll(self, since: datetime | None = None, **more: Any) -> Report:
        """Poll once, a second later."""
        self.later()
        with self.reading(**more) as reading:
            return reconcile.poll(reading, since=since, now=self.now)

    def run_full_scan(self, limit: int = 200, **more: Any) -> tuple[Report, bool]:
        """Run one part of the full scan, a second later."""
        self.later()
        with self.reading(**more) as reading:
            return full_scan.run_full_scan(reading, now=self.now, limit=limit)

    def watch(self) -> CheckResult:
        """Run the watchdog once."""
        return monitor.watch(self.post, self.store, now=self.now)

    def faults(self) -> list[Code]:
        """Return the problems that the watchdog finds."""
        return [fault.code for fault in monitor.look(self.post, self.store, now=self.now)[1]]

    def cursor(self) -> datetime | None:
        """Return the moment up to which the shop was synced."""
        return self.known().cursor_at

    def known(self) -> ShopRead:
        """Return the position of the sync and the orders it has processed."""
        with self.database.reading() as connection:
            return sync_state.find(connection, self.connected.store.id)

    def balances(self) -> dict[int, int]:
        """Return the balance of every user, after checking the ledger."""
        assert ledger_sql.faults(self.database) == []
        return ledger_sql.balances(self.database, store=self.slug)

    def asked(self) -> list[str]:
        """Return the requests since the last call, as METHOD path, without parameters."""
        got = [
            f"{method} {path.partition('?')[0].removeprefix('/wp-json/wc/v3/')}"
            for method, path in self.served.requests
        ]
        self.served.requests.clear()
        return got


def connect(connected_shop: ConnectedShop, slug: str, url: str, key: Any, *, history: str = "grant") -> Connected:
    """Connect a shop to the service of a connected one; its `key` is one of the fake shop's, or None."""
    names = {"consumer_key": key.consumer_key, "consumer_secret": key.consumer_secret} if key else {}
    wanted = NewStore(slug, url, webhook_secret=SECRET, history=history, **names)
    with connected_shop.database.transaction() as connection:
        return settings.add_store(
            connection, wanted, vault_=connected_shop.shops.vault, actor="test", now=connected_shop.now
        )


@contextmanager
def open_connected_shop(app: Flask, *, page: int = 100, **more: Any) -> Iterator[ConnectedShop]:
    """Yield a connected shop that answers on loopback, in pages of this many orders; `more` are its fields."""
    connected_shop = ConnectedShop(app, **more)
    # The service compares the shop's clock with this time too.
    ours = SimpleNamespace(time=lambda: connected_shop.now.timestamp(), monotonic=time.monotonic)
    with ExitStack() as stack:
        connected_shop.served = stack.enter_context(serve(connected_shop.shop))
        stack.enter_context(patch.object(session, "time", ours))
        for reader in (paging, reconcile, full_scan, product_import):
            stack.enter_context(patch.object(reader, "PAGE", page))
        for target in (web_webhooks, cli_reconcile, cli_packages, cli_stores, cli_webhooks):
            stack.enter_context(patch.object(target, "utcnow", lambda: connected_shop.now))
        yield connected_shop
