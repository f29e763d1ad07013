"""Metering compared with a model over thousands of random steps: every response and every row agrees."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import select

from bridge.services.ops import audit
from bridge.storage.accounts.tables import accounts
from bridge.storage.metering.tables import holds, plan_uses, usage_days, window_uses
from tests.support import ledger_sql
from tests.support.metering_machine import Machine
from tests.support.seeds import resolve
from tests.support.spend_driver import who_of

RUNS, STEPS = int(os.environ.get("BRIDGE_MODEL_RUNS", "6")), 40


def rows_of(machine: Machine, table: Any) -> list[Any]:
    """Return the rows of the users of the machine's store, with their accounts."""
    statement = (
        select(table, accounts.c.user_id, accounts.c.guest_hash)
        .join(accounts, accounts.c.id == table.c.account_id)
        .where(accounts.c.store_id == machine.driver.caller.store_id)
    )
    with machine.database.reading() as connection:
        return list(connection.execute(statement))


def name_of(row: Any, machine: Machine) -> Any:
    """Return the owner of the row, as the model names them."""
    guests = {getattr(who_of(name), "guest_hash", ""): name for name in machine.model.people if isinstance(name, str)}
    return row.user_id or guests[row.guest_hash]


class ComparedMachine(Machine):
    """A machine that ends with a comparison of every row, and with an audit."""

    def compare(self) -> None:
        """Check that everything written in these runs adds up and equals the model."""
        people = self.model.people
        used = {
            (name_of(row, self), row.module, row.starts_at, row.counter): row.used for row in rows_of(self, window_uses)
        }
        plan_used = {(name_of(row, self), row.product_id, row.starts_at): row.used for row in rows_of(self, plan_uses)}
        days: dict[Any, int] = {}
        for row in rows_of(self, usage_days):
            days[name_of(row, self), row.day, row.module, row.operation] = row.tokens
        for kind, found in (("used", used), ("plan_used", plan_used), ("days", days)):
            modelled = {(name, *place): tokens for name in people for place, tokens in people[name][kind].items()}
            assert {place: n for place, n in found.items() if n} == {place: n for place, n in modelled.items() if n}
        assert len(rows_of(self, holds)) == len(self.model.holds)
        with self.database.reading() as connection:
            assert list(audit.list_faults(connection, now=self.now)) == []


@pytest.mark.parametrize(("seed", "runs"), [(1, RUNS), pytest.param(None, max(RUNS // 3, 1), id="fresh")])
def test_a_model_of_metering_answers_the_same(database, seed, runs):
    """About 50 requests in each run, every response compared. `BRIDGE_MODEL_RUNS` makes more runs."""
    machine = type("SeededMachine", (ComparedMachine,), {"database": database, "asks": 0})
    run_state_machine_as_test(
        seeded(resolve(seed))(machine),
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            # Without shrinking, which takes minutes. Add Phase.shrink to investigate a failure.
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert machine.asks >= 100 * runs
    assert ledger_sql.faults(database) == []
