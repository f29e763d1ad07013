"""The cost of a piece of work does not grow with unrelated rows.

On SQLite the steps of its virtual machine are counted, which are the same on every
machine. The plans say why: no statement may read a whole table, or all rows of a store in it.
"""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from functools import partial

import pytest

from bench import growth_data
from bridge.domain.orders.packages import Package
from bridge.services.ops import prune_guard, retention
from bridge.storage.engine.database import Database
from bridge.storage.engine.ids import first_id_at
from bridge.storage.metering import manual_resets, overrides
from bridge.storage.orders import orders, pending, product_orders
from bridge.storage.shop import connect_codes, key_requests, sync_state
from bridge.storage.sites import guesses, link_codes
from bridge.web.context import utcnow
from tests import factories
from tests.support.pages import sign_in
from tests.support.steps import plans_noted, steps_of


def is_flat(few: int, many: int) -> bool:
    """Return whether work beside twenty times the rows takes about as many steps; an index may be one level deeper."""
    return many < few * 1.3 + 100


def rows_of(database: Database, statement: str):
    with database.reading() as connection:
        return connection.exec_driver_sql(statement).all()


def run(database: Database, work):
    with database.transaction() as connection:
        return work(connection)


@pytest.fixture
def far_apart(shop, database):
    """Return a function that makes user 2 buy the first and the last of this many orders."""

    def make(between: int) -> None:
        now = utcnow()
        growth_data.add_accounts(database, shop.id, 3, now=now)
        growth_data.add_orders(database, shop.id, first=10, count=1, user=2, now=now)
        growth_data.add_orders(database, shop.id, first=11, count=between, user=3, now=now)
        growth_data.add_orders(database, shop.id, first=11 + between, count=1, user=2, now=now)

    return make


def more_orders(shop, database, *, first: int, count: int) -> None:
    growth_data.add_orders(database, shop.id, first=first, count=count, user=3, now=utcnow())


PRUNED = {"events": "outbox", "keys": "idempotency_keys", "deliveries": "deliveries", "windows": "window_uses"}
"""The tables that each prune deletes from."""


def add_prunable(shop, database, name, *, first, count):
    """Add rows that a prune deletes, and as many accounts where they belong to some."""
    old = growth_data.long_ago()
    if name == "windows":
        growth_data.add_uses(database, first=first, count=count, at=old)
    else:
        add = {"events": growth_data.add_events, "keys": growth_data.add_keys, "deliveries": growth_data.add_deliveries}
        add[name](database, shop.id, first=first, count=count, at=old)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", PRUNED)
def test_batch_of_a_prune_costs_the_same_whatever_the_table_holds(shop, database, name):
    growth_data.add_accounts(database, shop.id, 40_000 if name == "windows" else 1, now=utcnow())
    costs, first = [], 1
    for rows in (2 * retention.BATCH, 38 * retention.BATCH):
        add_prunable(shop, database, name, first=first, count=rows)
        first += rows
        costs.append(steps_of(database, lambda: run(database, retention.steps(now=utcnow())[name])))

    assert is_flat(*costs)


@pytest.mark.parametrize("name", PRUNED)
def test_prune_deletes_all_that_is_old_and_nothing_else(shop, database, name):
    growth_data.add_accounts(database, shop.id, 2_500, now=utcnow())
    add_prunable(shop, database, name, first=1, count=2_300)
    young = utcnow()
    if name == "windows":
        growth_data.add_uses(database, first=1, count=5, at=young)
    elif name == "keys":
        growth_data.add_keys(database, shop.id, first=5_000, count=5, at=young)
    elif name == "events":
        growth_data.add_events(database, shop.id, first=first_id_at(young), count=5, at=young)
    else:
        growth_data.add_deliveries(database, shop.id, first=first_id_at(young), count=5, at=young)

    step = retention.steps(now=young)[name]
    removed = [run(database, step) for _ in range(4)]

    assert removed == [1_000, 1_000, 300, 0]
    assert len(rows_of(database, f"select 1 from {PRUNED[name]}")) == 5


def test_no_prune_reads_a_table_whole(shop, database):
    """Each table is searched by an index or by rowid, and never by a store alone."""
    with plans_noted(database) as plans:
        for step in retention.steps(now=utcnow()).values():
            run(database, step)
        for kind in retention.KINDS:
            run(database, partial(retention.count_old, kind=kind, now=utcnow(), limit=10))
        run(database, partial(prune_guard.find_refusal, now=utcnow(), is_regular=True))
        run(database, lambda connection: link_codes.drop_expired(connection, before=utcnow()))
        run(database, lambda connection: guesses.drop(connection, before=utcnow()))
        run(database, lambda connection: key_requests.drop_expired(connection, before=utcnow()))
        run(database, lambda connection: connect_codes.drop_expired(connection, before=utcnow()))

    assert len(plans) >= 9
    for statement, plan in plans.items():
        assert not whole_tables(plan), f"{statement}\n{plan}"


