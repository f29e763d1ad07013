"""The demo's recorded shop: its deliveries are applied, and their orders are granted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.cli.demo_shop import DemoShop
from bridge.runtime import Runtime
from bridge.web.context import utcnow
from tests.support import ledger_sql

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_demo_applies_all_of_its_recorded_deliveries(app, database):
    parts: Runtime = app.extensions["bridge"]
    shop = DemoShop.connect(parts.database, parts.vault, now=utcnow() - timedelta(days=2))

    for _ in shop.live(until=utcnow()):
        pass

    states = {row["state"] for row in ledger_sql.rows(database, "select distinct state from deliveries")}
    assert states <= {"processed", "ignored"}, "none waits"
    assert ledger_sql.count(database, "order_lines") > 5
    (granted,) = ledger_sql.rows(database, "select count(*) as n from entries where order_number is not null")
    assert granted["n"] > 5
