"""Faulty shops of every kind beside a healthy one, read by the real scheduler: the healthy one is never late."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from tempfile import TemporaryFile

import pytest

from bridge.clients.woocommerce.api import open_shop
from bridge.domain.shop.issues import Code
from bridge.services.shop import monitor
from bridge.services.shop.monitor import MonitorContext
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.stores.settings import NewStore
from bridge.storage.jobs import runs
from bridge.storage.shop import sync_state
from fakeshop.model.shop import FakeShop
from fakeshop.rest.faults import Kind
from fakeshop.rest.lasting_faults import LastingFaults
from fakeshop.rest.server import serve
from schedulers import shop_jobs
from schedulers.context import Job
from schedulers.ticker import Scheduler
from tests.support import ledger_sql

EVERY = 4.0
RUNS = int(os.environ.get("BRIDGE_SICK_RUNS", "3"))
"""How often each shop is to be read; more runs check the same for longer."""
GRACE = 1.5
"""The most that a tick of the scheduler, and two busy cores, may add."""
CONTROL_SECONDS = 0.05
CONTROL = """
import sys, time
while True:
    due = time.monotonic() + float(sys.argv[1])
    time.sleep(float(sys.argv[1]))
    now = time.monotonic()
    print(now, now - due, flush=True)
"""
MOST_DELAY = 2 * EVERY
"""The most that a loaded machine excuses: a shop that misses two more readings is late on any machine."""
HTML = ("Content-Type", "text/html; charset=UTF-8")


def page(status, body, *headers):
    """Return a shop whose every answer is one page."""
    return LastingFaults(page=(status, [HTML, *headers], body))


SICK = {
    "ignores-query": LastingFaults(ignores=frozenset("*")),
    "cached": LastingFaults(is_cached=True),
    "old": LastingFaults(is_old=True),
    "ignores-page": LastingFaults(ignores=frozenset({"page"})),
    "ignores-per-page": LastingFaults(ignores=frozenset({"per_page"})),
    "ignores-status": LastingFaults(ignores=frozenset({"status"})),
    "endless": LastingFaults(is_endless=True),
    "total-0": LastingFaults(totals="0"),
    "total-huge": LastingFaults(totals="999999999", pages="999999999"),
    "total-missing": LastingFaults(totals=""),
    "total-text": LastingFaults(totals="many"),
    "pages-0": LastingFaults(pages="0"),
    "pages-huge": LastingFaults(pages="999999999"),
    "noise": LastingFaults(before=b"<b>Warning</b>: x[0]\n", after=b"<!-- z -->"),
    "strips-header": LastingFaults(strips_header=True),
    "plain-permalinks": LastingFaults(root="/?rest_route=/", redirects=True),
    "renamed": LastingFaults(root="/api/", home_link="/api/"),
    "other-host": LastingFaults(root="/api/", home_link="https://evil.example/wp-json/"),
    "siteground": page(202, b"<html>/.well-known/sgcaptcha/</html>", ("SG-Captcha", "challenge")),
    "cloudflare": page(403, b"<html><title>Just a moment...</title></html>", ("Server", "cloudflare")),
    "imunify": page(403, b"<html>Imunify360</html>"),
    "maintenance": page(503, b"<html>Briefly unavailable for scheduled maintenance.</html>", ("Retry-After", "600")),
    "login": page(302, b"", ("Location", "/wp-login.php")),
    "fails-everywhere": page(500, b"<html>critical error</html>"),
    "busy": page(429, b"", ("Retry-After", "1")),
    "brackets": page(200, b"[" * (17 * 2**20)),
    "drips": LastingFaults(seconds=1.0),
    "slow": LastingFaults(seconds=2.5),
}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_healthy_shop_is_never_later_than_its_schedule(app, caplog):
    caplog.set_level(logging.CRITICAL)
    parts = app.extensions["bridge"]
    clock = lambda: datetime.now(UTC)  # noqa: E731
    shops = Shops(parts.vault, lambda url, key, secret: open_shop(url, consumer_key=key, consumer_secret=secret))
    with ExitStack() as stack:

        def connect(slug, sickness, url=""):
            served = stack.enter_context(serve(FakeShop(1, clock=clock)))
            served.rest.sickness = sickness
            key = served.shop.add_key()
            orders = [served.shop.place_order(2, [(10, 1)], status="completed").id for _ in range(25)]
            wanted = NewStore(
                slug,
                url or served.url,
                consumer_key=key.consumer_key,
                consumer_secret=key.consumer_secret,
                history="grant",
            )
            with parts.database.transaction() as connection:
                settings.add_store(connection, wanted, vault_=parts.vault, actor="test", now=clock())
            return served, orders

        for slug, sickness in SICK.items():
            connect(slug, sickness)
        broken, orders = connect("one-order-fails", LastingFaults())
        broken.rest.sickness.broken = {orders[7]}
        silent, _ = connect("silent", LastingFaults())
        silent.faults.add(Kind.SILENCE, times=None, seconds=60)
        cut, _ = connect("cut-off", LastingFaults())
        cut.faults.add(Kind.TRUNCATED, times=None)
        connect("refused", LastingFaults(), url="http://127.0.0.1:1")
        connect("no-tls", LastingFaults(), url=silent.url.replace("http:", "https:"))
        healthy, _ = connect("zz-healthy", LastingFaults())
        with _control_timer() as delays:
            begins = _run(parts.database, shops, clock, healthy)

        assert len(begins) >= RUNS
        assert delays, "the control process measured nothing"
        late = [
            (later - earlier, stolen)
            for earlier, later in itertools.pairwise(begins)
            if later - earlier > EVERY + GRACE + (stolen := min(_delay_between(delays, earlier, later), MOST_DELAY))
        ]
        assert not late, f"gaps and the machine's own delay in them: {late}"
        assert ledger_sql.balances(parts.database, store="zz-healthy") == {2: (25 + RUNS) * 100_000}
        _assert_each_is_read_or_named(parts, shops, clock)


@contextmanager
def _control_timer():
    """Measure how late this machine wakes a process that only sleeps: (when, seconds late).

    A process of its own: a thread here would also wait for the service's code.
    """
    delays = []
    with TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, "-c", CONTROL, str(CONTROL_SECONDS)], stdout=output)
        try:
            yield delays
        finally:
            process.terminate()
            process.wait()
            output.seek(0)
            delays += [(float(at), float(late)) for at, late in (line.split() for line in output)]


def _delay_between(delays, start, end):
    return sum(late for at, late in delays if start < at <= end)


def test_delay_of_the_machine_is_summed_within_a_gap_only():
    assert _delay_between([(1.0, 0.5), (2.0, 0.25), (3.0, 0.25), (4.0, 9.0)], 1.0, 3.0) == 0.5


def _run(database, shops, clock, healthy):
    """Return when the healthy shop's readings began, while the scheduler runs; an order is placed before each."""
    job = Job("reconcile_orders", EVERY, partial(shop_jobs.reconcile_orders, shops=shops, every_seconds=EVERY))
    scheduler = Scheduler(database, clock=clock, timetable=(job,))
    began, begins, seen = time.monotonic(), [], 0
    scheduler.start()
    try:
        while len(begins) < RUNS and time.monotonic() - began < EVERY * (RUNS + 3):
            asked = [
                path for method, path in list(healthy.requests) if "orderby=modified" in path and "trash" not in path
            ]
            if len(asked) > seen:
                begins.append(time.monotonic())
                # Several requests belong to one reading.
                time.sleep(1.0)
                seen = len(
                    [path for _, path in list(healthy.requests) if "orderby=modified" in path and "trash" not in path]
                )
                healthy.shop.place_order(2, [(10, 1)], status="completed")
            time.sleep(0.02)
        time.sleep(EVERY + 1.0)
    finally:
        scheduler.stop()
    return begins


def _assert_each_is_read_or_named(parts, shops, clock):
    """Check that each faulty shop has all its orders here, or a sentence that says why not."""
    post = MonitorContext(parts.database.transaction, shops, "http://127.0.0.1:8000")
    with parts.database.reading() as connection:
        every = settings.list_stores(connection)
        known = {store.slug: sync_state.find(connection, store.id) for store in every}
        assert runs.last_tick(connection) is not None
    for store in every:
        has_all = ledger_sql.balances(parts.database, store=store.slug).get(2) == 25 * 100_000
        assert has_all or known[store.slug].stopped or known[store.slug].set_aside or store.slug == "zz-healthy", (
            store.slug
        )
    quick = [store for store in every if store.slug in {"siteground", "ignores-query", "one-order-fails"}]
    found = {store.slug: {fault.code for fault in monitor.look(post, store, now=clock())[1]} for store in quick}
    assert Code.SHOP in found["siteground"]
    assert Code.SYNC_INCOMPLETE in found["ignores-query"]
    assert Code.SET_ASIDE in found["one-order-fails"]
