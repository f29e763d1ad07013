"""The Stores page: the figures and the state of each store, and only stores in which the admin has a role."""

from __future__ import annotations

from bridge.domain.shop.issues import Code
from bridge.storage.shop import sync_state
from tests.factories import add_shop, deliver, give, order, put_package, put_user, spend
from tests.support.pages import read, sign_in


def text(response):
    return " ".join(read(response).source.split())


def test_card_shows_tokens_use_users_and_exceptions(app, shop):
    put_package(shop, 10, 600)
    put_user(shop, 2)
    give(shop, 2, 5_000)
    spend(shop, 2, 1_200)
    deliver(shop, order(1, customer=0, email="guest@example.test"))
    add_shop(app, "other")

    page = text(sign_in(app).get("/admin/stores"))

    assert "<dt>Tokens outstanding</dt><dd>3,800</dd>" in page
    assert "<dt>Used in 30 days</dt><dd>1,200</dd>" in page
    assert 'aria-label="My shop: 1 exceptions">1</a>' in page or "1 exceptions" in page
    assert page.count("<dt>Users</dt>") == 2
    assert "Not checked yet" in page


def test_problems_lead_to_the_connection(app, shop, database):
    with database.transaction() as connection:
        sync_state.change(
            connection, shop.id, faults=(Code.NO_KEYS.value,), looked_at=shop.connected.store.connected_at
        )
    add_shop(app, "other")

    page = sign_in(app).get("/admin/stores")

    assert "1 problem" in page.text
    assert "/admin/shop/connection" in read(page).links.values()


def test_stores_without_a_role_are_not_shown(app, shop, database):
    other, _ = add_shop(app, "other")
    client = sign_in(app)
    with database.transaction() as connection:
        connection.exec_driver_sql("update admins set role = null")

    assert "You have no role in any store yet" in client.get("/admin/stores").text
    assert client.get("/admin/other/credits").status_code == 404
    with database.transaction() as connection:
        connection.exec_driver_sql(
            f"insert into admin_roles (admin_id, store_id, role) select id, {other.store.id}, 'viewer' from admins"
        )

    assert client.get("/admin/other/credits").status_code == 200
    assert client.get("/admin/shop/credits").status_code == 404
    assert "Connect a shop" not in client.get("/admin/stores").text
