"""The plugin's connection after the code: REST keys, health, checks on request, and its end."""

from __future__ import annotations

import time

import pytest

from bridge.domain.shop.subscriptions import TOPICS, state_of
from bridge.services.shop import subscriptions
from bridge.services.stores import settings
from fakeshop.rest.faults import Kind
from tests.conftest import Shop
from tests.factories import add_shop, deliver
from tests.support.connected_shop import PUBLIC_URL, open_connected_shop
from tests.support.connecting import make_code, send_code
from tests.support.ledger_sql import rows
from tests.support.linked_sites import bearer, link

pytestmark = pytest.mark.one_engine

WRONG = {"consumer_key": "ck_" + "9" * 40, "consumer_secret": "cs_" + "9" * 40}


@pytest.fixture
def connected_shop(app):
    """Return a shop whose store has no REST keys yet."""
    with open_connected_shop(app, patience_seconds=2) as connected_shop:
        yield connected_shop.connect(has_keys=False, history="skip")


@pytest.fixture
def plugin(app, connected_shop):
    """Return the plugin's own headers, after it used a code."""
    response = send_code(app, make_code(app, "shop"), url=connected_shop.served.url)
    assert response.status_code == 201, response.text
    return bearer(response.get_json()["access_key"])


def keys_of(connected_shop, **more):
    key = connected_shop.shop.add_key(**more)
    return {"consumer_key": key.consumer_key, "consumer_secret": key.consumer_secret}


def send_keys(connected_shop, plugin, keys):
    return connected_shop.client.put("/v1/store/rest-keys", json=keys, headers=plugin)


def health(connected_shop, plugin):
    response = connected_shop.client.get("/v1/store/health", headers=plugin)
    assert response.status_code == 200, response.text
    return response.get_json()


def states(document):
    return {step["code"]: step["state"] for step in document["steps"]}


def codes(document):
    return [issue["code"] for issue in document["issues"]]


def checked(connected_shop, plugin):
    """Return the states of the steps once the shop was checked."""
    until = time.monotonic() + 20
    while (found := states(health(connected_shop, plugin)))["answer"] == "open" and time.monotonic() < until:
        time.sleep(0.02)
    return found


def create_webhooks(connected_shop):
    """Create the webhooks in the shop, as the plugin does: with the names and the secret it got."""
    with connected_shop.database.reading() as connection:
        target = subscriptions.target_of(
            connection, connected_shop.store, public_url=PUBLIC_URL, vault_=connected_shop.shops.vault
        )
    for topic in TOPICS:
        name = target.address.name_of(topic)
        connected_shop.shop.create_webhook(topic, target.address.url, secret=target.secret, name=name)
    return target


def stored_keys(connected_shop):
    (row,) = rows(connected_shop.database, "select consumer_key, consumer_secret, has_plugin_keys from stores")
    return row


def test_keys_of_the_plugin_are_checked_and_stored_encrypted(connected_shop, plugin):
    keys = keys_of(connected_shop)

    response = send_keys(connected_shop, plugin, keys)

    assert response.status_code == 200, response.text
    document = response.get_json()
    assert (states(document)["keys"], states(document)["answer"]) == ("done", "done")
    assert document["rest_key_ending"] == keys["consumer_key"][-7:]
    stored = stored_keys(connected_shop)
    assert stored["consumer_key"] != keys["consumer_key"]
    assert connected_shop.shops.vault.open(stored["consumer_key"]) == keys["consumer_key"]
    change = rows(connected_shop.database, "select subject, actor from changes order by id desc")[0]
    assert change["subject"] == "shop_keys"
    assert "WordPress plugin" in change["actor"]


