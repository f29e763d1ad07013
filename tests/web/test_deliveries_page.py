"""The Deliveries page: what the shop sent, its result, and the way to process it again."""

from __future__ import annotations

import pytest

from bridge.web.admin import deliveries_view
from tests import factories
from tests.factories import add_shop, balance_of, deliver, order, put_package
from tests.support import ledger_sql
from tests.support.pages import read, send, sign_in

LIST = "/admin/shop/deliveries"


@pytest.fixture
def sold(shop):
    put_package(shop, 10, 600)
    deliver(shop, order(1, customer=3))
    deliver(shop, order(2, "processing", customer=3))
    deliver(shop, {"id": 3, "email": "a@example.test", "role": "customer"}, "customer.updated")
    return shop


def ids(database):
    return [row["id"] for row in ledger_sql.rows(database, "select id from deliveries order by id")]


def test_list_shows_topic_subject_result_and_tokens(app, sold):
    rows = read(sign_in(app).get(LIST)).rows

    assert [row[1] for row in rows] == ["customer.updated", "order.updated", "order.updated"]
    assert [row[2] for row in rows] == ["User 3", "Order 2", "Order 1"]
    assert [row[5] for row in rows] == ["–", "–", "600"]
    assert all("Processed" in row[3] or "Ignored" in row[3] for row in rows)


def test_state_and_order_filter_the_list(app, sold):
    client = sign_in(app)

    assert [row[2] for row in read(client.get(f"{LIST}?order=%231")).rows] == ["Order 1"]
    assert read(client.get(f"{LIST}?state=rejected")).rows == []
    assert "No deliveries match" in client.get(f"{LIST}?state=rejected").text
    assert client.get(f"{LIST}?state=nonsense").status_code == 422
    assert client.get(f"{LIST}?order=x").status_code == 422
    assert client.get(f"{LIST}?before=-1").status_code == 422


def test_pages_lead_to_every_delivery(app, sold, monkeypatch):
    monkeypatch.setattr(deliveries_view, "PAGE", 2)
    client = sign_in(app)

    first = client.get(LIST)
    older = client.get(read(first).links["Older"])

    assert [row[2] for row in read(first).rows + read(older).rows] == ["User 3", "Order 2", "Order 1"]
    assert "Older" not in older.text
    assert read(client.get(read(older).links["Newest"])).rows == read(first).rows


def test_empty_list_leads_to_the_connection(app, shop):
    page = sign_in(app).get(LIST).text

    assert "No deliveries yet" in page
    assert "/admin/shop/connection" in page


def test_body_is_shown_as_text(app, shop, database):
    put_package(shop, 10, 600)
    deliver(shop, order(1) | {"note": "</pre><script>alert(1)</script>"})

    page = sign_in(app).get(f"{LIST}/{ids(database)[0]}")

    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;/pre&gt;&lt;script&gt;" in page.text


def test_a_large_body_is_cut(app, shop, database, monkeypatch):
    monkeypatch.setattr(deliveries_view, "SHOWN_BODY", 20)
    deliver(shop, order(1))

    assert "Only the beginning is shown" in sign_in(app).get(f"{LIST}/{ids(database)[0]}").text


def test_processing_again_grants_nothing_twice(app, sold, database):
    client = sign_in(app)
    path = f"{LIST}/{ids(database)[0]}"

    for _ in range(2):
        answer = send(client, read(client.get(path)).form("replay"))
        assert answer.status_code == 303

    assert balance_of(sold, 3) == 600
    assert "The delivery was processed again" in client.get(answer.location).text
    assert ledger_sql.faults(database) == []


def test_processing_again_grants_what_was_missed(app, shop, database):
    deliver(shop, order(1, customer=3))
    put_package(shop, 10, 600)
    client = sign_in(app)

    send(client, read(client.get(f"{LIST}/{ids(database)[0]}")).form("replay"))

    assert balance_of(shop, 3) == 600


def test_a_body_that_is_no_json_object_cannot_be_processed(app, shop, database):
    client = sign_in(app)
    body = b"[1]"
    shop.client.post(
        "/webhooks/woocommerce/shop",
        data=body,
        headers={"X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Signature": factories.signature(body)},
    )
    path = f"{LIST}/{ids(database)[0]}"

    page = client.get(path)

    assert "Rejected" in page.text
    assert "Process again" not in page.text


def test_deliveries_of_another_store_do_not_exist(app, sold, database):
    add_shop(app, "other")
    client = sign_in(app)
    delivery = ids(database)[0]

    assert read(client.get("/admin/other/deliveries")).rows == []
    assert client.get(f"/admin/other/deliveries/{delivery}").status_code == 404
    token = read(client.get(f"{LIST}/{delivery}")).form("replay").fields
    assert client.post(f"/admin/other/deliveries/{delivery}/replay", data=token).status_code == 404
