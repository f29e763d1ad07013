"""Spends are found by their id alone, and pages of accounts have room; older databases are migrated whole."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from bench import growth_data
from bridge.services.ops import audit
from bridge.storage.engine.migrate import MIGRATIONS
from bridge.web.context import utcnow
from tests import factories

REVISION = "0020"


def settings_for(database):
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["database"] = database
    return settings


def test_ledger_survives_a_downgrade_and_an_upgrade(shop, database):
    factories.give(shop, 500, 100)
    spent = factories.spend(shop, 500, 60).get_json()
    growth_data.add_accounts(database, shop.id, 20, now=utcnow())
    growth_data.add_spends(database, shop.id, users=20, rounds=3, now=utcnow())
    settings = settings_for(database)
    before = ScriptDirectory.from_config(settings).get_revision(REVISION).down_revision

    command.downgrade(settings, before)
    older = keys_of(database)
    command.upgrade(settings, "head")

    assert older == (["account_id", "id"], {"ix_spends_id"})
    assert keys_of(database) == (["id"], set())
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow())) == []
        assert audit.extent(connection).spends == 61
    headers = shop.headers | {"Idempotency-Key": "refund"}
    refund = shop.client.post(f"/v1/spends/{spent['id']}/refund", json={"reason": "failed"}, headers=headers)
    assert (refund.status_code, refund.get_json()["tokens"]) == (201, 60)


def keys_of(database):
    """Return the primary key of spends, and the names of their other indexes."""
    found = inspect(database.engine)
    return found.get_pk_constraint("spends")["constrained_columns"], {
        index["name"] for index in found.get_indexes("spends")
    }


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_pages_of_accounts_keep_room_for_changed_balances(shop, database):
    """Fifty balances change in place, three times over, on pages filled by an import: no index is written."""
    growth_data.add_accounts(database, shop.id, 500, now=utcnow())
    with database.engine.connect() as connection:
        before = connection.exec_driver_sql(_PLACES).scalars().all()
    for key in range(3):
        for user in range(1, 500, 10):
            assert factories.spend(shop, user, 1, key=f"{key}-{user}").status_code == 201

    with database.engine.connect() as connection:
        after = connection.exec_driver_sql(_PLACES).scalars().all()
    assert after == before


_PLACES = "select (ctid::text::point)[0]::int from accounts where user_id %% 10 = 1 order by user_id"
"""Return the page of each account whose balance changes: a row that moves is written to every index."""
