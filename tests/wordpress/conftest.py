"""One WordPress and one running service for all tests of the plugin, which share an xdist group."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from app import create_app
from bridge.runtime import Runtime
from bridge.services.shop import connect_codes, store_changes
from bridge.services.stores import settings
from bridge.services.stores.settings import Connected
from bridge.web.context import utcnow
from tests.conftest import SECRET_KEY, make_config
from tests.factories import add_shop
from tests.support.service import Service
from tests.support.wordpress import WordPress, newer_source_folder, source_folder, start_wordpress, stop_wordpress

PLUGIN = "token-bridge/token-bridge.php"


@dataclass
class Bridge:
    """The running service with one store."""

    service: Service
    connected: Connected

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.service.port}"

    @contextlib.contextmanager
    def parts(self) -> Iterator[Runtime]:
        """Open the service's database, for what has no call of its own."""
        app = create_app(make_config(self.service.database_url, public_url=self.url))
        parts: Runtime = app.extensions["bridge"]
        yield parts
        parts.group_commit.close()
        parts.database.close()

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> requests.Response:
        """Call the API with the store's key."""
        headers = {"Authorization": f"Bearer {self.connected.access_key}"}
        if key:
            headers["Idempotency-Key"] = key
        return requests.request(method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=30)

    def give(self, user_id: int, tokens: int) -> None:
        """Add tokens to a user's balance."""
        self.call("PUT", f"users/{user_id}", {"email": f"user{user_id}@example.test"})
        body = {"tokens": tokens, "reason": "a test"}
        answer = self.call("POST", f"users/{user_id}/adjustments", body, key=f"give {user_id} {tokens}")
        assert answer.status_code == 201, answer.text

    def balance(self, user_id: int) -> int:
        """Return a user's balance."""
        return int(self.call("GET", f"users/{user_id}").json()["balance"]["balance"])


@pytest.fixture(scope="session")
def bridge(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """Return the service on a database of its own."""
    folder = tmp_path_factory.mktemp("wordpress-bridge")
    shutil.copyfile(sqlite_template, folder / "bridge.sqlite3")
    url = f"sqlite:///{folder}/bridge.sqlite3"
    app = create_app(make_config(url))
    connected, _ = add_shop(app, "shop")
    parts = app.extensions["bridge"]
    parts.group_commit.close()
    parts.database.close()
    service = Service(url, SECRET_KEY, folder, workers=1)
    service.start()
    yield Bridge(service, connected)
    service.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that are marked `each_wordpress` on a newer WordPress as well."""
    if "site" not in metafunc.fixturenames:
        return
    sources, ids = [source_folder()], [pytest.HIDDEN_PARAM]
    if metafunc.definition.get_closest_marker("each_wordpress") and "BRIDGE_WORDPRESS_DIR" not in os.environ:
        sources, ids = [*sources, newer_source_folder()], [*ids, "newer"]
    metafunc.parametrize("site", sources, ids=ids, indirect=True, scope="session")


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Iterator[WordPress]:
    """Return the site, without our plugin."""
    site = start_wordpress(request.param)
    if request.param != source_folder():
        # The accounts of the service are those of the other site as well: IDs must not meet.
        site.mariadb.run("ALTER TABLE wp_users AUTO_INCREMENT = 50000", "wordpress")
    yield site
    stop_wordpress(site)


@pytest.fixture(scope="session")
def active_site(site: WordPress) -> WordPress:
    """Return the site with our plugin switched on and not connected."""
    site.run("require_once ABSPATH . 'wp-admin/includes/plugin.php'; return activate_plugin($plugin);", plugin=PLUGIN)
    return site


@pytest.fixture(scope="session")
def store_at_site(bridge: Bridge, site: WordPress) -> None:
    """Move the store to the address of the site, whose deliveries it then accepts."""
    with bridge.parts() as parts, parts.database.transaction() as connection:
        store = settings.get_store(connection, "shop")
        store_changes.move(connection, store, site.url, actor="test", now=utcnow())


@pytest.fixture(scope="session")
def new_code(bridge: Bridge, store_at_site: None) -> Iterator[Callable[[], str]]:
    """Return a function that makes a connect code for the store, as the console does."""
    with bridge.parts() as parts:

        def make() -> str:
            with parts.database.transaction() as connection:
                store = settings.get_store(connection, "shop")
                made = connect_codes.new_code(
                    connection, store, public_url=bridge.url, made_by="owner@example.test", now=utcnow()
                )
            return made.code

        yield make


@pytest.fixture
def connected_site(active_site: WordPress, bridge: Bridge, store_at_site: None) -> WordPress:
    """Return the site, connected to the running service as its store, with nothing cached."""
    connect(active_site, bridge)
    return active_site


def connect(site: WordPress, bridge: Bridge, **changes: Any) -> None:
    """Store a connection, as connecting does."""
    values = {
        "kind": "store",
        "url": bridge.url,
        "access_key": bridge.connected.access_key,
        "store": bridge.connected.store.slug,
        "webhook_url": f"{bridge.url}/webhooks/woocommerce/shop",
        "webhook_secret": bridge.connected.webhook_secret,
        "topics": ["order.created", "order.updated", "product.updated"],
        "home": site.url,
        **changes,
    }
    site.run(
        """global $wpdb;
        $wpdb->query("DELETE FROM {$wpdb->options} WHERE option_name LIKE '%transient%token_bridge%'");
        delete_transient('token_bridge_paused');
        update_option('token_bridge_connection', $values, true);""",
        values=values,
    )


def measured(text: str) -> dict[str, int]:
    """Return the queries and HTTP calls of a page that was loaded with `?measure`."""
    return dict(json.loads(text.rpartition("<!-- measured ")[2].partition(" -->")[0]))
