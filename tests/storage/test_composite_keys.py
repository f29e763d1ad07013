"""Rows by composite keys: exactly the requested ones, found by index whatever the planner assumes."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import event

from bridge.domain.metering.idempotency import Answer, Outcome
from bridge.storage.accounts import accounts
from bridge.storage.engine import database as storage_database
from bridge.storage.engine.database import FORGET_PLANS
from bridge.storage.engine.key_lookup import Seek
from bridge.storage.metering import idempotency
from bridge.storage.metering.tables import idempotency_keys
from bridge.web.context import utcnow
from tests.factories import add_shop

SEEK = Seek(idempotency_keys, ("key", "status"), keys=("store_id", "site_id", "key"))


def keep(database, *places):
    with database.transaction() as connection:
        answers = {place: Answer("f", Outcome.CREATED, str(number)) for number, place in enumerate(places)}
        idempotency.add_answers(connection, answers, now=utcnow())


def test_finds_what_was_asked_for_and_no_other_combination(app, shop, database):
    other = add_shop(app, "other")[0].store.id
    keep(database, (shop.id, 0, "a"), (shop.id, 7, "b"), (other, 0, "b"), (other, 0, 'quote " and \\ back'))

    with database.reading() as connection:
        found = idempotency.find_answers(
            connection, [(shop.id, 0, "a"), (shop.id, 0, "b"), (other, 0, 'quote " and \\ back'), (other, 0, "a")]
        )

    assert {place: answer.document for place, answer in found.items()} == {
        (shop.id, 0, "a"): "0",
        (other, 0, 'quote " and \\ back'): "3",
    }


def test_asking_for_nothing_sends_nothing(database):
    with database.reading() as connection:
        connection.close()

        assert accounts.locate(connection, []) == {}


@pytest.mark.parametrize("rows", [0, 2_000])
def test_index_leads_to_each_key_however_little_the_planner_knows(shop, database, rows):
    """PostgreSQL makes the plan once and keeps it, perhaps while the table was empty and never analysed."""
    keep(database, *((shop.id, 0, f"k{number}") for number in range(rows)))
    keys = json.dumps([{"k0": shop.id, "k1": 0, "k2": key} for key in ("k1", "zz")])

    with database.transaction() as connection:
        if database.is_sqlite:
            plan = connection.exec_driver_sql(f"explain query plan {SEEK._sqlite}", ('[[1,0,"k1"]]',)).fetchall()
            steps = [row[3] for row in plan]
            assert "(store_id=? AND site_id=? AND key=?)" in steps[-1], steps
            return
        asked = SEEK._postgresql.replace("%(keys)s", "$1")
        connection.exec_driver_sql("set local plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(f"prepare sought(text) as {asked}")
        lines = connection.exec_driver_sql(f"explain execute sought('{keys}')").scalars().all()
        connection.exec_driver_sql("deallocate sought")
    assert any("Index Scan using pk_idempotency_keys" in line for line in lines), lines
    assert any("Index Cond" in line and "key" in line for line in lines), lines
    assert not any("Filter" in line for line in lines), lines


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("plan_seconds", "forgotten"), [(0, 3), (3_600, 0)])
def test_plans_are_forgotten_every_few_seconds(shop, database, monkeypatch, plan_seconds, forgotten):
    """For an empty table all indexes cost the same: the chosen one may read the store's rows for each key."""
    monkeypatch.setattr(storage_database, "_PLANS_SECONDS", plan_seconds)
    said = []

    def note(_connection, _cursor, statement, *_):
        said.append(statement)

    for _ in range(4):
        with database.transaction() as connection:
            # A new connection has no plans to forget.
            if not connection.info.get("seen"):
                connection.info["seen"] = True
                event.listen(database.engine, "before_cursor_execute", note)
            accounts.locate(connection, [(shop.id, 2)])
    with database.reading() as connection:
        accounts.locate(connection, [(shop.id, 2)])
    event.remove(database.engine, "before_cursor_execute", note)

    assert said.count(FORGET_PLANS) == forgotten


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_many_keys_are_read_one_by_one_and_not_joined(shop, database):
    """For as many keys as rows, a planner with the choice would read the whole table and hash it.

    SQLite executes a join as it is written.
    """
    keep(database, *((shop.id, 0, f"k{number}") for number in range(500)))
    keys = json.dumps([{"k0": shop.id, "k1": 0, "k2": f"k{number}"} for number in range(2_000)])

    with database.transaction() as connection:
        connection.exec_driver_sql("analyze idempotency_keys")
        connection.exec_driver_sql("set local enable_seqscan = on")
        lines = connection.exec_driver_sql(f"explain {SEEK._postgresql}", {"keys": keys}).scalars().all()

    assert any("Nested Loop" in line for line in lines), lines
    assert not any("Hash Join" in line or "Merge Join" in line for line in lines), lines
