"""The growth benchmark runs on small databases, leaves a sound ledger, and names what grows too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench import console_operations, console_pages, growth, growth_operations
from bench.growth import Growth
from bridge.services.admin import store_stats


def test_every_work_is_measured_beside_few_and_many_rows():
    rows = growth.measure(["sqlite"], small=20, large=60, rounds=1, least_pieces=300, spends=5)

    assert len(rows) == len(
        [operation for operation in growth_operations.OPERATIONS if operation.engine != "postgresql"]
    )
    assert all(row.small > 0 and row.large > 0 for row in rows)


def test_every_page_of_the_console_is_measured_with_few_and_many_users(monkeypatch):
    monkeypatch.setattr(store_stats, "LARGE", 50)
    for module in (console_operations, console_pages):
        monkeypatch.setattr(module, "_TIMES", 1)

    rows = growth.measure_console(["sqlite"], small=100, large=150)

    measured = (*console_operations.OPERATIONS, *console_pages.OPERATIONS)
    assert [row.name for row in rows] == [f"sqlite: {each.name}" for each in measured]
    assert all(row.small > 0 and row.large > 0 for row in rows)


def test_page_that_is_quick_enough_may_grow():
    row = Growth("sqlite: a page", "ms", 1.0, 79.0, 3.0, enough=80.0)

    assert row.is_right
    assert not replace(row, large=81.0).is_right


@pytest.mark.parametrize(("large", "most", "is_right"), [(29.0, 3.0, True), (31.0, 3.0, False), (900.0, None, True)])
def test_factor_above_its_bound_is_wrong(large, most, is_right, capsys):
    row = Growth("sqlite: a page", "ms", 10.0, large, most)

    growth.show([row])

    assert row.is_right is is_right
    assert ("RED" in capsys.readouterr().out) is not is_right
