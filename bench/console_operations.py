"""The console's queries whose growth is measured: the list of users in each order, a search, the figures, the chart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import text

from bench.growth_operations import PAGE, GrowthDatabase, Operation
from bridge.domain.admin.user_list import Listing, Sort
from bridge.services.admin import rollups, store_stats, user_list
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection

ENOUGH_MS = 80.0
"""A page that takes no longer than this may grow by any factor."""
_TIMES = 15


def prepare(grown: GrowthDatabase) -> None:
    """Give the users names and emails, and bring the kept figures up to date as the jobs do."""
    named = (
        "update accounts set name_key = 'name ' || (user_id * 7919 % 1000003),"
        " email_key = 'user' || user_id || '@x.test',"
        " search_key = 'name ' || (user_id * 7919 % 1000003) || ' user' || user_id || '@x.test'"
        " where store_id = :store and user_id is not null"
    )
    with grown.database.transaction() as connection:
        connection.execute(text(named), {"store": grown.store_id})
    now = datetime.now(UTC)
    rollups.roll_up(grown.database.reading, grown.database.transaction, now=now, may_go_on=lambda: True)
    with grown.database.reading() as connection:
        store = settings.get_by_id(connection, grown.store_id)
    rollups.refresh(grown.database.reading, grown.database.transaction, store, now=now, may_go_on=lambda: True)


def _median(grown: GrowthDatabase, act: Callable[[Connection], object]) -> float:
    found = []
    for _ in range(_TIMES + 1):
        began = time.perf_counter()
        with grown.database.reading() as connection:
            act(connection)
        found.append(time.perf_counter() - began)
    return statistics.median(found[1:]) * 1000


def list_page(grown: GrowthDatabase, listing: Listing) -> float:
    """Measure one page of the list."""

    def page(connection: Connection) -> None:
        store = settings.get_by_id(connection, grown.store_id)
        if not user_list.list_page(connection, store, listing, now=datetime.now(UTC)).lines:
            raise RuntimeError("the list is empty")

    return _median(grown, page)


def summary(grown: GrowthDatabase) -> float:
    """Measure the figures above the list."""
    return _median(
        grown,
        lambda connection: store_stats.summary(
            connection, settings.get_by_id(connection, grown.store_id), now=datetime.now(UTC)
        ),
    )


def chart(grown: GrowthDatabase) -> float:
    """Measure the use of a year by day and module."""

    def read(connection: Connection) -> None:
        store, now = settings.get_by_id(connection, grown.store_id), datetime.now(UTC)
        today = store_stats.today_of(store, now)
        store_stats.use_between(connection, store, today - timedelta(days=364), today, now=now)

    return _median(grown, read)


def second_refresh(grown: GrowthDatabase) -> float:
    """Measure the job that keeps the figures, for each user, where nothing changed."""
    with grown.database.reading() as connection:
        store = settings.get_by_id(connection, grown.store_id)
    began = time.perf_counter()
    later = datetime.now(UTC) + timedelta(days=1)
    rollups.refresh(grown.database.reading, grown.database.transaction, store, now=later, may_go_on=lambda: True)
    return (time.perf_counter() - began) / grown.accounts * 1000


OPERATIONS = (
    *(Operation(f"users sorted by {sort}", partial(list_page, listing=Listing(sort=sort)), PAGE) for sort in Sort),
    Operation("last page of users", partial(list_page, listing=Listing(is_descending=False)), PAGE),
    Operation("search by the beginning of an email", partial(list_page, listing=Listing(search="user77@")), PAGE),
    Operation("figures above the users", summary, PAGE),
    Operation("use of a year by day and module", chart, PAGE),
    Operation("refresh of the kept figures, for each user", second_refresh, None),
)
