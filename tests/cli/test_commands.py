"""Commands report their result, in words or as JSON, and end with a sentence where they fail."""

import json
import os
import pty
import re

import click
import pytest

from bridge.cli.base import Group
from bridge.cli.commands import COMMANDS
from tests import factories
from tests.conftest import SECRET_KEY
from tests.support import ledger_sql
from tests.support.programs import run_program


@pytest.fixture
def flask(app):
    """Run a command in process and return exit status, output and errors."""
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


@pytest.fixture
def audit_clean(flask):
    yield
    result = flask("audit")
    assert result.exit_code == 0, result.output


def test_every_command_says_what_it_is_for(flask):
    assert "..." not in flask("stores").output.partition("Commands:")[2]
    for command in COMMANDS:
        each = [command, *getattr(command, "commands", {}).values()]
        options = [option for one in each for option in one.params if isinstance(option, click.Option)]
        assert [option.name for option in options if not option.help] == []
        names = [command.name, *(f"{command.name} {sub}" for sub in getattr(command, "commands", {}))]
        for name in names:
            result = flask(*name.split(), "--help")
            assert result.exit_code == 0
            assert len(result.output.splitlines()) > 3, name
    known = {
        f"{command.name} {sub}" for command in COMMANDS if isinstance(command, Group) for sub in command.commands
    } | {command.name for command in COMMANDS}
    assert known >= {
        *("serve", "demo", "audit", "backup", "restore", "stores add", "stores list", "accounts import"),
        *("deliveries list", "deliveries show", "deliveries replay", "admins add", "admins reset-password"),
    }


def test_stores_add_prints_what_the_contract_fixes(flask):
    result = flask("stores", "add", "boutique", "--url", "https://shop.example.com", "--json")

    connected = json.loads(result.output)
    assert list(connected) == ["store", "webhook_url", "webhook_secret", "access_key"]
    assert connected["store"] == "boutique"
    assert connected["webhook_url"] == "http://127.0.0.1:8000/webhooks/woocommerce/boutique"
    assert connected["access_key"].startswith("tb_")


def test_stores_add_takes_every_option_and_the_key_opens(flask, app):
    arguments = "--url https://shop.example.com --name Boutique --timezone Europe/Paris --week-start sunday"
    secrets = "--consumer-key ck_1 --consumer-secret cs_1 --webhook-secret hush --json"
    connected = json.loads(flask("stores", "add", "boutique", *arguments.split(), *secrets.split()).output)

    answer = app.test_client().get("/v1/store", headers={"Authorization": f"Bearer {connected['access_key']}"})

    assert connected["webhook_secret"] == "hush"
    store = answer.get_json()
    assert (store["name"], store["time_zone"], store["week_start"]) == ("Boutique", "Europe/Paris", "sunday")


def test_stores_add_with_keys_says_that_they_are_not_tested(flask):
    keys = ("--consumer-key", "ck_1", "--consumer-secret", "cs_1")
    result = flask("stores", "add", "boutique", "--url", "https://shop.example.com", *keys)

    assert "stored without a test. Test them: flask stores check boutique" in result.output


def test_stores_add_for_people_shows_the_secrets_once(flask):
    result = flask("stores", "add", "boutique", "--url", "https://shop.example.com")

    assert result.exit_code == 0
    assert "without a test" not in result.output
    assert re.search(r"access key +tb_\S{20}", result.output)
    assert "tb_" not in flask("stores", "list").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("shop", "--url", "https://x.example"), "already exists"),
        (("Bad Slug", "--url", "https://x.example"), "slug: use 1 to 64"),
        (("new", "--url", "ftp://x.example"), "url: enter the shop's address"),
        (("new", "--url", "https://x.example", "--timezone", "Mars/Base"), "time_zone: 'Mars/Base'"),
        (("new", "--url", "https://x.example", "--consumer-key", "ck"), "consumer_secret: enter"),
    ],
)
def test_stores_add_that_cannot_be_ends_with_a_sentence(flask, shop, arguments, sentence):
    result = flask("stores", "add", *arguments)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_stores_list_shows_every_shop(flask, shop):
    assert "shop " in flask("stores", "list").output
    assert [store["slug"] for store in json.loads(flask("stores", "list", "--json").output)] == ["shop"]


def test_deliveries_are_listed_filtered_and_shown(flask, shop):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1))
    factories.deliver(shop, b"[]")

    listed = json.loads(flask("deliveries", "list", "--json").output)
    rejected = json.loads(flask("deliveries", "list", "--json", "--state", "rejected", "--store", "shop").output)
    shown = flask("deliveries", "show", str(listed[1]["id"]))

    assert [delivery["state"] for delivery in listed] == ["rejected", "processed"]
    assert [delivery["id"] for delivery in rejected] == [listed[0]["id"]]
    headers, body = shown.output.split("\n\n", 1)
    assert "topic: order.updated" in headers
    assert json.loads(body)["id"] == 1
    assert json.loads(flask("deliveries", "list", "--json", "--before", str(listed[1]["id"])).output) == []
    assert "+1000 tokens" in flask("deliveries", "list").output
    assert json.loads(json.loads(flask("deliveries", "show", str(listed[1]["id"]), "--json").output)["body"])["id"] == 1


