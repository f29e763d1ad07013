"""Orders of very many lines: purchases are returned in bounded parts, and all of them can be read."""

from __future__ import annotations

import csv
import io
import time

import pytest

from bridge.services.orders import purchases
from bridge.web.i18n.formatting import MAX_LISTED
from tests.factories import deliver, line, order, put_package, put_user
from tests.support.pages import sign_in

LINES = 2_000


@pytest.fixture
def large(shop):
    """Return a user with an order of many lines between two of one line."""
    put_user(shop, 2)
    put_package(shop, 10, 5)
    deliver(shop, order(1, at=1))
    many = [line(id=number, name=f"Tokens {number}") for number in range(1, LINES + 1)]
    assert deliver(shop, order(2, at=2, lines=many)).status_code == 200
    deliver(shop, order(3, at=3))
    return shop


def get(shop, path):
    """Return the response to a call."""
    answer = shop.client.get(f"/v1/users/2/{path}", headers=shop.headers)
    assert answer.status_code == 200, answer.text
    return answer


def test_purchase_of_many_lines_is_shown_in_parts(app, large):
    listed = get(large, "purchases")
    newest, many, oldest = listed.get_json()["items"]

    assert (many["order"], many["tokens"], many["line_count"], len(many["lines"])) == (2, 5 * LINES, LINES, 50)
    assert [(one["line_count"], one["lines_next"]) for one in (newest, oldest)] == [(1, None)] * 2
    assert len(listed.data) < 20_000
    seen = [item["id"] for item in many["lines"]]
    cursor = many["lines_next"]
    while cursor is not None:
        page = get(large, f"purchases/2/lines?limit=200&cursor={cursor}").get_json()
        assert len(page["items"]) <= 200
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == list(range(1, LINES + 1))

    rows = list(csv.reader(io.StringIO(get(large, "purchases?format=csv").text)))
    assert len(rows) == 1 + LINES + 2
    widget = large.client.get("/v1/widget?user_id=2&view=full", headers=large.headers)
    page = sign_in(app).get("/admin/shop/credits/2")
    for answer in (widget, page):
        assert answer.status_code == 200
        assert len(answer.data) < 60_000
        assert f"(+{LINES - MAX_LISTED:,})" in answer.text


def test_pages_of_purchases_end_before_their_lines_are_too_many(large, monkeypatch):
    monkeypatch.setattr(purchases, "MAX_LINES_READ", 100)
    seen, query = [], "purchases"
    while query:
        page = get(large, query).get_json()
        seen.append([item["order"] for item in page["items"]])
        query = page["next"] and f"purchases?cursor={page['next']}"

    assert seen == [[3], [2], [1]]
    assert len(list(csv.reader(io.StringIO(get(large, "purchases?format=csv").text)))) == 1 + LINES + 2


def test_lines_of_another_users_order_are_not_found(large):
    put_user(large, 3)

    for path in ("/v1/users/3/purchases/2/lines", "/v1/users/2/purchases/99/lines"):
        answer = large.client.get(path, headers=large.headers)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "unknown_order")
    started = time.monotonic()
    get(large, "purchases/2/lines")
    assert time.monotonic() - started < 5
