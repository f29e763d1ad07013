"""Stores are renamed, moved and removed without a token lost, and no shop is connected twice."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import insert

from bridge.services.ops import store_removal
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.metadata import metadata
from bridge.storage.ops import removal
from bridge.web.context import utcnow
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def run(app):
    """Run a command in process."""
    return lambda *arguments, **more: app.test_cli_runner().invoke(args=list(arguments), **more)


def test_renamed_store_keeps_deliveries_keys_and_imports(app, shop, run, tmp_path):
    file = tmp_path / "balances.csv"
    file.write_text("user_id,balance\n42,1000\n")
    run("accounts", "import", "shop", str(file))
    factories.put_package(shop, 10, 1000)

    renamed = run("stores", "rename", "shop", "boutique", "--name", "Tokens &amp; Credits")

    assert renamed.exit_code == 0, renamed.output
    assert factories.deliver(shop, factories.order(1)).status_code == 200, "the old address still takes deliveries"
    assert factories.balance_of(shop, 2) == 1000
    store = shop.client.get("/v1/store", headers=shop.headers).json
    assert (store["slug"], store["name"]) == ("boutique", "Tokens & Credits")
    assert "0 balances imported" in run("accounts", "import", "boutique", str(file)).output
    assert factories.balance_of(shop, 42) == 1000
    assert [each["slug"] for each in json.loads(run("stores", "list", "--json").stdout)] == ["boutique"]
    assert run("stores", "add", "shop", "--url", "https://x.example").exit_code == 1, "its old name is not free"
    assert run("stores", "rename", "boutique", "shop").exit_code == 0, "but it can have it back"


@one_engine
def test_webhooks_of_a_renamed_store_are_known_and_recreated(app, run):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        run("webhooks", "install", "shop")

        run("stores", "rename", "shop", "boutique")
        run("webhooks", "install", "boutique")

        assert len(connected_shop.shop.webhooks) == 10
        assert {hook.delivery_url.rpartition("/")[2] for hook in connected_shop.shop.webhooks.values()} == {"boutique"}


@one_engine
@pytest.mark.parametrize("new", ["Big Shop", "", "x-", "other"])
def test_name_that_cannot_be_is_refused(app, shop, run, new):
    factories.add_shop(app, "other")

    refused = run("stores", "rename", "shop", new)

    assert (refused.exit_code, refused.stderr.startswith("Error: ")) == (1, True)
    assert shop.client.get("/v1/store", headers=shop.headers).json["slug"] == "shop"


@one_engine
def test_shop_is_moved_after_it_was_asked(app, run):
    with open_connected_shop(app) as connected_shop, open_connected_shop(app, slug="other") as other:
        connected_shop.connect()
        order = connected_shop.sell()
        connected_shop.poll()

        wrong = run("stores", "move", "shop", "--url", other.served.url)
        forced = run("stores", "move", "shop", "--url", other.served.url, "--force")
        moved = run("stores", "move", "shop", "--url", f" {connected_shop.served.url}/wp-admin/ ")

        assert (forced.exit_code, "Not checked" in forced.output) == (0, True)
        assert (wrong.exit_code, "Nothing was changed" in wrong.stderr) == (1, True)
        assert (moved.exit_code, f"has order {order}" in moved.output) == (0, True), moved.output
        assert connected_shop.store.url == connected_shop.served.url
        assert connected_shop.store.purchase_url == f"{connected_shop.served.url}/shop/"


@one_engine
def test_shop_without_keys_is_moved_unasked(shop, run):
    moved = run("stores", "move", "shop", "--url", "https://new.example.com")

    assert (moved.exit_code, "Not checked: the store has no REST keys" in moved.output) == (0, True)


@one_engine
@pytest.mark.parametrize("url", ["https://WWW.second.example.com/", "http://second.example.com:80"])
def test_same_shop_is_connected_once(app, shop, run, url):
    factories.add_shop(app, "second")

    added = run("stores", "add", "third", "--url", url)
    moved = run("stores", "move", "shop", "--url", url)

    for refused in (added, moved):
        assert (refused.exit_code, "already connected as second" in refused.stderr) == (1, True)


def fill(app, shop):
    """Add rows of every kind, the same in two stores."""
    _, other = factories.add_shop(app, "other")
    factories.put_package(shop, 10, 1000)
    for number in range(1, 6):
        factories.deliver(shop, factories.order(number, customer=number))
    factories.spend(shop, 1, 100)
    shop.client.put("/v1/limits/chat", headers=shop.headers, json={"period": "daily", "rules": {"user": 5}})
    shop.client.post("/v1/users/1/sites", headers=shop.headers, json={"url": "https://s.example", "name": "S"})
    shop.client.post("/v1/users/1/link-codes", headers=shop.headers)
    shop.client.post("/v1/event-endpoints", headers=shop.headers, json={"url": "https://e.example/hook"})
    shop.client.put("/v1/users/7", headers=other, json={"name": "Other"})
    body = {"tokens": 70, "reason": "a gift"}
    key = {"Idempotency-Key": "other"}
    assert shop.client.post("/v1/users/7/adjustments", headers=other | key, json=body).status_code == 201
    return other


def rows_by_table(database):
    return {name: ledger_sql.count(database, name) for name in metadata.tables}


def test_removed_store_is_exported_and_gone_and_the_other_untouched(app, shop, run, database, tmp_path):
    empty = rows_by_table(database)
    run("stores", "remove", "shop", "--yes", "--export", str(tmp_path / "empty.json"))
    clean = rows_by_table(database)
    assert (empty["stores"], clean["stores"]) == (1, 0)
    assert {name for name, count in clean.items() if count} <= removal.NOT_OF_A_STORE | {"alembic_version"}


def test_only_the_store_itself_is_removed(app, shop, run, database, tmp_path):
    other = fill(app, shop)
    file = tmp_path / "export.json"

    typed_wrong = run("stores", "remove", "shop", "--export", str(file), input="other\n")
    assert (typed_wrong.exit_code, file.exists(), ledger_sql.count(database, "stores")) == (1, False, 2)
    removed = run("stores", "remove", "shop", "--export", str(file), input="shop\n")

    assert removed.exit_code == 0, removed.output
    exported = json.loads(file.read_text())
    assert exported["store"]["slug"] == "shop"
    assert "webhook_secret" not in exported["store"]
    assert {row["user_id"]: row["balance"] for row in exported["accounts"]}[1] == 900
    assert (len(exported["orders"]), len(exported["entries"])) == (5, 6)
    assert (file.stat().st_mode & 0o777) == 0o600
    assert shop.client.get("/v1/store", headers=shop.headers).status_code == 401
    assert factories.deliver(shop, factories.order(9)).status_code == 404
    assert shop.client.get("/v1/users/7", headers=other).json["balance"]["balance"] == 70
    assert run("audit").exit_code == 0
    assert ledger_sql.count(database, "orders") == 0
    assert {row["slug"] for row in ledger_sql.rows(database, "select slug from stores")} == {"other"}
    assert run("stores", "remove", "shop", "--yes").exit_code == 1
    assert run("stores", "add", "shop", "--url", "https://shop.example.com", "--name", "S").exit_code == 0


def test_store_of_very_large_balances_is_counted(shop, run, database):
    """Their sum is above 2^63, where SQLite's own sum fails."""
    with database.transaction() as connection:
        row = {"store_id": shop.id, "roles": [], "balance": 2**53 - 1, "debt": 0, "purchased": 0}
        row |= {"created_at": utcnow(), "updated_at": utcnow()}
        connection.execute(insert(accounts), [row | {"id": n, "user_id": n} for n in range(1, 1101)])

    refused = run("stores", "remove", "shop", input="other\n")

    assert refused.exit_code == 1
    assert f"{1100 * (2**53 - 1):,}" in refused.output


