"""The growth benchmark runs on small databases, leaves a sound ledger, and names what grows too much."""

from __future__ import annotations

import pytest

from bench import growth, growth_operations
from bench.growth import Growth


def test_every_work_is_measured_beside_few_and_many_rows():
    rows = growth.measure(["sqlite"], small=20, large=60, rounds=1, least_pieces=300, spends=5)

    assert len(rows) == len(
        [operation for operation in growth_operations.OPERATIONS if operation.engine != "postgresql"]
    )
    assert all(row.small > 0 and row.large > 0 for row in rows)


@pytest.mark.parametrize(("large", "most", "is_right"), [(29.0, 3.0, True), (31.0, 3.0, False), (900.0, None, True)])
def test_factor_above_its_bound_is_wrong(large, most, is_right, capsys):
    row = Growth("sqlite: a page", "ms", 10.0, large, most)

    growth.show([row])

    assert row.is_right is is_right
    assert ("RED" in capsys.readouterr().out) is not is_right
