"""Whole pages of the console beside long lists, the export of users, and the users that a bulk change finds."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from datetime import UTC, datetime
from functools import partial

from flask.testing import FlaskClient

from app import create_app
from bench import console_rows, funded_store
from bench.growth_operations import PAGE, GrowthDatabase, Operation, milliseconds
from bridge.config import Config
from bridge.domain.admin.user_list import Filter, Listing, Sort
from bridge.runtime import Runtime
from bridge.services.admin import bulk_changes, user_list
from bridge.services.admin.user_list import UserRecord
from bridge.services.stores import settings
from tests.support.pages import sign_in

_BATCHES = 10
"""How many batches of an export are measured."""
_clients: dict[int, FlaskClient] = {}
_TIMES = 15


def _client(grown: GrowthDatabase) -> FlaskClient:
    """Return the browser of a signed-in admin of the service on this database."""
    if id(grown) not in _clients:
        config = Config(
            database_url=grown.database.url.render_as_string(hide_password=False),
            secret_key=funded_store.SECRET,
            public_url="http://127.0.0.1:8000",
            bind="127.0.0.1:8000",
            threads=4,
            workers=1,
            scheduler=False,
            admin_email="admin@example.test",
            admin_password="",
            log_level="WARNING",
            log_format="text",
        )
        app = create_app(config)
        parts: Runtime = app.extensions["bridge"]
        grown.opened.callback(parts.database.close)
        grown.opened.callback(parts.group_commit.close)
        grown.opened.callback(_clients.pop, id(grown))
        _clients[id(grown)] = sign_in(app)
    return _clients[id(grown)]


def page(grown: GrowthDatabase, path: str) -> float:
    """Measure a page of the store, from the request to its last byte."""
    client = _client(grown)

    def get() -> None:
        if client.get(f"/admin/bench/{path}").status_code != 200:
            raise RuntimeError(f"{path} cannot be shown")

    return milliseconds(get, _TIMES)


def _export(grown: GrowthDatabase) -> list[list[UserRecord]]:
    with grown.database.reading() as connection:
        store = settings.get_by_id(connection, grown.store_id)
    batches = user_list.iterate(grown.database.reading, store, Listing(sort=Sort.USED), now=datetime.now(UTC))
    return list(itertools.islice(batches, _BATCHES))


def exported_user(grown: GrowthDatabase) -> float:
    """Measure one user out of the first batches of an export."""
    began = time.perf_counter()
    users = sum(len(batch) for batch in _export(grown))
    return (time.perf_counter() - began) / users * 1000


def memory_of_export(grown: GrowthDatabase) -> float:
    """Measure how much memory an export of these batches takes at most, in MB."""
    with grown.database.reading() as connection:
        store = settings.get_by_id(connection, grown.store_id)
    batches = user_list.iterate(grown.database.reading, store, Listing(sort=Sort.NAME), now=datetime.now(UTC))
    next(batches)
    tracemalloc.start()
    try:
        for _ in itertools.islice(batches, _BATCHES):
            pass
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def matches_of_bulk(grown: GrowthDatabase, listing: Listing) -> float:
    """Measure how long a bulk change looks for the users of a listing."""

    def find() -> None:
        with grown.database.reading() as connection:
            store = settings.get_by_id(connection, grown.store_id)
            bulk_changes.list_matching(connection, store, listing, now=datetime.now(UTC))

    return milliseconds(find, min(_TIMES, 3))


def _page(name: str, path: str) -> Operation:
    return Operation(f"page: {name}", partial(page, path=path), PAGE)


_USER = f"credits/{console_rows.BUSY_USER}"
OPERATIONS = (
    _page("credits", "credits"),
    *(_page(f"credits, {each.value.replace('_', ' ')}", f"credits?filter={each}") for each in Filter),
    _page("credits, a role of few users", f"credits?role={console_rows.RARE_ROLE}"),
    _page("credits, a role without users", "credits?role=unused"),
    _page("deliveries", "deliveries"),
    *(_page(f"deliveries, {state}", f"deliveries?state={state}") for state in ("received", "held", "rejected")),
    _page("deliveries of an order", "deliveries?order=77"),
    _page("audit log", "changes"),
    _page("audit log, a rare subject", "changes?subject=module"),
    _page("audit log, a subject without changes", "changes?subject=price"),
    _page("exceptions", "exceptions"),
    _page("a user with many entries and orders", _USER),
    _page("purchases of this user", f"{_USER}/purchases"),
    Operation("export, for each user", exported_user, PAGE),
    Operation("export, most memory", memory_of_export, PAGE, unit="MB"),
    # A bulk change moves tokens, so it reads the current values of all users of the store.
    Operation(
        "bulk change: users in debt",
        partial(matches_of_bulk, listing=Listing(filters=frozenset({Filter.IN_DEBT}))),
        None,
    ),
    Operation("bulk change: all users", partial(matches_of_bulk, listing=Listing()), None),
)