@pytest.mark.parametrize("steps", [0, 1, 3, 7, 15])
def test_removal_that_was_cut_off_goes_on(app, shop, run, database, tmp_path, steps):
    fill(app, shop)
    store = shop.connected.store
    file = tmp_path / "export.json"
    vault = app.extensions["bridge"].vault
    store_removal.begin(database, store, file, vault_=vault, now=utcnow)
    done = 0

    def cut(_rows):
        nonlocal done
        done += 1
        if done > steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_removal.finish(database, store.id, progress=cut)
    page = sign_in(app).get("/admin/stores").text
    assert "shop/credits" not in page
    assert run("stores", "check", "shop").exit_code == 1
    assert "is being removed" in run("stores", "add", "shop", "--url", "https://a.example").stderr

    again = run("stores", "remove", "shop")

    assert (again.exit_code, "continues" in again.output) == (0, True), again.output
    assert {row["slug"] for row in ledger_sql.rows(database, "select slug from stores")} == {"other"}
    assert run("audit").exit_code == 0


def test_rows_that_a_late_request_adds_are_removed_too(app, shop, database, tmp_path):
    fill(app, shop)
    store_id = shop.connected.store.id
    vault = app.extensions["bridge"].vault
    store_removal.begin(database, shop.connected.store, tmp_path / "x.json", vault_=vault, now=utcnow)
    added, emptied = 0, 0

    def add(_rows):
        nonlocal added, emptied
        emptied += not ledger_sql.rows(database, f"select key from modules where store_id = {store_id}")
        # Another table is processed by now: only another pass finds the row.
        if not added and emptied == 2:
            added += 1
            with database.transaction() as connection:
                connection.exec_driver_sql(
                    "insert into modules (store_id, key, label, is_metered, position)"
                    f" values ({store_id}, 'late-{added}', 'Late', true, 0)"
                )

    store_removal.finish(database, store_id, progress=add)

    assert added == 1
    assert {row["slug"] for row in ledger_sql.rows(database, "select slug from stores")} == {"other"}
    assert ledger_sql.rows(database, "select key from modules where label = 'Late'") == []


