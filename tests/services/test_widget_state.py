"""The widget's one statement gives the same as the readings of every other page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.domain.accounts.accounts import Profile, Visitor
from bridge.domain.errors import UnknownStore
from bridge.domain.stores.principals import Caller
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.metering.overview import get_overview
from bridge.services.orders import purchases
from bridge.services.portal.widget import PURCHASES, read_at_once, read_widget
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Database
from tests.factories import deliver, give, line, merge, order, put_package, put_user, spend
from tests.support.replayed import replay


def _put(shop, path, **document):
    assert shop.client.put(f"/v1/{path}", json=document, headers=shop.headers).status_code == 200, path


@pytest.fixture
def people(shop, database):
    """Return a store with users who have something of each kind; user 4 was merged into user 2."""
    replay(_add_people, shop, database)
    return shop


def _add_people(shop):
    put_package(shop, 10, 1_000)
    _put(shop, "packages/11", plan="Studio", tokens=500, months=12)
    second = {"period": "monthly", "rules": {"user": 900, "role:editor": 5000}}
    _put(shop, "limits/chat", period="daily", rules={"user": 100, "guest": 10}, second=second)
    _put(shop, "limits/ai_forms", period="never", rules={"user": 40, "role:editor": "unlimited"})
    _put(shop, "limits/alt_text", period="weekly", rules={"user": "disabled"})
    put_user(shop, 2, roles=["editor"])
    put_user(shop, 3)
    put_user(shop, 4)
    for number in range(1, 4):
        deliver(shop, order(number, lines=[line(quantity=2), line(2, product=11), line(3, product=999)]))
    deliver(shop, order(3, "refunded", at=10, lines=[line(quantity=2)]))
    deliver(shop, order(50, customer=4))
    give(shop, 3, 70)
    assert merge(shop, 2, 4).status_code == 201
    _put(shop, "users/3/limits/chat", limit=7, second_limit=60)
    for user, module, tokens in ((2, "chat", 130), (2, "ai_forms", 20), (3, "chat", 9), (3, "ai_forms", 5)):
        assert spend(shop, user, tokens, module=module).status_code == 201
    shop.client.post("/v1/users/3/limits/reset", json={"module": "chat"}, headers=shop.headers)
    shop.client.post("/v1/limits/reset", json={"module": "ai_forms"}, headers=shop.headers)
    guest = {"guest": {"id": "visitor"}, "module": "chat", "tokens": 4}
    shop.client.post("/v1/spends", json=guest, headers=shop.headers | {"Idempotency-Key": "guest"})
    for key, who in (("a", {"user": {"id": 2}}), ("b", {"user": {"id": 3}})):
        hold = who | {"module": "chat", "tokens": 11}
        shop.client.post("/v1/holds", json=hold, headers=shop.headers | {"Idempotency-Key": key})


def test_overview_and_purchases_are_those_of_other_pages(people, database):
    now = datetime.now(UTC)
    with database.reading() as connection:
        salt = profiles.guest_salt(connection, people.id)
        guest = Visitor(secrets.hash_guest("visitor", salt=salt))
        seen = set()
        for who in (*map(Profile, (2, 3, 4, 99)), guest, Visitor(secrets.hash_guest("unknown", salt=salt))):
            for is_full in (True, False):
                state = read_widget(connection, people.id, who, is_full=is_full, now=now)
                shown, account = state.overview(), state.account
                assert shown == get_overview(connection, account, now=now)
                seen.add((account.user_id, shown.plan is not None, shown.balance.held > 0))
            if account.id:
                assert state.account == accounts.get(connection, account.id)
            state = read_widget(connection, people.id, who, is_full=True, now=now)
            assert state.purchases() == purchases.list_purchases(connection, account, before=None, limit=PURCHASES)

    assert seen == {(2, True, False), (3, False, True), (99, False, False), (None, False, False)}


def test_purchase_of_very_many_lines_is_read_in_full(shop, database):
    put_user(shop, 2)
    put_package(shop, 10, 5)
    deliver(shop, order(1, lines=[line(id=number) for number in range(1, 151)]))
    deliver(shop, order(2, lines=[line()]))

    with database.reading() as connection:
        state = read_widget(connection, shop.id, Profile(2), is_full=True, now=datetime.now(UTC))
        bought = state.purchases().purchases

        holder = Caller(shop.id, "test")
        assert read_at_once(connection, holder, Profile(2), is_full=True, now=datetime.now(UTC)) is None
    assert [(one.order_number, one.tokens, len(one.lines)) for one in bought] == [(2, 5, 1), (1, 750, 150)]
    assert "750 tokens" in shop.client.get("/v1/widget?user_id=2", headers=shop.headers).text


def test_store_that_was_removed_is_unknown(database):
    with database.reading() as connection:
        with pytest.raises(UnknownStore):
            read_widget(connection, 99, Profile(2), is_full=True, now=datetime.now(UTC))
        with pytest.raises(UnknownStore):
            profiles.guest_salt(connection, 99)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_reads_keep_what_a_connection_has_prepared(people, database):
    """The driver drops it at each rollback, and the widget would then be planned again each time."""
    holder, now = Caller(people.id, "test"), datetime.now(UTC)
    count = "select count(*) from pg_prepared_statements where position('window_uses' in statement) > 0"
    prepared = []
    single = Database(database.url.render_as_string(hide_password=False), pool_size=1)
    for _ in range(8):
        with single.reading() as connection:
            read_widget(connection, people.id, Profile(2), is_full=True, now=now)
            prepared.append(connection.exec_driver_sql(count).scalar_one())
        with single.glance() as connection:
            assert read_at_once(connection, holder, Profile(2), is_full=True, now=now) is not None
            assert connection.exec_driver_sql("show jit").scalar_one() == "off"
    with single.reading() as connection:
        prepared.append(connection.exec_driver_sql(count).scalar_one())
    single.close()

    assert (prepared[0], prepared[-1]) == (0, 1)
