"""An unusable database is named with its place and the cause, and no list command creates one."""

from __future__ import annotations

import os
import sqlite3

import pytest

from app import create_app
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import newest_revision
from tests.conftest import SECRET_KEY, make_config
from tests.support.programs import run_program


@pytest.fixture
def run():
    """Run a command on a database, whatever its state."""

    def run(url, *arguments):
        app = create_app(make_config(url))
        try:
            return app.test_cli_runner().invoke(args=list(arguments))
        finally:
            app.extensions["bridge"].group_commit.close()
            app.extensions["bridge"].database.close()

    return run


LISTINGS = [
    ("stores", "list"),
    ("stores", "check", "shop"),
    ("deliveries", "list"),
    ("audit",),
    ("admins", "list"),
    ("webhooks", "install", "shop"),
    ("admins", "reset-password", "ada@example.test"),
]


@pytest.mark.parametrize("arguments", LISTINGS, ids=" ".join)
def test_listing_creates_no_database(run, tmp_path, arguments):
    folder = tmp_path / "none"

    outcome = run(f"sqlite:///{folder}/bridge.sqlite3", *arguments)

    assert outcome.exit_code == 1
    assert outcome.stderr.count("\n") == 1
    assert f"Error: the SQLite database {folder}/bridge.sqlite3 has no data of this service" in outcome.stderr
    assert not folder.exists()


def test_commands_that_begin_an_installation_create_it(run, tmp_path):
    url = f"sqlite:///{tmp_path}/new/bridge.sqlite3"

    added = run(url, "stores", "add", "shop", "--url", "https://shop.example.com", "--name", "S", "--timezone", "UTC")

    assert added.exit_code == 0
    assert "shop" in run(url, "stores", "list").output


def test_postgresql_that_is_not_there_is_named_with_host_and_cause(run):
    outcome = run("postgresql+psycopg://bridge:hush-hush@127.0.0.1:1/tokens", "stores", "list")

    assert outcome.exit_code == 1
    assert "the PostgreSQL database tokens at 127.0.0.1:1 cannot be used" in outcome.stderr
    assert "refused" in outcome.stderr
    assert "hush" not in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [("stores", "list"), ("stores", "add", "x", "--url", "https://x.example")])
def test_file_that_is_no_database_is_named(run, tmp_path, command):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but some text that is longer than a header of SQLite would be, by a good deal")

    outcome = run(f"sqlite:///{path}", *command)

    assert outcome.exit_code == 1
    assert f"{path} cannot be used: the file is not a SQLite database" in outcome.stderr
    folder = run(f"sqlite:///{tmp_path}", *command)
    assert (folder.exit_code, "Traceback" in folder.output) == (1, False)


def test_database_of_another_program_is_left_alone(run, tmp_path):
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("create table orders (id integer)")
    connection.close()
    before = path.read_bytes()

    listed = run(f"sqlite:///{path}", "stores", "list")
    added = run(f"sqlite:///{path}", "stores", "add", "x", "--url", "https://x.example")

    assert "has no data of this service" in listed.stderr
    assert "has tables of another program (orders)" in added.stderr
    with sqlite3.connect(path) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("orders",)]
    connection.close()
    assert len(before) == path.stat().st_size


def test_newer_schema_is_reported(run, database_url):
    database = Database(database_url)
    with database.transaction() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")

    outcome = run(database_url, "stores", "list")

    with database.transaction() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '" + newest_revision() + "'")
    database.close()
    assert (outcome.exit_code, "has revision 9999, newer than this version's" in outcome.stderr) == (1, True)


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://u:hush@host:port/x", "sqlite:////proc/none/x.sqlite3", "mysql://x", "sqlite:///"]
)
def test_address_that_is_none_is_one_sentence(url):
    env = os.environ | {"BRIDGE_DATABASE_URL": url, "BRIDGE_SECRET_KEY": SECRET_KEY}

    outcome = run_program(["-m", "flask", "stores", "list"], env=env)

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Error: ")
    assert "Traceback" not in outcome.stderr
    assert "hush" not in outcome.stderr


@pytest.mark.parametrize("setting", [{"BRIDGE_SECRET_KEY": "short"}, {"BRIDGE_BIND": "nowhere"}])
def test_help_with_a_bad_setting_is_a_sentence(setting):
    env = os.environ | {"BRIDGE_SECRET_KEY": SECRET_KEY} | setting

    outcome = run_program(["-m", "flask", "--help"], env=env)

    assert f"Error: {next(iter(setting))} must" in outcome.stderr
    assert "Traceback" not in outcome.stderr + outcome.stdout


@pytest.mark.parametrize("module", ["schedulers", "fakeshop", "bench"])
def test_help_starts_nothing(module, tmp_path):
    env = os.environ | {"BRIDGE_DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3", "BRIDGE_SECRET_KEY": SECRET_KEY}

    outcome = run_program(["-m", module, "--help"], env=env)

    assert (outcome.returncode, outcome.stdout.startswith("usage: ")) == (0, True)
    assert not list(tmp_path.iterdir())
