"""Each recorded scenario with a reversal, delivered in many ways: the ledger ends as the shop's orders say.

The table is computed by hand from the recorded shop's last documents. With REST
there is one correct end, whatever was delivered. Without it the
ledger can only reflect the deliveries: a refund counts by its share of
the order's money, what was deleted silently stays, and half of the deliveries
contain half of the changes.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.orders.grants import tokens_owed
from bridge.services.orders import packages
from bridge.services.shop import full_scan, inbox, reconcile
from bridge.services.shop.rest import Shops
from bridge.services.stores.settings import NewStore, add_store
from bridge.storage.orders import orders
from bridge.storage.stores import stores as store_rows
from bridge.web.inbound import webhooks
from schedulers import jobs
from schedulers.context import JobContext
from tests.support import ledger_sql
from tests.support.recorded_shop import REASSIGNED, RecordedShop, unreachable
from tests.support.recordings import SECRET, all_recordings, doubled, send, shuffled, ticking_clock
from tests.support.shop_server import KEY, shop_serving
from tests.support.shop_server import SECRET as REST_SECRET

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def user(tokens: int, number: int = 2) -> dict[Any, int]:
    """Return this many tokens of a user."""
    return {number: tokens} if tokens else {}


def waiting(tokens: int) -> dict[Any, int]:
    """Return this many that wait for the user whose account was deleted before the order was completed."""
    return {"ada@example.test": tokens}


@dataclass(frozen=True)
class Ends:
    """The tokens of an order's buyers in the end, by user or by the email it waits under."""

    scenario: str
    reachable: dict[Any, int]
    """REST answers: whatever was delivered."""
    delivered: dict[Any, int]
    """REST does not answer, and everything was delivered, in any order and any number of times."""
    first_half: dict[Any, int]
    """REST does not answer, and the later half of the deliveries was lost."""
    last_half: dict[Any, int]
    """REST does not answer, and the earlier half was lost."""


TABLE = {
    29: Ends("reassigned to user 4", user(100_000, 4), user(100_000, 4), user(100_000), user(100_000, 4)),
    31: Ends("refunded in full by amount", user(0), user(0), user(200_000), user(0)),
    33: Ends("refunded in full by lines", user(0), user(0), user(200_000), user(0)),
    # Half of the deliveries show 10.00 refunded of 33.36: 200 000 − floor(200 000 × 10 ÷ 33.36) = 200 000 − 59 952.
    35: Ends("one of two refunded, then the rest", user(0), user(0), user(140_048), user(0)),
    # 5.00 of 20.00; afterwards the shop's owner deleted the refund.
    38: Ends("partly refunded, refund deleted", user(200_000), user(150_000), user(200_000), user(150_000)),
    40: Ends("set to refunded by hand", user(0), user(0), user(100_000), user(0)),
    42: Ends("cancelled and completed again", user(100_000), user(100_000), user(100_000), user(100_000)),
    44: Ends("on hold, failed, completed", user(100_000), user(100_000), user(0), user(100_000)),
    45: Ends("trashed and restored", user(100_000), user(100_000), user(100_000), user(100_000)),
    46: Ends("user deleted before completion", waiting(100_000), waiting(100_000), user(0), waiting(100_000)),
    # Its line has lost the product; the package is found by its name.
    49: Ends("product deleted before completion", user(5_000), user(5_000), user(0), user(5_000)),
    72: Ends("trashed", user(0), user(0), user(100_000), user(0)),
    73: Ends("deleted for good", user(0), user(100_000), user(100_000), user(0)),
    74: Ends("refund deleted", user(200_000), user(150_000), user(200_000), user(150_000)),
    # One of two pieces, 10.00 of 20.00: the same by line and by share.
    100: Ends("one of two refunded", user(100_000), user(100_000), user(200_000), user(100_000)),
}
PACKAGES = {10: (100_000, "100K Token Package"), 14: (0, "Mug"), 48: (5_000, "Doomed tokens")}


def table_deliveries():
    """Return the deliveries of the table's orders, as they came, with the constructed one in its place."""
    found = [sent for sent in all_recordings() if sent.order_number in TABLE and sent.is_ours]
    last = max(place for place, sent in enumerate(found) if sent.order_number == 29)
    return [*found[: last + 1], REASSIGNED, *found[last + 1 :]]


def half(*, is_first):
    """Return the earlier or the later deliveries of each order; of an odd number the earlier ones are more."""
    by_order = defaultdict(list)
    for sent in table_deliveries():
        by_order[sent.order_number].append(sent)
    selected = []
    for sequence in by_order.values():
        middle = (len(sequence) + 1) // 2
        selected += sequence[:middle] if is_first else sequence[middle:]
    return [sent for sent in table_deliveries() if sent in selected]


MANNERS = {
    "all": table_deliveries,
    "in any order": lambda: shuffled(table_deliveries(), 1),
    "doubled, in any order": lambda: doubled(shuffled(table_deliveries(), 2)),
    "none": list,
    "first half": lambda: half(is_first=True),
    "last half": lambda: half(is_first=False),
}


