"""A clock that was wrong neither raises an alarm of the monitor nor hides one."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from bridge.domain.shop.inbox import Notice, NoticeKind
from bridge.domain.shop.issues import Code
from bridge.storage.shop import sync_state
from tests.support.connected_shop import open_connected_shop
from tests.support.webhook_failures import HOUR

pytestmark = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def connected_shop(app, caplog):
    """Return a shop with working webhooks, and one order delivered."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect().listen()
        connected_shop.sell()
        connected_shop.shop.run_queue()
        connected_shop.poll()
        connected_shop.watch()
        yield connected_shop


YEAR_MS = 365 * 86_400_000


def codes(faults):
    return [fault.code for fault in faults]


def set_ahead(connected_shop, *columns):
    """The clock of this host was a year ahead when these were stored."""
    with connected_shop.database.transaction() as connection:
        sync_state.change(
            connection, connected_shop.store.id, **dict.fromkeys(columns, connected_shop.now + timedelta(days=365))
        )


def receive_ahead(connected_shop):
    """The last delivery came while the clock of this host was a year ahead."""
    add = f"+ {YEAR_MS * 1000}" if connected_shop.database.is_sqlite else "+ interval '365 days'"
    with connected_shop.database.transaction() as connection:
        connection.exec_driver_sql(
            f"update deliveries set id = id + {YEAR_MS << 21}, received_at = received_at {add}"
            " where id = (select max(id) from deliveries where topic = 'order.updated')"
        )


@pytest.mark.parametrize("column", ["shop_error_at", "bad_signature_at"])
def test_an_alarm_noted_by_a_clock_that_was_ahead_is_void(connected_shop, column):
    set_ahead(connected_shop, column)

    assert connected_shop.watch().found == ()


@pytest.mark.parametrize("spoil", [lambda connected_shop: set_ahead(connected_shop, "webhooks_set_at"), receive_ahead])
def test_a_moment_noted_by_a_clock_that_was_ahead_hides_no_silence(connected_shop, spoil):
    spoil(connected_shop)
    connected_shop.sell(3)
    connected_shop.later(HOUR)

    assert codes(connected_shop.watch().found) == [Code.SILENT]


def test_a_delivery_of_a_process_whose_clock_was_set_back_counts(connected_shop):
    """Its ids continue from where they were; its time of arrival is right."""
    order = connected_shop.sell(3)
    connected_shop.shop.run_queue()
    connected_shop.later(HOUR)
    with connected_shop.database.transaction() as connection:
        connection.exec_driver_sql(f"update deliveries set id = id + {YEAR_MS << 21}")

    assert connected_shop.watch().found == (), order


def test_a_notice_from_the_future_is_void(connected_shop):
    notice = Notice(NoticeKind.OTHER_FORM, connected_shop.now + timedelta(days=365), "order.updated")
    with connected_shop.database.transaction() as connection:
        sync_state.note(connection, connected_shop.store.id, notice)

    assert connected_shop.watch().found == ()
