"""Event deliveries: no statement reads a whole table, however long the queue of an endpoint is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from tests.support.events import NOW, EventDriver, Sender


@pytest.mark.parametrize("engine", ["sqlite"])
def test_handing_out_and_sending_look_everything_up_in_an_index(shop, database):
    driver = EventDriver(shop, database)
    endpoint = driver.endpoint()
    (failing,) = driver.emit(1)
    driver.emit(1, 2)
    statements: dict[str, object] = {}

    def note(_connection, _cursor, statement, parameters, _context, many):
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements[statement] = parameters[0] if many else parameters

    event.listen(database.engine, "before_cursor_execute", note)
    driver.fan_out()
    driver.send(Sender(answers={failing: 500}))
    driver.call("POST", f"event-endpoints/{endpoint['id']}/replay", json={"since": NOW.isoformat()})
    driver.call("GET", "events?limit=1")
    driver.send(Sender(), NOW + timedelta(minutes=1))
    event.remove(database.engine, "before_cursor_execute", note)

    with database.engine.connect() as connection:
        for statement, parameters in statements.items():
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            # Endpoints are few, and `json_each` is the list that was given.
            read_whole = [step for step in plan if step.startswith("SCAN") and "json_each" not in step]
            assert [step for step in read_whole if "event_endpoints" not in step] in ([], WAITING), statement
    assert len(statements) > 10


WAITING = ["SCAN outbox USING INDEX ix_outbox_waiting"]
"""The events that were not fanned out yet, the only ones in that index."""
