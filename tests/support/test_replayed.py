"""A replay leaves the rows that the requests left, in another database and beside another store's keys."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.factories import balance_of, deliver, order, put_package, put_user, spend
from tests.support import replayed
from tests.support.ledger_sql import faults
from tests.support.replayed import NotReplayable, replay
from tests.support.shared_app import open_shared_app

_LIMIT = {"period": "never", "rules": {"guest": 9}}
_GUEST = {"guest": {"id": "visitor"}, "module": "chat", "tokens": 4}


def _spend_as_guest(shop, key):
    return shop.client.post("/v1/spends", json=_GUEST, headers=shop.headers | {"Idempotency-Key": key})


def _fill(shop):
    put_package(shop, 10, 600)
    deliver(shop, order(1, customer=2))
    shop.client.put("/v1/limits/chat", json=_LIMIT, headers=shop.headers)
    assert _spend_as_guest(shop, "guest").status_code == 201
    return spend(shop, 2, 100).json["id"]


def _contents(database):
    """Return all rows but those that were made with the store and its key."""
    return {
        table.name: {key: row for key, row in rows.items() if row.get("subject") not in {"store", "access_key"}}
        for table, rows in replayed._read(database).items()
        if table.name not in {"stores", "access_keys"}
    }


def test_rows_are_those_of_the_requests(shop, database, engine, request):
    with open_shared_app(engine, request, "replayed") as second:
        spent = replay(_fill, shop, database)
        assert replay(_fill, second.shop, second.database) == spent

        assert _contents(second.database) == _contents(database)
        assert len(_contents(second.database)["entries"]) == 2
        headers = second.shop.headers | {"Idempotency-Key": "back"}
        body = {"tokens": 100, "reason": "bad"}
        assert second.shop.client.post(f"/v1/spends/{spent}/refund", json=body, headers=headers).status_code == 201
        assert balance_of(second.shop, 2) == 600
        assert _spend_as_guest(second.shop, "another").status_code == 201
        assert _spend_as_guest(second.shop, "too many").status_code == 402, "the guest is the one who spent before"
        put_user(second.shop, 3)
        assert faults(second.database) == []


def test_fixture_that_deletes_rows_is_not_replayed(shop, database):
    def delete_keys(_):
        with database.transaction() as connection:
            connection.execute(text("delete from access_keys"))

    with pytest.raises(NotReplayable, match="access_keys"):
        replay(delete_keys, shop, database)
