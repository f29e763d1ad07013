"""The demo's second shop: a fake WooCommerce shop that runs beside the service."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

from bridge.cli.base import ACTOR, utcnow
from bridge.config import ROOT, Config
from bridge.domain.errors import NotFound
from bridge.domain.stores.stores import Store
from bridge.services.secrets import Vault
from bridge.services.shop import product_import, reconcile, subscriptions
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.stores.settings import NewStore
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Database

_SLUG = "fakeshop"
_SECRET = "the-demo-shop-signs-with-this"  # noqa: S105 -- of a shop that sells nothing


def open_shop(config: Config) -> dict[str, str]:
    """Start the shop in its own process and return its address and REST keys.

    It ends with this process, any program that replaces it, and its children,
    because they hold the other end of its standard input.
    """
    _, port = config.host_and_port
    command = [sys.executable, "-m", "fakeshop", "--deliver-to", f"http://127.0.0.1:{port}"]
    process = subprocess.Popen(  # noqa: S603 -- our own program
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline()
    process.stdout.close()
    if not line:
        raise NotFound("the demo needs the example shop in fakeshop/, which is missing or does not start")
    # The web server that replaces this process keeps it open.
    kept = os.dup(process.stdin.fileno())
    os.set_inheritable(kept, True)
    process.stdin.close()
    found: dict[str, str] = json.loads(line)
    return found


def connect(database: Database, vault: Vault, shop: dict[str, str], *, public_url: str) -> Store:
    """Connect the shop: import its packages, create its webhooks and grant its past orders."""
    # Log lines about ten new webhooks would hide the demo's own output.
    logging.getLogger(subscriptions.__name__).setLevel(logging.WARNING)
    now = utcnow()
    wanted = NewStore(
        _SLUG,
        shop["url"],
        "FakeShop",
        "America/New_York",
        webhook_secret=_SECRET,
        history="grant",
        consumer_key=shop["consumer_key"],
        consumer_secret=shop["consumer_secret"],
    )
    with database.transaction() as connection:
        store = settings.add_store(connection, wanted, vault_=vault, actor=ACTOR, now=now).store
        target = subscriptions.target_of(connection, store, public_url=public_url, vault_=vault)
    reading = reconcile.open_reading(database.transaction, Shops(vault), store)
    with reading.shop:
        product_import.import_products(reading, now=now)
        subscriptions.sync_subscriptions(reading.shop, target)
        in_transaction(
            database.transaction, lambda connection: subscriptions.note_installed(connection, store, now=now)
        )
        reconcile.poll(reading, since=None, now=utcnow())
    return store