@one_engine
def test_export_that_cannot_be_written_removes_nothing(shop, run, database, tmp_path):
    taken = tmp_path / "taken.json"
    taken.write_text("mine")

    for path in (taken, tmp_path / "taken.json" / "x.json"):
        refused = run("stores", "remove", "shop", "--yes", "--export", str(path))
        assert refused.exit_code in {1, 2}
    assert (taken.read_text(), ledger_sql.count(database, "stores")) == ("mine", 1)
    assert shop.client.get("/v1/store", headers=shop.headers).status_code == 200


def test_every_table_says_whose_its_rows_are():
    names = {table.name for table in (*removal.account_tables(), *removal.other_tables())}

    assert names | removal.NOT_OF_A_STORE >= set(metadata.tables) - {"stores"}
    for table in removal.other_tables():
        assert removal._owned(table, 1) is not None


def test_admins_are_listed_and_removed_but_not_the_last(app, run, database):
    run("admins", "add", "ada@example.test")
    client = sign_in(app)
    assert client.get("/admin/stores").status_code == 200

    listed = json.loads(run("admins", "list", "--json").stdout)
    removed = run("admins", "remove", "OWNER@example.test ")
    last = run("admins", "remove", "ada@example.test")
    unknown = run("admins", "remove", "bob@example.test")

    assert [admin["email"] for admin in listed] == ["ada@example.test", "owner@example.test"]
    assert removed.exit_code == 0
    assert client.get("/admin/stores").status_code == 303, "their session ended"
    assert (last.exit_code, "is the last admin" in last.stderr) == (1, True)
    assert unknown.exit_code == 1
    assert "ada@example.test" in run("admins", "list").output
    assert read(client.get("/admin")).forms
