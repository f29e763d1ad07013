"""Caps and their use: one statement for many sites, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, event

from bridge.domain.accounts.accounts import Profile
from bridge.domain.sites.sites import Site
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.stores import access_keys
from bridge.storage.engine.database import Database
from bridge.storage.sites import sites
from bridge.storage.stores import stores as store_rows
from tests.conftest import Shop

NOVEMBER = datetime(2026, 11, 1, 4, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, 4, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    """Return the statements sent to the database meanwhile, without the beginning of a transaction."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_more):
        if not statement.startswith(("BEGIN", "SET TRANSACTION")):
            seen.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    yield seen
    event.remove(connection, "before_cursor_execute", note)


@pytest.fixture
def add_site(database: Database, shop: Shop) -> Callable[[int | None], int]:
    """Return a function that links a site with a cap to user 2 and returns its id."""
    made: list[int] = []

    def add(cap: int | None) -> int:
        site_id = 100 + len(made)
        made.append(site_id)
        with database.transaction() as connection:
            account = profiles.put_profile(connection, shop.id, Profile(2), now=NOW)
            site = Site(site_id, shop.id, account.id, "https://blog.example.com", "Blog", cap, NOW)
            sites.add(connection, site)
        return site_id

    return add


def test_caps_of_many_sites_in_one_statement(database, add_site):
    free, capped, staging = add_site(None), add_site(500), add_site(0)

    with database.reading() as connection, statements(connection) as sent:
        found = sites.caps(connection, [free, capped, staging, 999])

    assert found == {free: None, capped: 500, staging: 0}
    assert len(sent) == 1


def test_uses_add_up_month_by_month(database, add_site):
    first, second = add_site(None), add_site(500)
    with database.transaction() as connection, statements(connection) as sent:
        sites.add_uses(connection, {(first, NOVEMBER): 5, (second, NOVEMBER): 7, (first, OCTOBER): 3})
    with database.transaction() as connection:
        sites.add_uses(connection, {(first, NOVEMBER): 10})

    with database.reading() as connection:
        this_month = sites.uses(connection, [first, second], since=NOVEMBER)
        both = sites.uses(connection, [first], since=OCTOBER)

    assert this_month == {(first, NOVEMBER): 15, (second, NOVEMBER): 7}
    assert both == {(first, NOVEMBER): 15, (first, OCTOBER): 3}
    assert len(sent) == 1


def test_uses_are_given_back(database, add_site):
    """Both engines check the proposed row before they find the existing one: a plain upsert of -4 would fail."""
    first, second = add_site(None), add_site(None)
    with database.transaction() as connection:
        sites.add_uses(connection, {(first, NOVEMBER): 10})
        sites.add_uses(connection, {(first, NOVEMBER): -4, (second, NOVEMBER): 1})

    with database.reading() as connection:
        assert sites.uses(connection, [first, second], since=NOVEMBER) == {(first, NOVEMBER): 6, (second, NOVEMBER): 1}


def test_nothing_asked_is_nothing_sent(database, shop):
    with database.transaction() as connection, statements(connection) as sent:
        assert sites.caps(connection, []) == {}
        assert sites.uses(connection, [], since=NOVEMBER) == {}
        sites.add_uses(connection, {})

    assert sent == []


def test_key_is_found_in_one_statement_whosever_it_is(database, shop, add_site):
    """Every call of the API begins with it."""
    site_id, key = add_site(None), secrets.new_access_key()
    with database.transaction() as connection:
        site = sites.find(connection, site_id, store_id=shop.id)
        store_rows.add_key(
            connection,
            store_id=shop.id,
            site_id=site_id,
            account_id=site.account_id,
            key_hash=secrets.hash_access_key(key),
            prefix=secrets.prefix_of(key),
            created_at=NOW,
        )

    with database.reading() as connection, statements(connection) as sent:
        of_site = access_keys.authenticate(connection, key, now=NOW)
        of_store = access_keys.authenticate(connection, shop.connected.access_key, now=NOW)

    assert len(sent) == 2
    assert (of_site.store_id, of_site.site_id, of_site.account_id) == (shop.id, site_id, site.account_id)
    assert of_site.name == "site Blog"
    assert (of_store.store_id, of_store.site_id, of_store.account_id) == (shop.id, 0, None)
