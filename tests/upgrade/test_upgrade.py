"""A database filled by an earlier version is upgraded, with its balances, and works.

The files are what `tests/upgrade/record.py` of that version wrote. To add one for
a release, check the release out, run `python -m tests.upgrade.record <folder>`
there, copy the two files here, and add the revision to REVISIONS. Remove a
revision only when upgrades from it are no longer supported.
"""

import re
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient

from app import create_app
from bridge.domain.accounts.accounts import Profile
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.runtime import Runtime
from bridge.services.metering.execute import spend_many
from bridge.services.ops import audit, schema_version
from bridge.services.stores import settings
from bridge.storage.engine.database import Database
from bridge.storage.engine.migrate import newest_revision, revision_of
from bridge.web.context import utcnow
from tests import factories
from tests.conftest import make_config
from tests.support.pages import read, sign_in
from tests.support.spend_replies import is_replay, status_of, text_of

FOLDER = Path(__file__).parent
REVISIONS = ("0025",)
BALANCES = "select user_id, balance, debt, purchased from accounts order by user_id"


@dataclass(frozen=True)
class Connected:
    """The recorded store, with the secrets its callers have."""

    store: Store
    access_key: str
    webhook_secret: str = "test-secret"


@dataclass(frozen=True)
class DemoStore:
    """The recorded store, and a client that calls with its key."""

    connected: Connected
    client: FlaskClient

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.connected.access_key}"}


@pytest.fixture(params=REVISIONS)
def recorded(request, engine):
    """Return the recorded database as SQL text; its first line is the store's access key."""
    return (FOLDER / f"{request.param}-{engine}.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Upgraded:
    """A database after its upgrade, to be copied, and the balances as the earlier version stored them."""

    place: str
    balances_before: list[tuple[int, ...]]


@pytest.fixture(scope="module")
def upgrades():
    """Return the upgraded databases so far: each recorded one is upgraded once, and each test has a copy."""
    return {}


@pytest.fixture
def original(engine, recorded, request, tmp_path_factory, upgrades):
    """Return the recorded database after the upgrade."""
    known = upgrades.get((engine, recorded))
    if known is None:
        if engine == "sqlite":
            place = str(tmp_path_factory.mktemp("recorded") / "bridge.sqlite3")
            with sqlite3.connect(place) as connection:
                connection.executescript(recorded)
            connection.close()
            url = f"sqlite:///{place}"
        else:
            place = f"recorded_{len(upgrades)}"
            url = request.getfixturevalue("cluster").create_database(place)
            with psycopg.connect(url.replace("+psycopg", "")) as connection:
                connection.execute(recorded)
        database = Database(url)
        balances = _balances(database)
        assert schema_version.bring_forward(database)
        database.checkpoint()
        database.close()
        known = upgrades[(engine, recorded)] = Upgraded(place, balances)
    return known


@pytest.fixture
def balances_before(original):
    """Return balances and debts as the earlier version stored them."""
    return original.balances_before


@pytest.fixture
def database_url(engine, original, request, tmp_path):
    """Return a copy of the upgraded database."""
    if engine == "sqlite":
        shutil.copyfile(original.place, tmp_path / "bridge.sqlite3")
        yield f"sqlite:///{tmp_path}/bridge.sqlite3"
        return
    cluster = request.getfixturevalue("cluster")
    yield cluster.create_database("recorded_copy", template=original.place)
    cluster.drop_database("recorded_copy")


@pytest.fixture
def upgraded(database_url):
    """Return the database after the upgrade."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def demo(upgraded, recorded, database_url):
    """Return the store of the upgraded database, with a client of a service that runs on it."""
    app = create_app(make_config(database_url))
    runtime: Runtime = app.extensions["bridge"]
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, "demo")
    access_key = recorded.partition("\n")[0].removeprefix("-- ")
    yield DemoStore(Connected(store, access_key), app.test_client())
    runtime.group_commit.close()
    runtime.database.close()


def _balances(database):
    with database.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(BALANCES)]


def _faults(database):
    with database.reading() as connection:
        return list(audit.list_faults(connection, now=utcnow()))


def test_upgrade_keeps_balances_and_passes_the_audit(balances_before, upgraded):
    assert revision_of(upgraded) == newest_revision()
    assert _balances(upgraded) == balances_before
    assert sum(balance for _, balance, _, _ in balances_before) > 0
    assert _faults(upgraded) == []


def test_upgrade_announces_no_low_balance_again_and_finds_the_last_grants(upgraded):
    with upgraded.reading() as connection:
        low = connection.exec_driver_sql(
            "select alerted_below, low_balance from accounts join stores on stores.id = store_id where alert = 'low'"
        ).all()
        granted = connection.exec_driver_sql("select purchased, last_grant from accounts where purchased > 0").all()

    assert all(below == line for below, line in low)
    assert granted
    assert all(0 < last <= purchased for purchased, last in granted)


def test_spend_after_the_upgrade(demo, upgraded):
    before = factories.balance_of(demo, 2)

    response = factories.spend(demo, 2, 15_000)

    assert response.status_code == 201
    from_balance = response.get_json()["paid_by"]["balance"]
    assert from_balance >= 5000
    assert factories.balance_of(demo, 2) == before - from_balance
    assert _faults(upgraded) == []


def test_signed_delivery_after_the_upgrade(demo, upgraded):
    """The webhook secret was encrypted by the earlier version."""
    before = factories.balance_of(demo, 2)

    assert factories.deliver(demo, factories.order(900_001, customer=2)).status_code == 200

    assert factories.balance_of(demo, 2) == before + 100_000
    assert _faults(upgraded) == []


def test_credits_page_after_the_upgrade(demo, balances_before):
    page = read(sign_in(demo.client.application).get("/admin/demo/credits"))

    shown = {int(re.search(r"#(\d+)", row[0])[1]): row[1] for row in page.rows}
    stored = {user: f"{balance:,}" for user, balance, _, _ in balances_before}
    assert shown == stored


def test_stored_answers_are_replayed_after_the_upgrade(demo, upgraded):
    """The spends of the demo are stored under their own names as keys and fingerprints."""
    keys = "select key, fingerprint, status, answer from idempotency_keys where substr(key, 1, 5) = 'demo-'"
    with upgraded.reading() as connection:
        stored = connection.exec_driver_sql(keys).all()
    balances = _balances(upgraded)
    caller = Caller(demo.connected.store.id, "demo")
    requests = [
        SpendRequest(caller=caller, key=key, fingerprint=fingerprint, who=Profile(2), module="chat", tokens=1)
        for key, fingerprint, _, _ in stored
    ]

    with upgraded.transaction() as connection:
        replies = spend_many(connection, requests, now=utcnow())

    assert len(replies) > 0
    assert all(is_replay(reply) for reply in replies)
    assert [(status_of(reply), text_of(reply)) for reply in replies] == [tuple(row[2:]) for row in stored]
    assert _balances(upgraded) == balances
