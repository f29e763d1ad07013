"""Responses for programs: headers that fit the body, and no session."""

from __future__ import annotations

import pytest
from flask import session

from tests.factories import give
from tests.support.pages import sign_in

REQUEST = {"user": {"id": 2}, "module": "chat", "tokens": 1}


@pytest.fixture
def engine():
    """One engine is enough: this is about headers."""
    return "sqlite"


@pytest.mark.parametrize("reference", ["plain", "é\u20ac😀"])
def test_length_is_that_of_the_bytes(shop, reference):
    give(shop, 2, 10)
    headers = shop.headers | {"Idempotency-Key": "bytes"}
    for _ in range(2):
        answer = shop.client.post("/v1/spends", json=REQUEST | {"reference": reference}, headers=headers)
        assert answer.get_json()["reference"] == reference
        assert int(answer.headers["Content-Length"]) == len(answer.get_data())
        assert answer.headers.getlist("Content-Length") == [str(len(answer.get_data()))]
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_head_has_the_headers_and_no_body(shop):
    whole = shop.client.get("/v1/store", headers=shop.headers)
    answer = shop.client.head("/v1/store", headers=shop.headers)

    assert answer.get_data() == b""
    assert answer.headers["Content-Length"] == whole.headers["Content-Length"]


def test_session_of_a_page_is_not_opened_for_programs(app, shop):
    admin = sign_in(app)
    cookie = admin.get_cookie("token_bridge")

    assert admin.get("/v1/store").status_code == 401
    for path, keys in (("/admin/shop/credits", {"admin"}), ("/v1/docs", {"admin"}), ("/v1/store", set())):
        with app.test_request_context(path, headers={"Cookie": f"{cookie.key}={cookie.value}"}):
            assert set(session) & {"admin"} == keys
