"""Unknown modules are refused, or created on first use where the store's setting says so."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from bridge.storage.engine.migrate import MIGRATIONS, migrate
from tests.factories import balance_of, give
from tests.support.ledger_sql import faults
from tests.support.linked_sites import bearer, link

_keys = itertools.count(1)


def call(shop: Any, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
    """Send a call under a new idempotency key."""
    given = (headers or shop.headers) | {"Idempotency-Key": f"module-{next(_keys)}"}
    return shop.client.open(f"/v1/{path}", method=method, json=body, headers=given)


WHO = {"user": {"id": 2}}
TYPO = {"module": "caht", "tokens": 1}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "spends", WHO | TYPO),
        ("POST", "holds", WHO | TYPO),
        ("POST", "quotes", WHO | {"items": [{"module": "chat", "tokens": 1}, TYPO]}),
        ("GET", "users/2/explain?module=caht&tokens=1", None),
        ("PUT", "users/2/limits/caht", {"limit": 5}),
        ("POST", "users/2/limits/reset", {"module": "caht"}),
        ("POST", "limits/reset", {"module": "caht"}),
        ("GET", "modules/caht", None),
    ],
)
def test_misspelt_module_is_refused_and_nothing_is_charged(shop, database, method, path, body):
    give(shop, 2, 100)

    answer = call(shop, method, path, body)

    assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_module"), answer.text
    assert "caht" in answer.get_json()["detail"]
    assert balance_of(shop, 2) == 100
    assert "caht" not in [module["key"] for module in call(shop, "GET", "modules").get_json()["items"]]
    assert faults(database) == []


def test_misspelt_module_fails_alone_in_a_batch_and_for_a_site(shop):
    give(shop, 2, 100)
    spends = [{"key": "a", **WHO, **TYPO}, {"key": "b", **WHO, "module": "chat", "tokens": 1}]

    results = call(shop, "POST", "spends/batch", {"spends": spends}).get_json()["results"]
    of_site = call(shop, "POST", "spends", TYPO, headers=bearer(link(shop)["access_key"]))

    assert [result["status"] for result in results] == [404, 201]
    assert (results[0]["code"], of_site.get_json()["code"]) == ("unknown_module", "unknown_module")
    assert balance_of(shop, 2) == 99


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("modules/video", {"label": "Video"}),
        ("limits/video", {"period": "daily", "rules": {}}),
        ("operations/video.minute", {"module": "video", "tokens_per_unit": 3}),
    ],
)
def test_module_exists_once_anything_configures_it(shop, path, body):
    give(shop, 2, 100)
    assert call(shop, "PUT", path, body).status_code == 200

    assert call(shop, "POST", "spends", WHO | {"module": "video", "tokens": 1}).status_code == 201
    if path.startswith("operations"):
        assert call(shop, "DELETE", path).status_code == 204
        assert call(shop, "POST", "spends", WHO | {"module": "video", "tokens": 1}).status_code == 201


def test_store_that_accepts_unknown_modules_creates_them_on_first_use(shop, database):
    give(shop, 2, 100)
    store = call(shop, "PUT", "store", {"accept_unknown_modules": True}).get_json()
    assert store["accept_unknown_modules"] is True

    quoted = call(shop, "POST", "quotes", WHO | {"items": [TYPO]})
    assert quoted.status_code == 200
    assert call(shop, "GET", "modules/caht").status_code == 404
    batch = {"spends": [{"key": str(n), **WHO, "module": f"new_{n % 2}", "tokens": 1} for n in range(4)]}
    results = call(shop, "POST", "spends/batch", batch).get_json()["results"]
    held = call(shop, "POST", "holds", WHO | {"module": "held.one", "tokens": 1})

    assert [result["status"] for result in results] == [201] * 4
    assert held.status_code == 201
    modules = {module["key"]: module for module in call(shop, "GET", "modules").get_json()["items"]}
    assert modules["new_0"] == {"key": "new_0", "label": "New 0", "metered": True, "labels": {}}
    assert {"new_1", "held.one"} <= modules.keys()
    assert faults(database) == []


def test_use_creates_a_bounded_number_of_modules(shop):
    give(shop, 2, 1000)
    call(shop, "PUT", "store", {"accept_unknown_modules": True})
    batch = {"spends": [{"key": str(n), **WHO, "module": f"m{n}", "tokens": 1} for n in range(250)]}

    results = call(shop, "POST", "spends/batch", batch).get_json()["results"]

    assert {result["status"] for result in results} == {201, 404}
    assert len(call(shop, "GET", "modules").get_json()["items"]) == 200
    assert call(shop, "POST", "spends", WHO | {"module": "one_more", "tokens": 1}).status_code == 404


def test_change_of_a_module_leaves_what_it_does_not_name(shop):
    call(shop, "PUT", "modules/chat", {"label": "Talk", "metered": False})

    for body in ({}, {"label": "Chats"}):
        assert call(shop, "PUT", "modules/chat", body).get_json()["metered"] is False
    assert call(shop, "PUT", "modules/chat", {"metered": True}).get_json()["label"] == "Chats"


def test_module_that_was_used_before_the_update_works_after_it(shop, database):
    give(shop, 2, 100)
    call(shop, "PUT", "modules/old_one", {})
    call(shop, "POST", "spends", WHO | {"module": "old_one", "tokens": 1})
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["database"] = database
    command.downgrade(settings, "0022")
    with database.transaction() as connection:
        connection.execute(text("delete from modules where key = 'old_one'"))

    migrate(database)

    assert call(shop, "GET", "modules/old_one").get_json()["label"] == "Old one"
    assert call(shop, "POST", "spends", WHO | {"module": "old_one", "tokens": 1}).status_code == 201