def test_keys_that_the_shop_refuses_leave_the_stored_ones(connected_shop, plugin):
    send_keys(connected_shop, plugin, keys_of(connected_shop))
    before = stored_keys(connected_shop)

    wrong = send_keys(connected_shop, plugin, WRONG)
    read_only = send_keys(connected_shop, plugin, keys_of(connected_shop, permissions="read"))
    no_keys = send_keys(connected_shop, plugin, {"consumer_key": "cs_1", "consumer_secret": "ck_1"})

    assert (wrong.status_code, wrong.get_json()["code"]) == (502, "shop_keys_refused")
    assert (read_only.status_code, no_keys.status_code) == (502, 422)
    assert stored_keys(connected_shop) == before


@pytest.mark.parametrize("kind", [Kind.ERROR_PAGE, Kind.NOT_FOUND])
def test_keys_are_stored_while_the_shop_cannot_be_read(connected_shop, plugin, kind):
    connected_shop.served.faults.add(kind, times=None)

    document = send_keys(connected_shop, plugin, keys_of(connected_shop)).get_json()

    assert "shop" in codes(document)
    assert (document["state"], states(document)["answer"]) == ("problem", "wrong")
    assert stored_keys(connected_shop)["consumer_key"] is not None


def test_keys_are_checked_after_the_response_where_the_plugin_asks_for_it(connected_shop, plugin):
    """A site with one PHP process cannot answer while it waits for this response."""
    # The shop is silent until this response came.
    connected_shop.served.faults.add(Kind.SILENCE, seconds=1)

    began = time.monotonic()
    response = send_keys(connected_shop, plugin, keys_of(connected_shop) | {"check": "later"})
    took = time.monotonic() - began

    assert (response.status_code, states(response.get_json())["answer"]) == (200, "open")
    assert took < 1
    assert checked(connected_shop, plugin)["answer"] == "done"
    assert send_keys(connected_shop, plugin, WRONG | {"check": "later"}).status_code == 200
    assert checked(connected_shop, plugin)["answer"] == "wrong"
    mixed_up = {"consumer_key": "cs_1", "consumer_secret": "ck_1", "check": "later"}
    assert send_keys(connected_shop, plugin, mixed_up).status_code == 422


def test_without_webhooks_the_plugin_alone_delivers(connected_shop, plugin):
    send_keys(connected_shop, plugin, keys_of(connected_shop))
    connected_shop.watch()
    assert connected_shop.shop.webhooks
    for number in list(connected_shop.shop.webhooks):
        connected_shop.shop.delete_webhook(number)

    changed = connected_shop.client.put("/v1/store", json={"deliveries": "plugin"}, headers=plugin)
    assert changed.get_json()["deliveries"] == "plugin"
    assert not any(code.value.startswith("webhook") for code in connected_shop.faults())
    connected_shop.watch()

    assert not connected_shop.shop.webhooks
    document = health(connected_shop, plugin)
    assert states(document)["webhooks"] == "done"
    assert not any(code.startswith("webhook") for code in codes(document))
    # Webhooks are repaired again as soon as they are wanted, and when the plugin goes.
    connected_shop.client.put("/v1/store", json={"deliveries": "webhooks"}, headers=plugin)
    connected_shop.watch()
    assert sorted(webhook.topic for webhook in connected_shop.shop.webhooks.values()) == sorted(TOPICS)
    connected_shop.client.put("/v1/store", json={"deliveries": "plugin"}, headers=plugin)
    connected_shop.client.delete("/v1/connection", headers=plugin)
    assert connected_shop.client.get("/v1/store", headers=connected_shop.headers).get_json()["deliveries"] == "webhooks"


@pytest.mark.parametrize("decision", ["grant", "skip"])
def test_plugin_decides_about_past_orders(app, decision):
    with open_connected_shop(app, patience_seconds=2) as connected_shop:
        connected_shop.connect(has_keys=False, history="ask")
        plugin = bearer(send_code(app, make_code(app, "shop"), url=connected_shop.served.url).get_json()["access_key"])
        assert states(health(connected_shop, plugin))["history"] == "open"

        answer = connected_shop.client.put("/v1/store/past-orders", json={"decision": decision}, headers=plugin)

        assert states(answer.get_json())["history"] == {"grant": "waiting", "skip": "done"}[decision]
        change = rows(connected_shop.database, "select actor, after from changes order by id desc")[0]
        assert decision in str(change["after"])
        assert "WordPress plugin" in change["actor"]
        bad = connected_shop.client.put("/v1/store/past-orders", json={"decision": "ask"}, headers=plugin)
        assert bad.status_code == 422


