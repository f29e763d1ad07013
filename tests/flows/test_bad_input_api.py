"""Invalid API requests: each is a 4xx that names the field and leaves the ledger unchanged."""

from __future__ import annotations

import json

import pytest

from tests.factories import balance_of, give
from tests.support import ledger_sql
from tests.support.problems import assert_problem
from tests.support.shared_app import ENGINES, open_shared_app

BIG = 2**60
SPEND = {"user": {"id": 2}, "module": "chat", "tokens": 30}


@pytest.fixture(scope="module", params=ENGINES)
def shared(request):
    """Return one service for all tests: user 2 has 100 tokens before and after."""
    with open_shared_app(request.param, request, "bad_input_api") as service:
        give(service.shop, 2, 100)
        yield service
        assert balance_of(service.shop, 2) == 100
        assert ledger_sql.count(service.database, "spends") == 0
        assert ledger_sql.faults(service.database) == []


@pytest.fixture
def shop(shared):
    return shared.shop


@pytest.fixture
def send(shop):
    """Return a function that sends a body, a document or bytes, and returns the response."""

    def call(method, path, body=None, **headers):
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        key = {"Idempotency-Key": "key"} if method == "POST" else {}
        return shop.client.open(path, method=method, data=data, headers=shop.headers | key | headers)

    return call


@pytest.mark.parametrize(
    "tokens", [0, -1, 1.5, 5.0, "5", BIG, None, True, [], {}, float("nan"), float("inf"), 10**400], ids=repr
)
def test_tokens_that_are_no_whole_positive_amount(send, tokens):
    assert_problem(send("POST", "/v1/spends", SPEND | {"tokens": tokens}), 422, "tokens")


@pytest.mark.parametrize("user_id", [[2], 0, -1, BIG, "2", 1.0, None, True, {}], ids=repr)
def test_user_ids_that_are_none(send, user_id):
    assert_problem(send("POST", "/v1/spends", SPEND | {"user": {"id": user_id}}), 422, "user.id")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"guest": {"id": "g"}}, "user"),
        ({"user": None}, "user"),
        ({"user": None, "guest": {"id": ""}}, "guest.id"),
        ({"user": None, "guest": {"id": "g" * 256}}, "guest.id"),
        ({"user": None, "guest": {"id": 5}}, "guest.id"),
        ({"user": 2}, "user"),
        ({"user": [2]}, "user"),
        ({"user": {}}, "user.id"),
        ({"user": {"id": 2, "roles": "editor"}}, "user.roles"),
        ({"user": {"id": 2, "roles": [5]}}, "user.roles.0"),
        ({"user": {"id": 2, "roles": [""]}}, "user.roles.0"),
        ({"user": {"id": 2, "roles": ["r"] * 51}}, "user.roles"),
        ({"user": {"id": 2, "email": "e" * 321}}, "user.email"),
        ({"user": {"id": 2, "name": "n" * 201}}, "user.name"),
        ({"user": {"id": 2, "surname": "n"}}, "user.surname"),
        ({"token": 5}, "token"),
        ({"module": ""}, "module"),
        ({"module": "Chat"}, "module"),
        ({"module": "chat\n"}, "module"),
        ({"module": "c" * 65}, "module"),
        ({"module": 5}, "module"),
        ({"source": "s" * 101}, "source"),
        ({"reference": "r" * 201}, "reference"),
    ],
    ids=repr,
)
def test_fields_that_cannot_be_right(send, change, field):
    assert_problem(send("POST", "/v1/spends", SPEND | change), 422, field)


@pytest.mark.parametrize(("missing", "field"), [("user", "user"), ("module", "module"), ("tokens", "tokens")])
def test_fields_that_are_missing(send, missing, field):
    body = {name: value for name, value in SPEND.items() if name != missing}

    assert_problem(send("POST", "/v1/spends", body), 422, field)


@pytest.mark.parametrize("key", ["k" * 256, "k" * 10_240, "clé", "a\tb"], ids=lambda key: f"{key[:3]} {len(key)}")
def test_idempotency_key_that_is_none(send, key):
    response = send("POST", "/v1/spends", SPEND, **{"Idempotency-Key": key})

    assert_problem(response, 400, "Idempotency-Key")
    assert response.get_json()["code"] == "idempotency_key_invalid"


@pytest.mark.parametrize("path", ["/v1/spends", "/v1/users/2/adjustments"])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "  "}], ids=["none", "", "blank"])
def test_idempotency_key_that_is_missing(shop, path, headers):
    response = shop.client.post(path, json=SPEND, headers=shop.headers | headers)

    assert_problem(response, 400, "Idempotency-Key")
    assert response.get_json()["code"] == "idempotency_key_required"


