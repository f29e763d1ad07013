"""The nightly audit: when it runs, how it continues, and where its faults are reported."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from bridge.domain.shop.issues import Code
from bridge.services.ops import audit, nightly_audit
from bridge.services.secrets import Vault
from bridge.storage.accounts.tables import accounts
from schedulers import jobs
from schedulers.context import JobContext
from schedulers.schedule import timetable_for
from tests.factories import balance_of, deliver, give, order, put_package, spend
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import sign_in

NIGHT = datetime.fromisoformat("2026-11-21T03:00:00+00:00")


def disagree(database, by=1):
    """Change every balance without an entry."""
    with database.transaction() as connection:
        connection.execute(update(accounts).values(balance=accounts.c.balance + by))


def run(database, now):
    return jobs.audit_records(JobContext(database, lambda: now))


def test_audit_runs_once_a_night(shop, database, caplog):
    give(shop, 2, 100)
    outcomes = [run(database, NIGHT + timedelta(hours=hours)) for hours in (0, 1, 23, 24, 25)]
    assert outcomes == ["0 faults", "not due", "not due", "0 faults", "not due"]
    run(database, NIGHT + timedelta(days=3650))
    assert run(database, NIGHT + timedelta(days=2)) == "0 faults", "a result from the future delays none"

    disagree(database)

    assert run(database, NIGHT + timedelta(days=3)) == "1 faults"
    assert "the audit found a fault: balance: " in caplog.text


def test_interrupted_audit_continues_and_finds_every_fault_once(shop, database):
    """Each run checks one step, and accounts are added meanwhile."""
    put_package(shop, 10, 1_000)
    for user in range(2, 12):
        deliver(shop, order(user, customer=user))
        spend(shop, user, 10)
    disagree(database)
    with database.reading() as connection:
        expected = len(list(audit.list_faults(connection, now=NIGHT)))
    assert expected >= 10
    result, runs = None, 0
    while result is None and runs < 500:
        runs += 1
        if runs == 2:
            give(shop, 50, 5)
        with database.reading() as connection:
            assert nightly_audit.is_due(connection, now=NIGHT)
        result = nightly_audit.go_on(
            database, clock=lambda: NIGHT, may_go_on=lambda: True, pause=lambda _: None, rows=3, seconds=0
        )

    assert runs > 10
    assert result is not None
    assert result.faults == expected
    with database.reading() as connection:
        assert nightly_audit.find_result(connection) == result
        assert not nightly_audit.is_due(connection, now=NIGHT + timedelta(hours=1))


def test_faults_are_on_the_connection_page_until_an_audit_finds_none(app):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect().listen()
        connected_shop.sell()
        connected_shop.shop.run_queue()
        disagree(connected_shop.database)
        run(connected_shop.database, connected_shop.now)
        flask = app.test_cli_runner()

        connected_shop.watch()
        assert Code.AUDIT_FAULTS in connected_shop.faults()
        assert "1 records of this installation" in sign_in(app).get("/admin/shop/connection").text
        assert "finds out which with: flask audit" in flask.invoke(args=["stores", "check", "shop"]).output
        assert flask.invoke(args=["audit"]).exit_code == 1
        assert Code.AUDIT_FAULTS in connected_shop.faults()

        disagree(connected_shop.database, by=-1)
        assert flask.invoke(args=["audit"]).exit_code == 0
        assert Code.AUDIT_FAULTS not in connected_shop.faults()
        assert balance_of(connected_shop, 2) == 100_000


@pytest.mark.parametrize("has_audit", [True, False])
def test_audit_is_in_the_timetable_unless_it_is_off(has_audit):
    names = [job.name for job in timetable_for(Vault("x" * 32), "http://127.0.0.1:8000", has_audit=has_audit)]

    assert ("audit" in names) is has_audit
