"""A clock that was wrong neither raises an alarm of the monitor nor hides one."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from bridge.domain.shop.inbox import Notice, NoticeKind
from bridge.domain.shop.issues import Code
from bridge.storage.shop import sync_state
from tests.support.reading import open_rig
from tests.support.troubles import HOUR

pytestmark = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def rig(app, caplog):
    """A shop whose webhooks are all well, and one order delivered."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        rig.connect().listen()
        rig.sell()
        rig.shop.run_queue()
        rig.poll()
        rig.watch()
        yield rig


YEAR_MS = 365 * 86_400_000


def codes(faults):
    return [fault.code for fault in faults]


def set_ahead(rig, *columns):
    """The clock of this host was a year ahead when these were noted."""
    with rig.database.transaction() as connection:
        sync_state.change(connection, rig.store.id, **dict.fromkeys(columns, rig.now + timedelta(days=365)))


def receive_ahead(rig):
    """The last delivery came while the clock of this host was a year ahead."""
    add = f"+ {YEAR_MS * 1000}" if rig.database.is_sqlite else "+ interval '365 days'"
    with rig.database.transaction() as connection:
        connection.exec_driver_sql(
            f"update deliveries set id = id + {YEAR_MS << 21}, received_at = received_at {add}"
            " where id = (select max(id) from deliveries where topic = 'order.updated')"
        )


@pytest.mark.parametrize("column", ["shop_error_at", "bad_signature_at"])
def test_an_alarm_noted_by_a_clock_that_was_ahead_is_void(rig, column):
    set_ahead(rig, column)

    assert rig.watch().found == ()


@pytest.mark.parametrize("spoil", [lambda rig: set_ahead(rig, "webhooks_set_at"), receive_ahead])
def test_a_moment_noted_by_a_clock_that_was_ahead_hides_no_silence(rig, spoil):
    spoil(rig)
    rig.sell(3)
    rig.later(HOUR)

    assert codes(rig.watch().found) == [Code.SILENT]


def test_a_delivery_of_a_process_whose_clock_was_set_back_counts(rig):
    """Its ids go on from where they were; the moment it came at is right."""
    order = rig.sell(3)
    rig.shop.run_queue()
    rig.later(HOUR)
    with rig.database.transaction() as connection:
        connection.exec_driver_sql(f"update deliveries set id = id + {YEAR_MS << 21}")

    assert rig.watch().found == (), order


def test_a_notice_from_the_future_is_void(rig):
    notice = Notice(NoticeKind.OTHER_FORM, rig.now + timedelta(days=365), "order.updated")
    with rig.database.transaction() as connection:
        sync_state.note(connection, rig.store.id, notice)

    assert rig.watch().found == ()
