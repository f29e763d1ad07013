"""Random histories of a shop, told by its webhooks and read back: in the end the books equal the shop.

A failing seed prints its steps; `BRIDGE_HISTORIES=500` runs as many of them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.grants import tokens_owed
from bridge.services import reconciliation
from bridge.services.audit import list_faults
from bridge.services.stores import NewStore, add_store
from bridge.storage import orders
from bridge.storage import stores as store_rows
from bridge.web.context import Parts
from fakeshop.books import expected_books, expected_parked
from fakeshop.history import play, random_history
from fakeshop.sending import send_into
from fakeshop.server import serve
from fakeshop.shop import FakeShop
from fakeshop.walk import Walk
from tests.support import books

HISTORIES = int(os.environ.get("BRIDGE_HISTORIES", "12"))
STEPS = 60
TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "product.created",
    "product.updated",
    "customer.created",
    "customer.updated",
)


class Clock:
    """The shop's clock, moved by the walk."""

    def __init__(self):
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.mark.parametrize("part", range(4))
def test_after_a_sweep_the_books_equal_the_shop(app, part):
    """Edits, refunds, deletions, outages of ours, webhooks disabled: whatever reached us, the end is the shop's."""
    for seed in range(part, HISTORIES, 4):
        _follow(app, seed)


def _follow(app, seed):
    parts: Parts = app.extensions["bridge"]
    clock = Clock()
    shop = FakeShop(seed, clock=clock, duplicates=0.05)
    with serve(shop) as served:
        key = shop.add_key()
        wanted = NewStore(
            f"shop{seed}",
            served.url,
            webhook_secret="test-secret",
            consumer_key=key.consumer_key,
            consumer_secret=key.consumer_secret,
        )
        with parts.database.transaction() as connection:
            store = add_store(connection, wanted, vault_=parts.vault, now=clock()).store
        shop.send = send_into(app.test_client())
        for topic in TOPICS:
            shop.create_webhook(topic, f"http://127.0.0.1:1/webhooks/woocommerce/shop{seed}", secret="test-secret")
        walk = Walk(shop, forward=lambda seconds: clock.forward(seconds))
        told = [play(walk, step) for step in random_history(seed, steps=STEPS)]
        _read_back(parts, store, clock)

        story = "\n".join([f"seed {seed}", *told])
        assert _granted(parts.database, store.id) == _positive(expected_books(shop)), story
        assert _parked(parts.database, store.id) == _positive(expected_parked(shop)), story
        with parts.database.reading() as connection:
            assert [fault.sentence for fault in list_faults(connection, now=clock())] == [], story


def _read_back(parts, store, clock):
    with parts.database.reading() as connection:
        store = store_rows.get(connection, store.id)
    reading = reconciliation.open_reading(parts.database.transaction, parts.shops, store)
    with reading.shop:
        reconciliation.poll(reading, since=clock.now - timedelta(days=400), now=clock())
        is_through = False
        while not is_through:
            _, is_through = reconciliation.sweep(reading, now=clock(), limit=200)


def _granted(database, store_id):
    """What each user was granted in all, less what was taken back, whether it was there or became debt."""
    found = books.rows(
        database,
        "select a.user_id, sum(e.tokens - e.debt - e.forgiven) as granted from entries e"
        " join accounts a on a.id = e.account_id where a.store_id = :store group by a.user_id",
        store=store_id,
    )
    return _positive({row["user_id"]: int(row["granted"]) for row in found})


def _parked(database, store_id):
    """What waits for a buyer, by the e-mail it waits under."""
    found = books.rows(database, "select number, email_key from orders where is_parked and store_id = :s", s=store_id)
    waiting = {}
    with database.reading() as connection:
        for row in found:
            known = orders.find(connection, store_id, row["number"])
            owed = sum(tokens_owed(known, line) for line in known.lines)
            waiting[row["email_key"]] = waiting.get(row["email_key"], 0) + owed
    return _positive(waiting)


def _positive(found):
    return {who: tokens for who, tokens in found.items() if tokens}
