"""Invalid addresses, lists and access keys: each is a 4xx, and shows nothing of another store."""

from __future__ import annotations

import json

import pytest

from tests.factories import add_shop, balance_of, deliver, order, put_package, put_user
from tests.support.problems import assert_problem
from tests.support.shared_app import ENGINES, open_shared_app


@pytest.fixture(scope="module", params=ENGINES)
def shared(request):
    """Return one service for all tests, with user 2 in it."""
    with open_shared_app(request.param, request, "bad_input_paths") as service:
        put_user(service.shop, 2)
        yield service


@pytest.fixture
def shop(shared):
    return shared.shop


@pytest.fixture
def send(shop):
    """Return a function that sends a document and returns the response."""

    def call(method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        key = {"Idempotency-Key": "key"} if method == "POST" else {}
        return shop.client.open(path, method=method, data=data, headers=shop.headers | key)

    return call


GARBAGE = ["0", "-1", "1.5", "x", "²", "９", "9" * 400, str(2**53), "%00", "%F0%9F%98%80", "%ED%A0%80", "1%0A", "%20"]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/users/{}", "user_id"),
        ("/v1/users/{}/entries", "user_id"),
        ("/v1/users/{}/purchases", "user_id"),
        ("/v1/packages/{}", "product"),
        ("/v1/packages/10/{}", "variation"),
    ],
)
def test_numbers_in_the_path_that_are_none(send, path, field, garbage):
    if path.endswith("10/{}") and garbage == "0":
        # Variation 0 is the product itself, at its own address.
        assert send("GET", path.format(garbage)).status_code == 308
    else:
        assert_problem(send("GET", path.format(garbage)), 422, field)


@pytest.mark.parametrize("garbage", ["Chat", "a" * 65, "%00", "chat%0A", "ch%C3%A4t", "%ED%A0%80"])
@pytest.mark.parametrize("kind", ["modules", "limits"])
def test_modules_in_the_path_that_are_none(send, kind, garbage):
    body = {"period": "daily", "rules": {}} if kind == "limits" else {}

    assert_problem(send("GET", f"/v1/{kind}/{garbage}"), 422, "module")
    assert_problem(send("PUT", f"/v1/{kind}/{garbage}", body), 422, "module")


LISTS = ["/v1/users/2/entries", "/v1/users/2/purchases", "/v1/packages"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "201", "x", "-1", "1.5", "", "²", "9" * 30, "%00"])
def test_limit_of_a_list_that_is_none(send, path, limit):
    assert_problem(send("GET", f"{path}?limit={limit}"), 422, "limit")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "cursor", ["x", "-1", "en_", "en_zzzzzzzzzzzzz", "en_ééééééééééééé", "sp_0000000000000", "1.", "%00"]
)
def test_cursor_that_no_page_gave(send, path, cursor):
    assert_problem(send("GET", f"{path}?cursor={cursor}"), 422, "cursor")


@pytest.mark.parametrize("limit", ["1", "200"])
@pytest.mark.parametrize("path", LISTS)
def test_smallest_and_largest_page(send, path, limit):
    assert send("GET", f"{path}?limit={limit}").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer tb_wrong", "Bearer \xff\xfe", "Bearer " + "k" * 9_000],
)
@pytest.mark.parametrize("path", ["/v1/spends", "/v1/users/2"])
def test_access_key_that_is_none(shop, header, path):
    response = shop.client.open(path, method="POST" if "spends" in path else "GET", headers={"Authorization": header})

    assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_addresses_and_methods_that_are_not_there(send):
    assert_problem(send("GET", "/v1/nothing"), 404)
    assert_problem(send("DELETE", "/v1/spends"), 405)
    assert_problem(send("GET", "/v1/users/77"), 404)
    assert_problem(send("POST", "/v1/spends", {"user": {"id": 2}, "operation": "no.such"}), 404)


def test_another_stores_key_sees_and_moves_nothing_of_ours(shop, shared, send):
    put_package(shop, 10, 5)
    deliver(shop, order(customer=7))
    send("PUT", "/v1/limits/chat", {"period": "daily", "rules": {"user": 0}})
    _, theirs = add_shop(shared.app, "other")
    client = shared.app.test_client()

    for path in ("/v1/users/7", "/v1/users/7/entries", "/v1/users/7/purchases", "/v1/packages/10", "/v1/limits/chat"):
        assert send("GET", path).status_code == 200
        assert_problem(client.get(path, headers=theirs), 404)
    for path in ("/v1/packages", "/v1/limits"):
        assert client.get(path, headers=theirs).get_json() == {"items": [], "next": None}
    adjusted = client.post(
        "/v1/users/7/adjustments",
        json={"tokens": 5, "reason": "x"},
        headers=theirs | {"Idempotency-Key": "theirs"},
    )
    spent = client.post(
        "/v1/spends", json={"user": {"id": 7}, "module": "chat", "tokens": 3}, headers=theirs | {"Idempotency-Key": "k"}
    )
    assert_problem(adjusted, 404)
    assert_problem(spent, 402)
    assert balance_of(shop, 7) == 5