def whole_tables(plan: str) -> list[str]:
    """Return the lines of a plan that read a whole table or all rows of a store; small tables are exempt."""
    suspect = re.compile(
        r"SCAN (?!modules|runs|CONSTANT|anon_1|event_endpoints|value|json_each|wanted)(?!.*USING (COVERING )?INDEX)"
        r"|Seq Scan on (?!modules|runs|event_endpoints)|SEARCH (?!event_endpoints).*\(store_id=\?( AND site_id=\?)?\)$",
    )
    return [line for line in plan.splitlines() if suspect.search(line)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pages_of_a_buyer_cost_the_same_however_many_orders_lie_between_theirs(app, shop, database):
    """User 2 has the first and the last of all orders; the portal, the user page and the widget read both."""
    growth_data.add_accounts(database, shop.id, 3, now=utcnow())
    growth_data.add_orders(database, shop.id, first=10, count=1, user=2, now=utcnow())
    costs, first, pages = [], 11, buyer_pages(app, shop)
    for others in (100, 4_000):
        growth_data.add_orders(database, shop.id, first=first, count=others, user=3, now=utcnow())
        growth_data.add_orders(database, shop.id, first=first + others, count=1, user=2, now=utcnow())
        first += others + 1
        costs.append([steps_of(database, page) for page in pages])

    assert all(map(is_flat, *costs)), costs


def buyer_pages(app, shop):
    """Read the pages that list what user 2 bought."""
    admin = sign_in(app)

    def get(client, path):
        response = client.get(path, headers=shop.headers)
        assert response.status_code == 200, response.text

    return [
        lambda: get(shop.client, "/v1/widget?user_id=2"),
        lambda: get(shop.client, "/v1/users/2/purchases"),
        lambda: get(admin, "/admin/shop/credits/2"),
    ]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_open_orders_cost_the_same_however_many_orders_there_are(shop, database):
    """Parked orders and lines without an amount are read each minute, and when a user or a product appears."""
    growth_data.add_accounts(database, shop.id, 3, now=utcnow())
    costs, first = [], 10
    for others in (200, 8_000):
        growth_data.add_orders(database, shop.id, first=first, count=others, user=3, now=utcnow())
        first += others
        if len(costs) == 0:
            factories.deliver(shop, factories.order(7, customer=0, email="none@example.test"))
            factories.deliver(shop, factories.order(8, customer=2, lines=[factories.line(product=999)]))
        costs.append([steps_of(database, partial(run, database, search)) for search in searches(shop.id)])
        growth_data.add_packages(database, shop.id, 2_000, now=utcnow())

    assert all(map(is_flat, *costs)), costs


def searches(store_id):
    """Run everything that looks for orders that wait."""
    return [
        partial(pending.list_claimable, after=(0, 0), limit=200),
        partial(pending.list_priceable, after=(0, 0), limit=200),
        partial(pending.has_parked, store_id=store_id, more_than=10),
        partial(orders.list_parked, store_id=store_id, emails=["none@example.test"], limit=100),
        partial(orders.list_unpriced, store_id=store_id, product_id=999, limit=100),
        partial(product_orders.find_ordered, store_id=store_id, wanted=[Package(999, sku="NONE")]),
    ]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_delivery_costs_the_same_however_many_orders_the_store_has(shop, database):
    """Return an order with a payment, a parent and a SKU; and the number of orders that need attention."""
    factories.put_package(shop, 10, 1000)
    growth_data.add_accounts(database, shop.id, 3, now=utcnow())
    numbers, costs, first = itertools.count(5_000_000), [], 10

    def deliver():
        number = next(numbers)
        lines = [factories.line(1), factories.line(2, 912) | {"sku": "TOK"}]
        more = {"transaction_id": f"pay-{number}", "parent_id": number - 1}
        assert factories.deliver(shop, factories.order(number, lines=lines) | more).status_code == 200

    for _ in range(3):
        deliver()
    reads = [
        deliver,
        partial(run, database, partial(sync_state.count_questions, store_id=shop.id, most=1)),
    ]
    for others in (200, 8_000):
        growth_data.add_orders(database, shop.id, first=first, count=others, user=3, now=utcnow())
        first += others
        costs.append([steps_of(database, read) for read in reads])
        growth_data.add_packages(database, shop.id, 2_000, now=utcnow())
        for _ in range(20):
            deliver()

    assert all(map(is_flat, *costs)), costs


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nothing_of_these_reads_all_orders_or_accounts_of_a_store(app, shop, database):
    """As SQLite explains it: no range of all orders, and no account read to check its store."""
    growth_data.add_accounts(database, shop.id, 3, now=utcnow())
    growth_data.add_orders(database, shop.id, first=10, count=2, user=2, now=utcnow())
    pages = buyer_pages(app, shop)
    with plans_noted(database) as plans:
        for page in pages:
            page()
        for read in (*searches(shop.id), *rules_of(shop.id)):
            run(database, read)

    assert len(plans) > 20
    assert {f"{statement}\n{plan}" for statement, plan in plans.items() if _WHOLE_STORE.search(plan)} == set()


_PARTIAL = "ix_orders_parked|ix_orders_questions|ix_order_lines_unpriced"
_WHOLE_STORE = re.compile(
    rf"SEARCH (orders|order_lines|accounts) USING (COVERING )?INDEX (?!{_PARTIAL})\S+"
    r" \((store_id=\?\)|\(store_id,|.*number>\?)"
)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_rules_of_a_store_cost_the_same_however_many_accounts_and_exceptions_there_are(app, shop, database):
    """Read again after each change of a store's rules, while spends wait."""
    small = factories.add_shop(app, "small")[0].store.id
    costs, first = [], 1
    for count in (2_000, 38_000):
        growth_data.add_accounts(database, shop.id, count, now=utcnow())
        growth_data.add_exceptions(database, shop.id, first=first, count=count, now=utcnow())
        first += count
        costs.append([steps_of(database, partial(run, database, read)) for read in rules_of(shop.id, small)])

    assert all(map(is_flat, *costs)), costs


def rules_of(*store_ids):
    return [
        partial(read, store_id=store_id)
        for read in (overrides.has_overrides, manual_resets.has_account_resets, manual_resets.store_resets)
        for store_id in store_ids
    ]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_store_without_exceptions_is_found_by_reading_the_exceptions_alone(shop, database):
    costs = []
    for count in (500, 20_000):
        growth_data.add_accounts(database, shop.id, count, now=utcnow())
        costs.append(steps_of(database, partial(run, database, partial(overrides.has_overrides, store_id=shop.id))))

    assert is_flat(*costs), costs


def test_store_has_overrides_of_its_own_accounts_alone(app, shop, database):
    other, _headers = factories.add_shop(app, "other")
    factories.put_user(shop, 2)
    body = {"limit": 5}
    assert shop.client.put("/v1/users/2/limits/chat", json=body, headers=shop.headers).status_code == 200

    found = [
        run(database, partial(overrides.has_overrides, store_id=store_id)) for store_id in (shop.id, other.store.id)
    ]

    assert found == [True, False]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_lists_of_a_small_store_cost_the_same_beside_a_large_one(app, shop, database):
    """Another store grows: its users, their use and their open holds are not read for this one."""
    _, small = factories.add_shop(app, "small")
    answer = shop.client.put("/v1/users/7", json={"name": "Ada"}, headers=small)
    assert answer.status_code == 200
    reads = [partial(_read, shop, path, small) for path in LISTS]
    costs, first = [], 1
    for count in (300, 9_000):
        growth_data.add_accounts(database, shop.id, count, now=utcnow())
        _add_use(database, shop.id, day=(utcnow() - timedelta(days=1 + len(costs))).date().isoformat())
        later = utcnow() + timedelta(hours=1)
        growth_data.add_holds(database, shop.id, first=first, count=count, users=count, expired_at=later)
        first += count
        costs.append([steps_of(database, read) for read in reads])

    assert all(map(is_flat, *costs)), list(zip(LISTS, *costs, strict=True))


LISTS = (
    "/v1/holds",
    *(f"/v1/users?sort={sort}" for sort in ("-id", "name", "-balance", "-held", "-used_30_days", "active_at")),
    *(f"/v1/usage?by={by}" for by in ("day", "day,site,source", "operation,module")),
    *(f"/v1/users?filter={name}" for name in ("waiting", "over_limit", "has_plan", "inactive")),
)


def _add_use(database, store_id, *, day):
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "insert into usage_days (account_id, day, module, operation, site_id, source, units, tokens)"
            " select id, ?, 'chat', '', 0, '', 1, 1 from accounts where store_id = ?",
            (day, store_id),
        )


def _read(shop, path, headers):
    response = shop.client.get(path, headers=headers)
    assert response.status_code == 200, response.text


CREDITS = (
    "",
    "?days=365",
    "?filter=has_balance&sort=balance",
    "?filter=over_limit&filter=in_debt",
    "?page=last&sort=name",
)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_credits_page_of_a_store_costs_the_same_however_large_another_store_is(app, shop, database):
    other, headers = factories.add_shop(app, "small")
    small = type(shop)(other, shop.client)
    factories.put_user(small, 2, name="Ada", roles=["customer"])
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 5}}, headers=headers)
    admin = sign_in(app)
    costs, first = [], 1_000_000
    for users in (500, 20_000):
        growth_data.add_accounts(database, shop.id, users, now=utcnow())
        growth_data.add_orders(database, shop.id, first=first, count=users, user=3, now=utcnow())
        first += users
        costs.append(
            [steps_of(database, partial(open_page, admin, f"/admin/small/credits{query}")) for query in CREDITS]
        )

    assert all(map(is_flat, *costs)), costs


def open_page(client, path):
    assert client.get(path).status_code == 200, path
