"""The connection page: the watchdog's problems in words, since when, and the time of the last check."""

from __future__ import annotations

import logging

import pytest

from bridge.domain.shop.issues import Code
from bridge.rendering import issues
from bridge.web.admin import connection_view
from fakeshop.rest.faults import Kind
from tests.support.connected_shop import PUBLIC_URL, open_connected_shop
from tests.support.webhook_failures import call_with_wrong_signature

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


def test_problems_are_stored_with_the_moments_of_finding_and_of_the_last_check(connected_shop):
    connected_shop.connect(permissions="read")
    found_at = connected_shop.now

    connected_shop.watch()
    connected_shop.later(300)
    connected_shop.watch()

    known = connected_shop.known()
    assert known.faults == (Code.KEYS_READ_ONLY, known.faults[1], Code.NO_PACKAGES)
    assert issues.describe(known.issues[Code.NO_PACKAGES]).startswith("no product of the shop grants tokens yet")
    assert tuple(known.issues) == known.faults
    assert (known.faults_at, known.looked_at) == (found_at, connected_shop.now)


@one_engine
def test_fault_that_could_not_be_looked_at_again_keeps_its_sentence(connected_shop):
    connected_shop.connect(permissions="read").watch()
    (key,) = [key for key in connected_shop.known().faults if key.startswith(Code.WEBHOOK_MISSING)]
    before = connected_shop.known().issues[key]

    connected_shop.served.faults.add(Kind.ERROR_PAGE, times=None)
    connected_shop.watch()

    assert Code.SHOP in connected_shop.known().faults
    assert connected_shop.known().issues[key] == before
    connected_shop.served.faults.clear()
    connected_shop.watch()
    assert Code.SHOP not in connected_shop.known().issues


@one_engine
def test_ping_is_noted_once_a_minute(connected_shop):
    connected_shop.connect()

    def ping():
        assert (
            connected_shop.client.post(f"{PUBLIC_URL}/webhooks/woocommerce/shop", data=b"webhook_id=5").status_code
            == 200
        )
        return connected_shop.known().pinged_at

    first = ping()
    connected_shop.later(30)
    assert (first is not None, ping()) == (True, first)
    connected_shop.app.extensions["bridge.pings"]["shop"] -= 61
    assert ping() == connected_shop.now


@one_engine
def test_call_with_another_signature_is_mentioned_while_no_delivery_has_come(connected_shop):
    """It is no issue: any caller can send one."""
    connected_shop.connect(has_keys=False)
    call_with_wrong_signature(connected_shop)
    connected_shop.watch()

    with connected_shop.database.reading() as connection:
        page = connection_view.build(
            connection, connected_shop.store, public_url=PUBLIC_URL, vault_=connected_shop.shops.vault
        )

    (step,) = [step for step in page.steps if step.key == "delivery"]
    assert "A delivery with another signature arrived" in step.sentence
    assert "wrong_secret" not in [fault.code for fault in page.faults]
