"""Previews over HTTP: the grant of a product or an order, and last month by a limit or a price that is not saved."""

from __future__ import annotations

import pytest

from tests.factories import add_shop, deliver, line, order, put_package, put_user
from tests.support import ledger_sql
from tests.support.limits_form import put
from tests.support.linked_sites import bearer, link
from tests.web.test_limits_preview import last_month, use_last_month

WHOLE = ("accounts", "entries", "orders", "limits", "operations", "packages", "changes")


def preview(shop, *, status=200, headers=None, **query):
    answer = shop.client.get("/v1/grants/preview", query_string=query, headers=headers or shop.headers)
    assert answer.status_code == status, answer.text
    return answer.json


def post(shop, path, *, status=200, **body):
    answer = shop.client.post(f"/v1/{path}/preview", json=body, headers=shop.headers)
    assert answer.status_code == status, answer.text
    return answer.json


def counts(database):
    return {name: ledger_sql.rows(database, f"select count(*) as n from {name}")[0]["n"] for name in WHOLE}


def test_grant_of_a_product_is_that_of_a_real_order(shop, database):
    put_package(shop, 10, 600)
    before = counts(database)
    found = preview(shop, product=10, quantity="2.5")

    assert (found["order"], found["effect"], found["owed"], found["granted"]) == (None, "grants", 1500, 0)
    [tried] = found["lines"]
    assert (tried["quantity"], tried["tokens_each"], tried["basis"], tried["months"]) == (2.5, 600, "product", 0)
    assert preview(shop, product=10, stamp="70")["lines"][0]["basis"] == "stamp"
    assert preview(shop, product=10, stamp="70")["owed"] == 70
    assert preview(shop, product=77)["lines"][0]["tokens_each"] is None
    assert counts(database) == before
    deliver(shop, order(5, lines=[line(quantity=2)]))
    assert preview(shop, order=5)["granted"] == preview(shop, product=10, quantity="2")["owed"] == 1200


def test_grant_of_an_order_states_what_it_owes_and_has_granted(shop):
    put_package(shop, 10, 600)
    deliver(shop, order(7, lines=[line(1, 10), line(2, 77)]))

    found = preview(shop, order=7)

    assert (found["order"], found["status"], found["owed"], found["granted"]) == (7, "completed", 600, 600)
    assert [(one["line"], one["tokens_each"], one["owed"]) for one in found["lines"]] == [(1, 600, 600), (2, None, 0)]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"product": "10", "order": "7"}, 422),
        ({"product": "x"}, 422),
        ({"product": "0"}, 422),
        ({"product": "10", "quantity": "0"}, 422),
        ({"product": "10", "quantity": "1,5"}, 422),
        ({"product": "10", "quantity": "1e9"}, 422),
        ({"product": "10", "quantity": "١"}, 422),
        ({"product": "10", "variation": "-1"}, 422),
        ({"product": "10", "stamp": "x" * 101}, 422),
        ({"product": "10", "stamp": "not an amount"}, 200),
        ({"order": "no such"}, 404),
        ({"order": ""}, 404),
    ],
)
def test_questions_that_are_not_valid_are_refused(shop, query, status):
    preview(shop, status=status, **query)


def test_orders_and_previews_of_another_store_are_not_found(app, shop):
    put_package(shop, 10, 600)
    deliver(shop, order(7))
    _, other = add_shop(app, "other")

    preview(shop, status=404, headers=other, order=7)
    assert preview(shop, headers=other, product=10)["owed"] == 0
    preview(shop, status=403, headers=bearer(link(shop)["access_key"]), product=10)


def test_limit_states_who_would_have_been_stopped(shop, database):
    put(shop, "limits/chat", period="monthly", rules={"user": 1000})
    for user, tokens in ((7, 40), (8, 60), (9, 900)):
        use_last_month(shop, database, user, tokens)
    before = counts(database)

    found = post(shop, "limits/chat", period="monthly", rules={"user": 50})

    month = last_month().date()
    assert (found["from"], found["module"], found["stopped"], found["accounts"], found["is_complete"]) == (
        month.replace(day=1).isoformat(),
        "chat",
        2,
        3,
        True,
    )
    assert found["first_stopped"]["user_id"] in {8, 9}
    same = post(shop, "limits/chat", period="monthly", rules={"user": 1000})
    assert (same["stopped"], same["first_stopped"]) == (0, None)
    assert counts(database) == before
    put(shop, "modules/chat", metered=False)
    assert post(shop, "limits/chat", period="monthly", rules={"user": 0})["stopped"] == 0
    post(shop, "limits/none", period="monthly", rules={"user": 0}, status=404)
    post(shop, "limits/chat", period="monthly", rules={"visitor": 0}, status=422)


def test_limit_without_a_second_window_is_tried_with_the_one_it_has(shop):
    second = {"period": "monthly", "rules": {"user": 900}}
    put(shop, "limits/chat", period="daily", rules={"user": 100}, second=second)

    refused = post(shop, "limits/chat", period="monthly", rules={"user": 50}, status=422)
    assert refused["errors"][0]["field"] == "period"
    post(shop, "limits/chat", period="monthly", rules={"user": 50}, second=None)


def test_price_states_what_the_month_would_have_cost(shop, database):
    put_user(shop, 7)
    put(shop, "modules/chat", label="Chat")
    put(shop, "operations/chat.message", module="chat", tokens_per_unit=1)
    put(shop, "operations/talk", module="chat", parts=["chat.message", "chat.message"])
    use_last_month(shop, database, 7, 40)

    found = post(shop, "operations/chat.message", module="chat", tokens_per_unit=3)

    assert found["operations"] == [
        {"operation": "chat.message", "units": 40, "tokens": 40, "new_tokens": 120},
        {"operation": "talk", "units": 0, "tokens": 0, "new_tokens": 0},
    ]
    post(shop, "operations/chat.message", module="chat", tokens_per_unit=3, parts=["talk"], status=422)
    post(shop, "operations/chat.message", module="chat", parts=["talk"], status=422)