@dataclass
class Run:
    """A store that has the packages, connected with the recorded shop."""

    app: Any
    server: Any
    slug: str
    clock: Any

    def __post_init__(self):
        parts = self.app.extensions["bridge"]
        self.database, self.shops = parts.database, Shops(parts.vault)

    def connect(self, *, has_keys):
        """Connect the shop before its first order was placed."""
        keys = {"consumer_key": KEY, "consumer_secret": REST_SECRET} if has_keys else {}
        wanted = NewStore(self.slug, self.server.url, webhook_secret=SECRET, history="grant", **keys)
        now = next(self.clock) - timedelta(days=30)
        with self.database.transaction() as connection:
            self.store = add_store(connection, wanted, vault_=self.shops.vault, actor="test", now=now).store
            # The recordings contain the recorded shop's address; its REST answers have another one here.
            inbox.accept_source(connection, self.store, "http://127.0.0.1:8980", actor="test", now=now)
            for product, (tokens, name) in PACKAGES.items():
                packages.set_package(
                    connection,
                    self.store.id,
                    product_id=product,
                    variation_id=0,
                    tokens=tokens,
                    name=name,
                    actor="test",
                    now=now,
                )
        return self

    def deliver(self, manner):
        """Deliver; a delivery that could not be processed is retried until an hour later."""
        client = self.app.test_client()
        for sent in MANNERS[manner]():
            assert send(client, sent, store=self.slug).status_code == 200
        self.retry(later=timedelta(hours=1))

    def retry(self, *, later):
        moment = next(self.clock) + later
        jobs.retry_deliveries(JobContext(self.database, lambda: moment), shops=self.shops)

    def read_back(self):
        """Poll and run the full scan."""
        with self.database.reading() as connection:
            store = store_rows.get(connection, self.store.id)
        with (reading := reconcile.open_reading(self.database.transaction, self.shops, store)).shop:
            report = reconcile.poll(reading, since=None, now=next(self.clock))
            scanned, is_through = full_scan.run_full_scan(reading, now=next(self.clock), limit=200)
        return report.is_clean and scanned.is_clean and is_through

    def holdings(self):
        """Return the tokens of each order of the table, after checking the ledger."""
        assert ledger_sql.faults(self.database) == []
        assert self.waiting() == 0
        held = {number: defaultdict(int) for number in TABLE}
        sql = (
            "select e.order_number, a.user_id, e.tokens - e.debt - e.forgiven as moved from entries e"
            " join accounts a on a.id = e.account_id where e.store_id = :s and e.order_number is not null"
        )
        for row in ledger_sql.rows(self.database, sql, s=self.store.id):
            held[row["order_number"]][row["user_id"]] += row["moved"]
        sql = "select number, email_key from orders where is_parked and store_id = :s"
        with self.database.reading() as connection:
            for row in ledger_sql.rows(self.database, sql, s=self.store.id):
                known = orders.find(connection, self.store.id, row["number"])
                owed = sum(tokens_owed(known, line) for line in known.lines)
                held[row["number"]][row["email_key"]] += owed
        return {order: {who: tokens for who, tokens in found.items() if tokens} for order, found in held.items()}

    def waiting(self):
        sql = "select count(*) as n from deliveries where state = 'received' and store_id = :s"
        return ledger_sql.rows(self.database, sql, s=self.store.id)[0]["n"]


@pytest.fixture
def begin(app, monkeypatch, caplog):
    """Return a function that connects the recorded shop as a new store; `begin.server` is its REST."""
    caplog.set_level(logging.CRITICAL)
    clock = ticking_clock()
    monkeypatch.setattr(webhooks, "utcnow", lambda: next(clock))
    with shop_serving() as server:
        server.answer = RecordedShop(TABLE)

        def begin(slug, *, has_keys=True):
            return Run(app, server, slug, clock).connect(has_keys=has_keys)

        begin.server = server
        yield begin


def column(name):
    return {order: getattr(ends, name) for order, ends in TABLE.items()}


def expected_without_rest(manner):
    """Return the expected column of the table when REST does not answer."""
    if manner == "none":
        return {order: {} for order in TABLE}
    return column({"first half": "first_half", "last half": "last_half"}.get(manner, "delivered"))


def test_table_is_about_recordings_of_which_half_is_really_half():
    assert {sent.order_number for sent in table_deliveries()} == set(TABLE)
    assert len(half(is_first=True)) + len(half(is_first=False)) == len(table_deliveries()) == 73
    assert set(RecordedShop(TABLE).orders) == set(TABLE) - {73}


@pytest.mark.parametrize("manner", ["all", "doubled, in any order", "none", "first half", "last half"])
@one_engine
def test_shop_that_can_be_read_has_the_last_word(begin, manner):
    run = begin("shop")

    run.deliver(manner)

    assert run.read_back()
    assert run.holdings() == column("reachable")


@pytest.mark.parametrize("manner", ["doubled, in any order", "none", "first half", "last half"])
@one_engine
def test_shop_that_cannot_be_read_counts_by_its_deliveries(begin, manner):
    """Its keys are valid and it is down; once it is up again the rest is synced."""
    begin.server.answer = unreachable
    run = begin("down")

    run.deliver(manner)

    assert not run.read_back()
    assert run.holdings() == expected_without_rest(manner)
    begin.server.answer = RecordedShop(TABLE)
    assert run.read_back()
    assert run.holdings() == column("reachable")


@one_engine
def test_shop_without_keys_ends_as_one_that_is_down(begin):
    run = begin("keyless", has_keys=False)

    run.deliver("in any order")

    assert run.holdings() == expected_without_rest("in any order")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_the_other_engine_ends_alike(begin):
    run, down = begin("shop"), begin("down")
    run.deliver("last half")
    assert run.read_back()
    assert run.holdings() == column("reachable")

    begin.server.answer = unreachable
    down.deliver("in any order")
    assert down.holdings() == expected_without_rest("in any order")
