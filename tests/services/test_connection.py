"""What the connection page tells: the watchdog's faults in words, since when, and when it last looked."""

from __future__ import annotations

import logging

import pytest

from bridge.domain.shop.issues import Code
from bridge.rendering import issues
from bridge.web.admin import connection_view
from fakeshop.faults import Kind
from tests.support.reading import PUBLIC_URL, open_rig
from tests.support.troubles import knock

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def rig(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        yield rig


def test_faults_are_kept_in_words_with_the_moment_they_were_found_and_of_the_last_look(rig):
    rig.connect(permissions="read")
    found_at = rig.now

    rig.watch()
    rig.later(300)
    rig.watch()

    known = rig.known()
    assert known.faults == (Code.KEYS_READ_ONLY, known.faults[1], Code.NO_PACKAGES)
    assert issues.describe(known.issues[Code.NO_PACKAGES]).startswith("no product of the shop grants tokens yet")
    assert tuple(known.issues) == known.faults
    assert (known.faults_at, known.looked_at) == (found_at, rig.now)


@one_engine
def test_fault_that_could_not_be_looked_at_again_keeps_its_sentence(rig):
    rig.connect(permissions="read").watch()
    (key,) = [key for key in rig.known().faults if key.startswith(Code.WEBHOOK_MISSING)]
    before = rig.known().issues[key]

    rig.served.faults.add(Kind.ERROR_PAGE, times=None)
    rig.watch()

    assert Code.SHOP in rig.known().faults
    assert rig.known().issues[key] == before
    rig.served.faults.clear()
    rig.watch()
    assert Code.SHOP not in rig.known().issues


@one_engine
def test_ping_is_noted_once_a_minute(rig):
    rig.connect()

    def ping():
        assert rig.client.post(f"{PUBLIC_URL}/webhooks/woocommerce/shop", data=b"webhook_id=5").status_code == 200
        return rig.known().pinged_at

    first = ping()
    rig.later(30)
    assert (first is not None, ping()) == (True, first)
    rig.app.extensions["bridge.pings"]["shop"] -= 61
    assert ping() == rig.now


@one_engine
def test_call_with_another_signature_is_mentioned_while_no_delivery_has_come(rig):
    """It is no issue: anybody can send one."""
    rig.connect(has_keys=False)
    knock(rig)
    rig.watch()

    with rig.database.reading() as connection:
        page = connection_view.build(connection, rig.store, public_url=PUBLIC_URL, vault_=rig.shops.vault)

    (step,) = [step for step in page.steps if step.key == "delivery"]
    assert "A call with another signature arrived" in step.sentence
    assert "wrong_secret" not in [fault.code for fault in page.faults]