def test_delivery_replayed_is_processed_and_grants_nothing_twice(flask, shop, database, audit_clean):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1))
    (delivery,) = json.loads(flask("deliveries", "list", "--json").output)

    result = flask("deliveries", "replay", str(delivery["id"]))

    assert result.exit_code == 0
    assert "processed  order 1 completed: nothing to post" in result.output
    assert factories.balance_of(shop, 2) == 1000


@pytest.mark.parametrize(
    "arguments",
    [("deliveries", "show", "7"), ("deliveries", "replay", "7"), ("deliveries", "list", "--store", "nobody")],
)
def test_unknown_delivery_or_store_ends_with_a_sentence(flask, database, arguments):
    result = flask(*arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: there is no ")


def test_accounts_are_imported_twice_and_posted_once(flask, shop, tmp_path, audit_clean):
    file = tmp_path / "balances.csv"
    # The byte order mark of spreadsheets does no harm.
    file.write_text("\ufeffuser_id,email,name,roles,balance\n42,ada@example.test,Ada,editor,1000\n43,,,,5\n")

    dry = flask("accounts", "import", "shop", str(file), "--dry-run")
    first = flask("accounts", "import", "shop", str(file))
    second = flask("accounts", "import", "shop", str(file))

    assert "2 balances would be imported, 1005 tokens" in dry.output
    assert "2 balances imported, 1005 tokens; 0 of 2 rows were already imported" in first.output
    assert "0 balances imported, 0 tokens; 2 of 2 rows were already imported" in second.output
    assert factories.balance_of(shop, 42) == 1000


def test_file_with_a_fault_imports_nothing_and_names_line_and_column(flask, shop, tmp_path, database):
    file = tmp_path / "balances.csv"
    rows = "".join(f"{user},,,,10\n" for user in range(1, 1200))
    file.write_text(f"user_id,email,name,roles,balance\n{rows}x,,,,10\n1300,,,,ten\n")

    result = flask("accounts", "import", "shop", str(file))

    assert result.exit_code == 1
    assert "line 1201, column user_id: " in result.stderr
    assert "line 1202, column balance: " in result.stderr
    assert ledger_sql.count(database, "accounts") == 0


def test_audit_counts_what_it_checked(flask, shop):
    factories.give(shop, 2, 10)

    assert flask("audit").output == "books balance: 1 accounts, 1 entries checked\n"
    assert json.loads(flask("audit", "--json").output) == {
        "accounts": 1,
        "entries": 1,
        "spends": 0,
        "orders": 0,
        "count": 0,
        "faults": [],
    }


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_audit_shows_its_progress_on_a_terminal_and_nowhere_else(shop, database_url):
    """A terminal gets it as standard error; standard output has the result alone."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "BRIDGE_DATABASE_URL": database_url, "BRIDGE_SECRET_KEY": SECRET_KEY}
    done = run_program(["-m", "flask", "audit"], stderr=theirs, env=environment)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)

    assert "check 1 of " in shown
    assert ": order_line" in shown
    assert done.stdout == "books balance: 0 accounts, 0 entries checked\n"


def test_audit_of_a_wrong_ledger_prints_a_line_for_each_fault_and_exits_1(flask, shop, database):
    for user in (2, 3):
        factories.give(shop, user, 10)
    with database.transaction() as connection:
        connection.exec_driver_sql("update accounts set balance = 11")

    result = flask("audit")
    as_json = flask("audit", "--json")

    assert (result.exit_code, as_json.exit_code) == (1, 1)
    assert sum(line.startswith("balance: account ") for line in result.output.splitlines()) == 2
    assert [fault["check"] for fault in json.loads(as_json.output)["faults"]] == ["balance"] * 2


def test_admin_is_added_once_and_gets_new_passwords(flask, database):
    added = flask("admins", "add", "ada@example.test")
    again = flask("admins", "add", "Ada@example.test")
    reset = flask("admins", "reset-password", "ada@example.test")
    unknown = flask("admins", "reset-password", "bob@example.test")

    first, second = (re.search(r"password (\S+) \(shown", result.output)[1] for result in (added, reset))
    assert first != second
    assert (again.exit_code, unknown.exit_code) == (1, 1)
    assert "is already an admin" in again.stderr
    assert "there is no admin" in unknown.stderr


def test_backup_and_restore_know_the_engine(flask, shop, engine, tmp_path, app):
    file = tmp_path / "copy.sqlite3"
    saved = flask("backup", str(file))
    factories.put_user(shop, 42)
    restored = flask("restore", str(file))

    if engine == "postgresql":
        assert (saved.exit_code, restored.exit_code) == (1, 1)
        assert "pg_dump" in saved.stderr
        return
    assert saved.exit_code == 0
    assert "BRIDGE_SECRET_KEY" in saved.output
    assert restored.exit_code == 0, restored.output
    assert shop.client.get("/v1/users/42", headers=shop.headers).status_code == 404