def test_webhooks_that_the_plugin_created_are_ours(connected_shop, plugin):
    target = create_webhooks(connected_shop)

    document = send_keys(connected_shop, plugin, keys_of(connected_shop)).get_json()

    assert states(document)["webhooks"] == "done"
    assert not any(code.startswith("webhook") for code in codes(document))
    connected_shop.watch()
    listed = connected_shop.shop.webhooks.values()
    assert sorted(webhook.topic for webhook in listed) == sorted(TOPICS)
    with connected_shop.reading() as reading:
        found = subscriptions.list_webhooks(reading.shop)
    assert {state_of(webhook, target.address).value for webhook in found} == {"active"}


def test_webhooks_that_both_created_are_reduced_to_one_each(connected_shop, plugin):
    send_keys(connected_shop, plugin, keys_of(connected_shop))
    connected_shop.watch()

    create_webhooks(connected_shop)
    with connected_shop.database.reading() as connection:
        store = settings.get_store(connection, "shop")
    subscriptions.install(
        connected_shop.database.transaction,
        connected_shop.shops,
        store,
        public_url=PUBLIC_URL,
        now=connected_shop.now,
    )

    assert sorted(webhook.topic for webhook in connected_shop.shop.webhooks.values()) == sorted(TOPICS)


def test_webhooks_without_our_mark_are_not_taken_for_the_plugins(connected_shop, plugin):
    for topic in TOPICS:
        connected_shop.shop.create_webhook(
            topic, f"{PUBLIC_URL}/webhooks/woocommerce/shop", secret="another", name="By hand"
        )

    document = send_keys(connected_shop, plugin, keys_of(connected_shop)).get_json()

    assert connected_shop.known().webhooks_set_at is None
    assert states(document)["webhooks"] != "wrong"


def test_health_lists_what_is_left_and_calls_no_shop(connected_shop, plugin):
    document = health(connected_shop, plugin)

    assert document["state"] == "incomplete"
    assert list(states(document)) == ["keys", "answer", "webhooks", "packages", "history", "delivery", "access"]
    assert (states(document)["keys"], states(document)["delivery"]) == ("open", "waiting")
    assert all(step["sentence"].endswith(".") for step in document["steps"])
    assert (document["url"], document["rest_key_ending"]) == (connected_shop.served.url, None)
    assert document["webhook_url"] == f"{PUBLIC_URL}/webhooks/woocommerce/shop"
    assert connected_shop.asked() == []


def test_health_turns_green_step_by_step(connected_shop, plugin):
    create_webhooks(connected_shop)
    send_keys(connected_shop, plugin, keys_of(connected_shop))
    connected_shop.client.put("/v1/packages/10", json={"tokens": 500}, headers=plugin)
    shop = Shop(connected_shop.connected, connected_shop.client)
    deliver(shop, {"id": 2, "email": "ada@example.test"}, "customer.updated", source=f"{connected_shop.served.url}/")

    document = connected_shop.client.post("/v1/store/check", headers=plugin).get_json()

    assert codes(document) == []
    assert states(document) == dict.fromkeys(states(document), "done")
    assert document["state"] == "ok"
    assert document["last_delivery_at"] is not None
    assert document["packages"] == 1


