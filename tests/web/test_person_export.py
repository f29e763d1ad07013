"""Everything held about a person, as JSON and as tables, by the API and on the user's page."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile

from flask.testing import FlaskClient
from sqlalchemy import insert

from bridge.rendering.ids import decode_id
from bridge.storage.engine.ids import new_ids
from bridge.storage.engine.metadata import metadata
from bridge.storage.metering.tables import spends, usage_days
from bridge.storage.ops import person_rows
from bridge.web.context import utcnow
from tests.factories import customer, deliver, give, merge, order, put_package, put_user, spend
from tests.support.ledger_sql import rows
from tests.support.linked_sites import link
from tests.support.pages import read, sign_in


def lived_in(shop):
    put_package(shop, 10, 1000)
    deliver(shop, customer(2, "ada@example.test"), "customer.created")
    deliver(shop, order(1))
    deliver(shop, order(2, "on-hold"))
    site = link(shop, 2, name="=Blog")
    spent = spend(shop, 2, 70, reference="talk").get_json()
    back = {"tokens": 10, "reason": "failed"}
    headers = shop.headers | {"Idempotency-Key": "back"}
    assert shop.client.post(f"/v1/spends/{spent['id']}/refund", json=back, headers=headers).status_code == 201
    put_user(shop, 3, email="grace@example.test")
    give(shop, 3, 5)
    give(shop, 4, 8)
    merge(shop, 2, 4, reason="same")
    deliver(shop, order(9, customer=3, email="grace@example.test"))
    return site, spent


def test_export_has_every_row_of_the_person_and_none_of_others(app, shop, database):
    site, spent = lived_in(shop)

    response = shop.client.get("/v1/users/2/export", headers=shop.headers)

    found = response.get_json()
    assert response.headers["Content-Disposition"].startswith('attachment; filename="shop-user-2-')
    assert [(one["user_id"], one["email"], one["merged_into"]) for one in found["profiles"]] == [
        (2, "ada@example.test", None),
        (4, None, 2),
    ]
    assert [(one["number"], one["email"]) for one in found["orders"]] == [
        (1, "ada@example.test"),
        (2, "ada@example.test"),
    ]
    assert [(one["id"], one["tokens"], one["reference"]) for one in found["spends"]] == [(spent["id"], 70, "talk")]
    assert [one["spend_id"] for one in found["refunds"]] == [spent["id"]]
    assert [(one["user"], one["kind"]) for one in found["entries"]] == [
        (2, "grant"),
        (2, "spend"),
        (2, "refund"),
        (2, "adjustment"),
        (4, "adjustment"),
        (4, "adjustment"),
    ]
    assert [(one["id"], one["name"]) for one in found["linked_sites"]] == [(site["id"], "=Blog")]
    assert [one["body"]["billing"]["email"] for one in found["webhooks"] if one["topic"] == "order.updated"] == [
        "ada@example.test",
        "ada@example.test",
    ]
    assert "grace@example.test" not in response.text
    assert site["access_key"] not in response.text
    counts = {name: len(found[name]) for name in person_rows.LISTS}
    assert counts["order_lines"] == 2
    assert counts["merges"] == 1
    assert counts["events"] >= 2
    by_old_id = shop.client.get("/v1/users/4/export", headers=shop.headers).get_json()
    assert by_old_id | {"exported_at": ""} == found | {"exported_at": ""}
    assert shop.client.get("/v1/users/77/export", headers=shop.headers).status_code == 404
    assert shop.client.get("/v1/users/2/export?format=xml", headers=shop.headers).status_code == 422


def test_tables_have_the_same_rows(app, shop):
    lived_in(shop)
    document = shop.client.get("/v1/users/2/export", headers=shop.headers).get_json()

    client = sign_in(app)
    response = client.get("/admin/shop/credits/2/export?format=csv")

    assert response.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert archive.namelist() == [f"{name}.csv" for name in person_rows.LISTS]
        tables = {
            name: list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode("utf-8-sig"))))
            for name in person_rows.LISTS
        }
    assert {name: len(table) for name, table in tables.items()} == {
        name: len(document[name]) for name in person_rows.LISTS
    }
    assert tables["entries"][0]["id"] == document["entries"][0]["id"]
    # A text that a spreadsheet would run is quoted.
    assert tables["linked_sites"][0]["name"] == "'=Blog"
    links = read(client.get("/admin/shop/credits/2")).links
    assert links["JSON of everything"] == "/admin/shop/credits/2/export"
    assert links["CSV of everything"] == "/admin/shop/credits/2/export?format=csv"


def test_every_table_is_in_a_list_or_has_nothing_about_a_person():
    listed = {table.name for table in person_rows.LISTS.values()}

    assert listed & person_rows.OTHERS == set()
    assert sorted(listed | person_rows.OTHERS) == sorted(metadata.tables)


def test_memory_does_not_grow_with_the_history(app, shop, database):
    """A buyer with many spends: the response is read as it is sent."""
    give(shop, 2, 5)
    [account] = rows(database, "select id, store_id from accounts where user_id = 2")
    now, count = utcnow(), 12_000
    common = {"account_id": account["id"], "store_id": account["store_id"], "module": "chat", "units": 1, "tokens": 0}
    paid = {"from_plan": 0, "from_balance": 0, "from_allowance": 0, "created_at": now}
    day = {"account_id": account["id"], "day": now.date(), "module": "chat", "operation": "", "site_id": 0}
    with database.transaction() as connection:
        connection.execute(insert(spends), [{"id": id_, **common, **paid} for id_ in new_ids(count)])
        connection.execute(insert(usage_days).values(**day, source="", units=count, tokens=0))
    # The other client reads each response whole, to compare it with the document.
    client = FlaskClient(app, app.response_class)
    client.get("/v1/users/2/usage", headers=shop.headers)

    tracemalloc.start()
    response = client.get("/v1/users/2/export", headers=shop.headers, buffered=False)
    seen, size = 0, 0
    for part in response.iter_encoded():
        size += len(part)
        seen += part.count(b'"created_at"')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert seen >= count
    assert size > 5_000_000
    assert peak < 4_000_000
    last = shop.client.get("/v1/users/2/export", headers=shop.headers).get_json()["spends"]
    assert len({one["id"] for one in last}) == count
    assert decode_id("sp", last[0]["id"]) is not None
    assert json.dumps(last[0])