TEXTS = [
    ("PUT", "/v1/users/2", {"email": ...}, "email"),
    ("PUT", "/v1/users/2", {"name": ...}, "name"),
    ("PUT", "/v1/users/2", {"roles": [...]}, "roles.0"),
    ("POST", "/v1/spends", SPEND | {"user": {"id": 2, "email": ...}}, "user.email"),
    ("POST", "/v1/spends", SPEND | {"user": {"id": 2, "name": ...}}, "user.name"),
    ("POST", "/v1/spends", SPEND | {"user": {"id": 2, "roles": [...]}}, "user.roles.0"),
    ("POST", "/v1/spends", SPEND | {"source": ...}, "source"),
    ("POST", "/v1/spends", SPEND | {"reference": ...}, "reference"),
    ("POST", "/v1/spends", SPEND | {"module": ...}, "module"),
    ("POST", "/v1/spends", {"guest": {"id": ...}, "module": "chat", "tokens": 1}, "guest.id"),
    ("POST", "/v1/users/2/adjustments", {"tokens": 5, "reason": ...}, "reason"),
    ("PUT", "/v1/modules/chat", {"label": ...}, "label"),
    ("PUT", "/v1/limits/chat", {"period": "daily", "rules": {}, "message": ...}, "message"),
    ("PUT", "/v1/limits/chat", {"period": ..., "rules": {}}, "period"),
    ("PUT", "/v1/packages/10", {"tokens": 5, "name": ...}, "name"),
    ("PUT", "/v1/packages/10", {"tokens": 5, "sku": ...}, "sku"),
    ("POST", "/v1/store/sources", {"url": ...}, "url"),
    ("POST", "/v1/orders/1/decisions", {"kind": ..., "choice": "grant"}, "kind"),
    ("POST", "/v1/orders/1/decisions", {"kind": "x", "subject": ..., "choice": "grant"}, "subject"),
    ("POST", "/v1/orders/1/decisions", {"kind": "x", "choice": ...}, "choice"),
    ("PUT", "/v1/store", {"name": ...}, "name"),
    ("PUT", "/v1/store", {"time_zone": ...}, "time_zone"),
    ("PUT", "/v1/store", {"week_start": ...}, "week_start"),
    ("PUT", "/v1/store", {"spend_order": [...]}, "spend_order.0"),
    ("PUT", "/v1/store", {"grant_statuses": [...]}, "grant_statuses.0"),
    ("PUT", "/v1/store", {"purchase_url": ...}, "purchase_url"),
]


def with_text(document, text):
    if document is ...:
        return text
    if isinstance(document, dict):
        return {name: with_text(value, text) for name, value in document.items()}
    return [with_text(value, text) for value in document] if isinstance(document, list) else document


@pytest.mark.parametrize(("method", "path", "body", "field"), TEXTS, ids=lambda value: str(value)[:40])
def test_nul_and_half_a_letter_in_every_text(send, method, path, body, field):
    """PostgreSQL allows no NUL in text, and a lone surrogate is invalid text and so invalid JSON."""
    nul = send(method, path, with_text(body, "a\0b"))
    half = send(method, path, json.dumps(with_text(body, "a\ud800b")).encode())

    assert_problem(nul, 422, field)
    assert_problem(half, 400)
    assert half.get_json()["code"] == "malformed_body"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [(method, path, body) for method, path, body, _ in TEXTS[:3]],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize("text", ["ß" * 100, "İ" * 100, "𝔘" * 100, "\x7f\u202e\ufeff"], ids=["ss", "i", "wide", "odd"])
def test_characters_that_grow_when_their_case_is_folded_are_stored(send, shop, method, path, body, text):
    assert send(method, path, with_text(body, text * 2 if "name" in body else text)).status_code == 200