def test_a_check_of_this_moment_is_not_repeated(connected_shop, plugin):
    send_keys(connected_shop, plugin, keys_of(connected_shop))
    connected_shop.asked()

    first = connected_shop.client.post("/v1/store/check", headers=plugin)
    assert (first.status_code, connected_shop.asked()) == (200, [])

    with connected_shop.database.transaction() as connection:
        connection.exec_driver_sql("update shop_reads set looked_at = null")
    again = connected_shop.client.post("/v1/store/check", headers=plugin).get_json()

    assert connected_shop.asked() != []
    assert again["checked_at"] is not None


@pytest.mark.both_engines
def test_one_check_of_a_store_runs_at_a_time(connected_shop, plugin):
    checks = connected_shop.app.extensions["bridge"].shop_checks
    _, other = add_shop(connected_shop.app, "other")
    keys = keys_of(connected_shop)

    with checks.one(connected_shop.connected.store.id):
        refused = [
            connected_shop.client.post("/v1/store/check", headers=plugin),
            send_keys(connected_shop, plugin, keys),
        ]
        beside = connected_shop.client.post("/v1/store/check", headers=other)

    assert [(each.status_code, each.get_json()["code"]) for each in refused] == [(429, "check_running")] * 2
    assert all(each.headers["Retry-After"] == "5" for each in refused)
    assert beside.status_code == 200
    assert send_keys(connected_shop, plugin, keys).status_code == 200


def test_the_end_of_the_connection_forgets_key_and_rest_keys(connected_shop, plugin):
    create_webhooks(connected_shop)
    send_keys(connected_shop, plugin, keys_of(connected_shop))

    ended = connected_shop.client.delete("/v1/connection", headers=plugin)

    assert ended.status_code == 204
    assert connected_shop.client.get("/v1/store", headers=plugin).status_code == 401
    stored = stored_keys(connected_shop)
    assert (stored["consumer_key"], stored["consumer_secret"], bool(stored["has_plugin_keys"])) == (None, None, False)
    assert connected_shop.known().webhooks_set_at is None
    left = health(connected_shop, connected_shop.headers)
    assert (states(left)["keys"], left["rest_key_ending"]) == ("open", None)
    recorded = [row["subject"] for row in rows(connected_shop.database, "select subject from changes order by id")]
    assert recorded[-2:] == ["access_key", "shop_keys"]


def test_the_end_of_the_connection_leaves_the_owners_rest_keys(connected_shop, plugin):
    keys = keys_of(connected_shop)
    send_keys(connected_shop, plugin, keys)
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in keys.items()]
    assert connected_shop.app.test_cli_runner().invoke(args=["stores", "keys", "shop", *arguments]).exit_code == 0

    connected_shop.client.delete("/v1/connection", headers=plugin)

    assert stored_keys(connected_shop)["consumer_key"] is not None


@pytest.mark.both_engines
def test_deliveries_still_count_after_the_end(connected_shop, plugin):
    connected_shop.client.delete("/v1/connection", headers=plugin)

    shop = Shop(connected_shop.connected, connected_shop.client)
    delivered = deliver(shop, {"id": 2, "email": "a@example.test"}, "customer.updated")

    assert delivered.status_code == 200


def test_a_linked_site_ends_its_own_connection_only(shop):
    first, second = link(shop), link(shop)

    assert shop.client.delete("/v1/connection", headers=bearer(first["access_key"])).status_code == 204

    answer = shop.client.get("/v1/account", headers=bearer(first["access_key"]))
    assert (answer.status_code, answer.get_json()["code"]) == (401, "site_unlinked")
    assert shop.client.get("/v1/account", headers=bearer(second["access_key"])).status_code == 200


@pytest.mark.parametrize("path", ["store/health", "store/check", "store/rest-keys"])
def test_a_linked_site_sees_nothing_of_the_stores_connection(shop, path):
    key = bearer(link(shop)["access_key"])
    method = {"store/health": "get", "store/check": "post", "store/rest-keys": "put"}[path]

    response = getattr(shop.client, method)(f"/v1/{path}", json=WRONG if method == "put" else None, headers=key)

    assert (response.status_code, response.get_json()["code"]) == (403, "store_key_required")
