"""`flask reconcile`, killed with SIGKILL while it applies a page: the next run continues at the cursor."""

from __future__ import annotations

import json
import os
import signal
import threading
from datetime import timedelta
from urllib.parse import quote

import pytest

from bridge.services.shop.paging import OVERLAP
from bridge.web.context import utcnow
from fakeshop.rest.faults import Kind
from tests.conftest import SECRET_KEY
from tests.support import ledger_sql
from tests.support.connected_shop import PUBLIC_URL, open_connected_shop
from tests.support.programs import Program

ORDERS = 300


@pytest.fixture
def missed(app):
    """Return a shop with undelivered orders, a minute apart; the last is of now."""
    with open_connected_shop(app, now=utcnow().replace(microsecond=0) - timedelta(minutes=ORDERS)) as connected_shop:
        connected_shop.connect()
        connected_shop.placed = connected_shop.sell_many(ORDERS, seconds=60)
        yield connected_shop


def start(database_url):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    settings = {
        "BRIDGE_DATABASE_URL": database_url,
        "BRIDGE_SECRET_KEY": SECRET_KEY,
        "BRIDGE_PUBLIC_URL": PUBLIC_URL,
    }
    return Program(["-m", "flask", "reconcile", "shop", "--json"], env=inherited | settings)


def changed_at(connected_shop, place):
    return connected_shop.shop.order(connected_shop.placed[place]).modified_at


def begins_after(moment):
    """Return the part of an address that makes a page begin there."""
    return "modified_after=" + quote(f"{moment:%Y-%m-%dT%H:%M:%S}", safe="")


def wait_for(connected_shop, words):
    """Wait until the shop received a request."""
    pause = threading.Event()
    for _ in range(6000):
        if any(words in path for _, path in connected_shop.served.requests):
            return
        pause.wait(0.01)
    raise AssertionError(f"no request for {words}")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_killed_reconciliation_goes_on_from_its_cursor_and_doubles_nothing(missed, database_url):
    """The shop stops answering at the third page, while the second is being applied."""
    third_page = begins_after(changed_at(missed, 198) - timedelta(seconds=1))
    missed.served.faults.add(Kind.SILENCE, path=third_page, seconds=120)

    killed = start(database_url)
    wait_for(missed, third_page)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    cursor, granted = missed.cursor(), ledger_sql.count(missed.database, "entries")

    assert cursor in {changed_at(missed, place) - timedelta(seconds=1) for place in (99, 198)}
    assert 99 <= granted < ORDERS
    missed.served.requests.clear()
    output, errors = start(database_url).communicate(timeout=60)
    (report,) = json.loads(output)["reports"]
    first = next(path for _, path in missed.served.requests if "orderby=modified" in path)
    assert begins_after(cursor - OVERLAP) in first
    assert report["seen"] < ORDERS - 80, (report, errors)
    assert (report["changed"], report["failed"], report["interruption"]) == (ORDERS - granted, 0, "")
    assert missed.balances() == {2: ORDERS * 100_000}
