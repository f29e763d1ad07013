"""`/metrics`: what is counted, who may read it, and that it is answered while the database is away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from bridge.config import load_config
from bridge.domain.errors import BadSetting
from bridge.metrics.definitions import DEFINITIONS
from tests.conftest import SECRET_KEY, Shop, make_config
from tests.factories import add_shop, customer, deliver, give, line, order, put_package, spend
from tests.support.outages import close
from tests.support.statements import counted

TOKEN = "a-token-of-the-tests"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
SCRAPED = {definition.name for definition in DEFINITIONS}


@pytest.fixture
def app(database_url):
    """An app with a token for scrapers."""
    app = create_app(make_config(database_url, metrics_token=TOKEN))
    yield app
    close(app.extensions["bridge"])


def scrape(client, **headers):
    response = client.get("/metrics", headers=WITH_TOKEN | headers)
    assert response.status_code == 200, response.text
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def values(families, name, suffix="", *, without=()):
    """The samples of a metric, by the values of their labels."""
    return {
        tuple(value for label, value in sorted(sample.labels.items()) if label not in without): sample.value
        for sample in families[name].samples
        if sample.name == f"{name}{suffix}"
    }


def test_every_metric_is_served_and_none_is_unknown(shop):
    give(shop, 1, 100)
    spend(shop, 1, 10)
    deliver(shop, order(1))

    found = scrape(shop.client)

    assert found.keys() == SCRAPED
    assert [family.documentation for family in found.values()] == [
        definition.help for name in found for definition in DEFINITIONS if definition.name == name
    ]


def test_decisions_are_counted_by_result(shop):
    give(shop, 1, 100)
    spend(shop, 1, 60, key="one")
    spend(shop, 1, 60, key="one")
    spend(shop, 1, 61, key="two")
    spend(shop, 1, 10, key="three", module="no-such-module")
    spend(shop, 1, 59, key="one")
    item = {"user": {"id": 1}, "module": "chat", "tokens": 20}
    batch = {"spends": [{**item, "key": f"batch-{number}"} for number in range(3)]}
    shop.client.post("/v1/spends/batch", json=batch, headers=shop.headers)
    hold = shop.client.post("/v1/holds", json=item, headers=shop.headers | {"Idempotency-Key": "hold"})
    assert hold.status_code == 402

    found = scrape(shop.client)

    assert values(found, "token_bridge_decisions", "_total") == {
        ("spend", "ok"): 3,
        ("spend", "replayed"): 1,
        ("spend", "insufficient_tokens"): 2,
        ("spend", "unknown_module"): 1,
        ("spend", "idempotency_key_reused"): 1,
        ("hold", "insufficient_tokens"): 1,
    }
    assert values(found, "token_bridge_batch_size", "_sum") == {(): 9}
    assert values(found, "token_bridge_batch_duration_seconds", "_count") == {
        (): values(found, "token_bridge_batch_size", "_count")[()]
    }


def test_deliveries_are_counted_by_topic_and_result(shop):
    put_package(shop, 10, 500)
    deliver(shop, order(1))
    deliver(shop, order(1))
    forged = {"X-WC-Webhook-Signature": "x", "X-WC-Webhook-Topic": "order.updated"}
    shop.client.post("/webhooks/woocommerce/shop", data="{}", headers=forged)
    deliver(shop, customer(4, "jo@example.test"), topic="customer.updated")
    deliver(shop, {"action": "woocommerce_order_refunded", "arg": 1}, topic="action.woocommerce_order_refunded")
    deliver(shop, order(3), topic="jo@example.test")
    shop.client.post("/webhooks/woocommerce/shop", data="webhook_id=5")
    shop.client.post("/webhooks/woocommerce/another", data="{}", headers={"X-WC-Webhook-Signature": "x"})

    found = scrape(shop.client)

    assert values(found, "token_bridge_deliveries_received", "_total") == {
        ("stored", "order.updated"): 1,
        ("repeated", "order.updated"): 1,
        ("bad_signature", "order.updated"): 1,
        ("stored", "customer.updated"): 1,
        ("stored", "action"): 1,
        ("stored", "other"): 1,
        ("ping", "other"): 1,
        ("unknown_store", "other"): 1,
    }
    assert values(found, "token_bridge_deliveries_processed", "_total") == {("done",): 4}


def test_backlog_is_counted_with_its_age(shop, database):
    endpoint = {"url": "https://receiver.example/hook"}
    shop.client.post("/v1/event-endpoints", json=endpoint, headers=shop.headers)
    give(shop, 1, 5000)
    spend(shop, 1, 4500)
    deliver(shop, order(1))
    deliver(shop, order(2))
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "update deliveries set state = 'received', next_attempt_at = received_at, processed_at = null"
        )

    found = scrape(shop.client)

    assert values(found, "token_bridge_deliveries_waiting") == {(): 2}
    assert values(found, "token_bridge_events_waiting")[()] >= 1
    assert 0 < values(found, "token_bridge_deliveries_oldest_age_seconds")[()] < 60
    assert 0 < values(found, "token_bridge_events_oldest_age_seconds")[()] < 60


def test_nothing_names_a_store_a_user_or_a_secret(shop):
    put_package(shop, 10, 500)
    give(shop, 7041, 100)
    spend(shop, 7041, 10)
    deliver(shop, order(88123, customer=7041, lines=[line()]))
    shop.client.get("/v1/users/7041", headers=shop.headers)
    shop.client.get("/webhooks/woocommerce/shop")

    text = shop.client.get("/metrics", headers=WITH_TOKEN).text

    assert '"/webhooks' not in text, "the route of another method matched nothing"
    for private in (
        "7041",
        "88123",
        "127.0.0.1",
        '"shop"',
        "example.test",
        shop.connected.access_key,
        SECRET_KEY,
        TOKEN,
    ):
        assert private not in text


def test_same_scrape_soon_after_asks_the_database_nothing(shop, database):
    scrape(shop.client)

    with counted(database) as statements:
        for _ in range(50):
            scrape(shop.client)

    assert statements == []


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é", f"Bearer {TOKEN} {TOKEN}"],
)
def test_scraper_without_the_token_gets_nothing(app, authorization):
    response = app.test_client().get("/metrics", headers={"Authorization": authorization})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "token_bridge_" not in response.text


def test_without_a_token_only_what_says_nothing_of_a_store_is_shown(database_url):
    app = create_app(make_config(database_url))
    connected, _ = add_shop(app, "shop")
    shop = Shop(connected, app.test_client())
    give(shop, 1, 100)
    spend(shop, 1, 10)

    found = scrape(shop.client)

    assert found.keys() == {definition.name for definition in DEFINITIONS if definition.is_public}
    assert not {name for name in found if re.search("http|decision|batch|deliver|event|wait_", name)}


def test_token_that_is_easily_guessed_is_refused(tmp_path):
    for token in ("short", "with spaces in between", "ééééééééééééééééé"):
        with pytest.raises(BadSetting, match="BRIDGE_METRICS_TOKEN"):
            load_config({"BRIDGE_METRICS_TOKEN": token}, root=tmp_path)
    assert load_config({"BRIDGE_METRICS_TOKEN": TOKEN}, root=tmp_path).metrics_token == TOKEN


def test_scrape_is_answered_while_the_database_is_away(tmp_path, sqlite_template):
    path = tmp_path / "bridge.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    client = create_app(make_config(f"sqlite:///{path}", metrics_token=TOKEN)).test_client()
    assert client.get("/readyz").status_code == 200
    path.rename(tmp_path / "elsewhere.sqlite3")
    assert client.get("/readyz").status_code == 503

    found = scrape(client)

    assert values(found, "token_bridge_database_up") == {(): 0}
    assert values(found, "token_bridge_database_outages", "_total").keys() == {("unreachable",)}
    assert "token_bridge_deliveries_waiting" not in found, "no number where none is known"


def test_reference_lists_every_metric_with_its_labels():
    text = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(token_bridge_\w+)` \| (\w+) \|([^|]*)\|.* \| (yes|no) \|$", text, re.MULTILINE)
    types = {"SCRAPED": "gauge", "LATEST": "gauge", "SUM": "gauge"}

    assert {
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), public == "yes") for name, kind, labels, public in rows
    } == {
        (
            f"{definition.name}_total" if definition.kind.name == "COUNTER" else definition.name,
            types.get(definition.kind.name, definition.kind.name.lower()),
            definition.labels,
            definition.is_public,
        )
        for definition in DEFINITIONS
    }
