"""Commands use the address of the running service, and install nothing under one that a shop cannot reach."""

from __future__ import annotations

import json

import pytest

from app import create_app
from bridge.config import load_config
from bridge.runtime import Runtime
from bridge.services.ops import addresses
from bridge.web.context import utcnow
from tests.conftest import SECRET_KEY, make_config
from tests.support.connected_shop import open_connected_shop

RUNNING = "http://127.0.0.1:8010"


@pytest.fixture
def run(app):
    """Run a command in process."""
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def record(app, url):
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        addresses.record(connection, url, now=utcnow())


@pytest.fixture
def commands(database_url):
    """Return the commands of an installation with these settings."""
    opened = []

    def commands(public_url, *, is_set):
        app = create_app(make_config(database_url, public_url=public_url, is_public_url_set=is_set))
        opened.append(app)
        return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))

    yield commands
    for app in opened:
        app.extensions["bridge"].group_commit.close()
        app.extensions["bridge"].database.close()


def test_commands_use_the_address_that_the_service_recorded(app, run):
    record(app, "http://127.0.0.1:8009")
    record(app, RUNNING)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()

        added = json.loads(run("stores", "add", "second", "--url", "http://127.0.0.1:1", "--json").stdout)
        installed = run("webhooks", "install", "shop")
        checked = json.loads(run("stores", "check", "shop", "--json").stdout)

        assert added["webhook_url"] == f"{RUNNING}/webhooks/woocommerce/second"
        assert installed.exit_code == 0, installed.output
        urls = {hook.delivery_url for hook in connected_shop.shop.webhooks.values()}
        assert urls == {f"{RUNNING}/webhooks/woocommerce/shop"}
        codes = {fault["code"] for fault in checked["faults"]}
        assert not codes & {"webhook_moved", "webhook_missing", "address_differs"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_address_that_differs_from_the_running_one_installs_nothing(app, commands):
    record(app, RUNNING)
    other = commands("http://127.0.0.1:8000", is_set=True)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        connected_shop.app.test_cli_runner().invoke(args=["webhooks", "install", "shop"])
        before = {hook.delivery_url for hook in connected_shop.shop.webhooks.values()}

        refused = other("webhooks", "install", "shop")
        checked = other("stores", "check", "shop", "--json")
        added = other("stores", "add", "second", "--url", "http://127.0.0.1:1")
        after = {hook.delivery_url for hook in connected_shop.shop.webhooks.values()}

        assert (refused.exit_code, before) == (1, after)
        assert RUNNING in refused.stderr
        assert "restart the service" in refused.stderr
        codes = {fault["code"] for fault in json.loads(checked.stdout)["faults"]}
        assert "address_differs" in codes
        assert "webhook_moved" not in codes
        assert added.exit_code == 0
        assert added.stderr.startswith("Warning: BRIDGE_PUBLIC_URL is http://127.0.0.1:8000")
        assert other("webhooks", "install", "shop", "--force").exit_code == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("public_url", "words"),
    [
        ("https://bridge.example.com:8443", "port 8443"),
        ("http://10.0.0.7", "private network"),
        ("http://localhost:8080", "this machine only"),
    ],
)
def test_unreachable_address_is_reported_before_anything_is_created(app, commands, public_url, words):
    run = commands(public_url, is_set=True)

    added = run("stores", "add", "far", "--url", "https://shop.example.com", "--name", "Far", "--timezone", "UTC")
    installed = run("webhooks", "install", "far")
    checked = json.loads(run("stores", "check", "far", "--json").stdout)

    assert added.exit_code == 0
    assert words in added.stderr
    assert (installed.exit_code, words in installed.stderr, "--force" in installed.stderr) == (1, True, True)
    assert {fault["code"] for fault in checked["faults"]} & {"address_unreachable", "address_local"}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_warning_does_not_spoil_json(commands):
    run = commands("http://10.0.0.7", is_set=True)

    added = run("stores", "add", "far", "--url", "https://shop.example.com", "--json")

    assert list(json.loads(added.output)) == ["store", "webhook_url", "webhook_secret", "access_key"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_shop_on_this_machine_is_a_local_trial(app, run):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()

        installed = run("webhooks", "install", "shop")

        assert installed.exit_code == 0
        assert "Warning: The shop cannot deliver to this service" in installed.stderr
        assert len(connected_shop.shop.webhooks) == 10


def test_settings_know_whether_the_address_was_set(tmp_path):
    given = {"BRIDGE_SECRET_KEY": SECRET_KEY}

    assert load_config(given, root=tmp_path).is_public_url_set is False
    config = load_config(given | {"BRIDGE_PUBLIC_URL": " 'https://x.example/bridge/'\n"}, root=tmp_path)
    assert (config.public_url, config.is_public_url_set) == ("https://x.example/bridge", True)
    assert load_config(given | {"BRIDGE_BIND": "0.0.0.0:8010"}, root=tmp_path).public_url == RUNNING