@pytest.mark.parametrize("letter", ["ß", "İ", "ΐ"])
def test_longest_names_and_addresses_fit_however_they_are_folded(send, letter):
    response = send("PUT", "/v1/users/3", {"email": letter * 320, "name": letter * 200, "roles": [letter * 100] * 50})

    assert response.status_code == 200, response.text
    assert response.get_json()["email"] == letter * 320


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400),
        (b"", 400),
        (b"{", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"5", 400),
        (b'"text"', 400),
        (b"tokens=5&module=chat", 400),
        (b'{"module": "ch\xffat"}', 400),
        (b"\xff\xfe{\x00}\x00", 400),
        (b"[" * 100_000, 400),
        (b'{"user":' * 5_000 + b"1" + b"}" * 5_000, 400),
        (b'{"tokens":' + b"9" * 10_000 + b"}", 400),
        (b'{"tokens": 1e999}', 422),
        (b'{"tokens": NaN}', 422),
        (b'{"\\u0000": 1}', 422),
        (b"{}", 422),
        (b'{"tokens": 1}' + b" " * 2**21, 413),
    ],
    ids=lambda value: str(value)[:24],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/spends"),
        ("POST", "/v1/users/2/adjustments"),
        ("PUT", "/v1/packages/10"),
        ("PUT", "/v1/limits/chat"),
    ],
)
def test_bodies_that_are_none(send, method, path, body, status):
    response = send(method, path, body, **{"Content-Type": "application/json"})

    # The parser decides where the JSON ends: a number of 10 000 digits is either no JSON or no amount.
    assert response.status_code in ({400, 422} if body and b"999" in body else {status}), response.text
    assert_problem(response, response.status_code)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_form_is_no_json_whatever_it_is_called(send, content_type):
    response = send("POST", "/v1/spends", b"module=chat&tokens=5", **{"Content-Type": content_type})

    assert_problem(response, 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"user": {"id": 2}, "module": "chat", "tokens": 1, "tokens": 90}', "tokens"),
        (b'{"user": {"id": 3, "id": 2}, "module": "chat", "tokens": 1}', "id"),
        (b'{"user": {"id": 3}, "module": "chat", "tokens": 1, "\\u0075ser": {"id": 2}}', "user"),
    ],
    ids=["tokens", "id", "user"],
)
def test_field_that_is_there_twice(send, body, field):
    assert_problem(send("POST", "/v1/spends", body), 422, field)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/users/2/adjustments", {"reason": "x"}, "tokens"),
        ("POST", "/v1/users/2/adjustments", {"tokens": 1, "balance": 1, "reason": "x"}, "tokens"),
        ("POST", "/v1/users/2/adjustments", {"tokens": 0, "reason": "x"}, "tokens"),
        ("POST", "/v1/users/2/adjustments", {"tokens": BIG, "reason": "x"}, "tokens"),
        ("POST", "/v1/users/2/adjustments", {"balance": -1, "reason": "x"}, "balance"),
        ("POST", "/v1/users/2/adjustments", {"tokens": 5}, "reason"),
        ("POST", "/v1/users/2/adjustments", {"tokens": 5, "reason": ""}, "reason"),
        ("POST", "/v1/users/2/adjustments", {"tokens": 5, "reason": "r" * 501}, "reason"),
        ("PUT", "/v1/limits/chat", {"period": "daily"}, "rules"),
        ("PUT", "/v1/limits/chat", {"period": "hourly", "rules": {}}, "period"),
        ("PUT", "/v1/limits/chat", {"period": "daily", "rules": {"role:": 1}}, "rules"),
        ("PUT", "/v1/limits/chat", {"period": "daily", "rules": {"role:a\0b": 1}}, "rules"),
        ("PUT", "/v1/limits/chat", {"period": "daily", "rules": {"everybody": 1}}, "rules"),
        ("PUT", "/v1/packages/10", {}, "tokens"),
        ("PUT", "/v1/packages/10", {"tokens": -1}, "tokens"),
        ("PUT", "/v1/packages/10", {"tokens": 2**53}, "tokens"),
        ("PUT", "/v1/store", {"time_zone": "Mars/Olympus"}, "time_zone"),
        ("PUT", "/v1/store", {"time_zone": "../../etc/passwd"}, "time_zone"),
        ("PUT", "/v1/store", {"week_start": "someday"}, "week_start"),
        ("PUT", "/v1/store", {"spend_order": ["plan", "plan", "plan"]}, "spend_order"),
        ("PUT", "/v1/store", {"grant_statuses": []}, "grant_statuses"),
        ("PUT", "/v1/store", {"grant_statuses": ["a b"]}, "grant_statuses"),
        ("PUT", "/v1/store", {"purchase_url": "javascript:alert(1)"}, "purchase_url"),
        ("PUT", "/v1/store", {"low_balance": BIG}, "low_balance"),
        ("PUT", "/v1/modules/chat", {"metered": 1}, "metered"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_settings_and_corrections_that_cannot_be_right(send, method, path, body, field):
    assert_problem(send(method, path, body), 422, field)


@pytest.mark.parametrize("value", [-1, 1.5, "5", BIG, None, True, "UNLIMITED"], ids=repr)
def test_rules_of_a_limit_that_are_no_amount(send, value):
    response = send("PUT", "/v1/limits/chat", {"period": "daily", "rules": {"user": value}})

    assert response.status_code == 422
    assert all(error["field"].startswith("rules.user") for error in response.get_json()["errors"])
