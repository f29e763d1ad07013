"""The console's queries whose growth is measured: the list of users in each order, a search, the figures, the chart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Date, bindparam, text

from bench import console_rows, funded_store, growth_data
from bench.growth_operations import PAGE, GrowthDatabase, Operation
from bench.requests import WEBHOOK_SECRET
from bridge.domain.accounts.accounts import Profile
from bridge.domain.admin.user_list import Listing, Sort
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Adjustment
from bridge.services.admin import rollups, store_stats, usage, user_list
from bridge.services.admin.usage import Grouping
from bridge.services.secrets import Vault
from bridge.services.stores import settings
from bridge.services.stores.settings import NewStore, add_store
from bridge.storage.admin import account_figures
from bridge.storage.engine.database import Connection, Database

ENOUGH_MS = 80.0
"""A page that takes no longer than this may grow by any factor."""
NEIGHBOR = "beside"
"""The slug of a store with three users."""
_TIMES = 15
_USED_DAYS = 10
_AFTER_ALL_IDS = datetime(2040, 1, 1, tzinfo=UTC)


def prepare(url: str, *, accounts: int) -> GrowthDatabase:
    """Create a store with users, names, emails, orders and ten days of use, and the kept figures of the jobs."""
    prepared = funded_store.prepare(url, users=0)
    database, store_id, now = prepared.database, prepared.store_id, datetime.now(UTC)
    growth_data.add_accounts(database, store_id, accounts, now=now)
    growth_data.add_usage(database, users=accounts, days=_USED_DAYS, apart=36, now=now)
    named = (
        "update accounts set name_key = 'name ' || (user_id * 7919 % 1000003),"
        " email_key = 'user' || user_id || '@x.test',"
        " search_key = 'name ' || (user_id * 7919 % 1000003) || ' user' || user_id || '@x.test'"
        " where store_id = :store and user_id is not null"
    )
    with database.transaction() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("set local statement_timeout = 0")
        connection.execute(text(named), {"store": store_id})
    console_rows.vary_users(database, store_id, now=now)
    console_rows.add_lists(database, store_id, accounts, now=now)
    console_rows.add_free_use(database, store_id, accounts, now=now)
    growth_data.settle_statistics(database)
    rollups.roll_up(database.reading, database.transaction, now=now, may_go_on=lambda: True)
    rollups.roll_up_groups(database.reading, database.transaction, now=now, may_go_on=lambda: True)
    grown = GrowthDatabase(database, store_id, accounts)
    _refresh(grown, now=now)
    with database.reading() as connection:
        kept = account_figures.find(connection, store_id)
    if kept is not None:
        # The ids of these accounts are of the future, and accounts newer than the figures are read one by one.
        figures = replace(kept, as_of=_AFTER_ALL_IDS)
        with database.transaction() as connection:
            account_figures.save(connection, store_id, figures)
    _add_neighbor(database, now=now)
    growth_data.settle_statistics(database)
    return grown


def _add_neighbor(database: Database, *, now: datetime) -> None:
    """Add a second store with three users and their use, beside the one that is measured."""
    with database.transaction() as connection:
        wanted = NewStore(NEIGHBOR, "https://beside.example.com", webhook_secret=WEBHOOK_SECRET)
        store_id = add_store(connection, wanted, vault_=Vault(funded_store.SECRET), actor="bench", now=now).store.id
        for user in (1, 2, 3):
            profile = Profile(user, email=f"user{user}@beside.test", name=f"Name {user}")
            profiles.put_profile(connection, store_id, profile, now=now)
            funds = Adjustment("funds for the benchmark", tokens=100)
            profiles.adjust(connection, store_id, user, funds, actor="bench", now=now)
        connection.execute(
            text(
                "insert into usage_days (account_id, day, module, operation, site_id, source, units, tokens)"
                " select id, :day, 'chat', '', 0, '', 1, 5 from accounts where store_id = :store"
            ).bindparams(bindparam("day", type_=Date())),
            {"day": now.date(), "store": store_id},
        )


def beside(grown: GrowthDatabase) -> GrowthDatabase:
    """Return the same database with the small store beside the one that grows."""
    with grown.database.reading() as connection:
        return replace(grown, store_id=settings.get_store(connection, NEIGHBOR).id, accounts=3)


def _refresh(grown: GrowthDatabase, *, now: datetime) -> None:
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


def chart(grown: GrowthDatabase, *, days: int) -> float:
    """Measure the use of the last days by day and module."""

    def read(connection: Connection) -> None:
        store, now = settings.get_by_id(connection, grown.store_id), datetime.now(UTC)
        today = store_stats.today_of(store, now)
        store_stats.use_between(connection, store, today - timedelta(days=days - 1), today, now=now)

    return _median(grown, read)


def grouped(grown: GrowthDatabase, *, days: int, by: tuple[Grouping, ...]) -> float:
    """Measure the use of the last days by these properties, as `GET /v1/usage` returns it."""

    def read(connection: Connection) -> None:
        store, now = settings.get_by_id(connection, grown.store_id), datetime.now(UTC)
        today = store_stats.today_of(store, now)
        first = today - timedelta(days=days - 1)
        if not usage.use_of_store(connection, store, first, today, frozenset(by), now=now).items:
            raise RuntimeError("there is no use")

    return _median(grown, read)


def _beside(cost: Callable[[GrowthDatabase], float]) -> Callable[[GrowthDatabase], float]:
    return lambda grown: cost(beside(grown))


def _search(words: str) -> Callable[[GrowthDatabase], float]:
    return partial(list_page, listing=Listing(search=words))


OPERATIONS = (
    *(Operation(f"users sorted by {sort}", partial(list_page, listing=Listing(sort=sort)), PAGE) for sort in Sort),
    Operation("last page of users", partial(list_page, listing=Listing(is_last=True)), PAGE),
    Operation("search by the beginning of an email", _search("user77@"), PAGE),
    Operation("search by name", _search("name 6097"), PAGE),
    Operation("search by user ID and order number", _search("#77"), PAGE),
    Operation("search that finds every user", _search("user"), PAGE),
    Operation("figures above the users", summary, PAGE),
    Operation("use of 30 days by day and module", partial(chart, days=30), PAGE),
    Operation("use of 365 days by day and module", partial(chart, days=365), PAGE),
    *(
        Operation(f"use of 365 days by {' and '.join(by)}", partial(grouped, days=365, by=by), PAGE)
        for by in ((Grouping.SITE,), (Grouping.OPERATION,), (Grouping.SOURCE,), (Grouping.DAY, Grouping.SITE))
    ),
    *(
        Operation(f"3 users beside: sorted by {sort}", _beside(partial(list_page, listing=Listing(sort=sort))), PAGE)
        for sort in Sort
    ),
    Operation("3 users beside: search by name", _beside(_search("name 2")), PAGE),
    Operation("3 users beside: figures", _beside(summary), PAGE),
    Operation("3 users beside: use of 365 days by day and module", _beside(partial(chart, days=365)), PAGE),
    Operation(
        "3 users beside: use of 365 days by site",
        _beside(partial(grouped, days=365, by=(Grouping.SITE,))),
        PAGE,
    ),
)
