"""Messages about bad fields are always our own sentences, never those of the validation library."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from bridge.domain.errors import BridgeError
from bridge.web.api import openapi
from bridge.web.api.operations import operation_of

BAD = [
    *(None, True, False, 0, -1, 5.0, 1.5, 2**53, 10**30, "", "x", "5", "a\x00b", "A B", "x" * 3000, "2026-99-99"),
    *([], [1], [{}], ["x"] * 3000, {}, {"a": 1}, {"user": "x"}, {"role:": 1}, "2026-11-26T09:30:00", "unlimited"),
]
UNMANAGED = (
    "Input should",
    "a valid",
    "Value error",
    "Field required",
    "Extra inputs",
    "constrained",
    "literal[",
    "pydantic",
)


@pytest.fixture
def engine():
    """One engine is enough: nothing here reaches a database."""
    return "sqlite"


def models_of(app):
    """Return every request model of the API."""
    found = [operation_of(app.view_functions[rule.endpoint]).body for rule in openapi.rules_of(app)]
    return {model for model in found if model is not None}


def bodies_of(model):
    """Return bodies with one bad value in each field, and some that are no object of fields."""
    yield from ({}, {"no_such_field": 1})
    for field in model.model_fields:
        for value in BAD:
            yield {field: value}
            yield {field: [value]}
            yield {field: [{field: value, "key": value, "module": value}]}
            yield {field: {"id": value, "ids": value, "user": value, "email": value, "name": value}}


def test_every_message_about_a_bad_field_is_our_own(app):
    checked = 0
    for model in models_of(app):
        for body in bodies_of(model):
            try:
                model.read(body)
            except BridgeError as error:
                theirs = _messages_of_the_library(model, body)
                for field in error.fields:
                    checked += 1
                    assert field.message not in theirs, (model, body, field)
                    assert not any(words in field.message for words in UNMANAGED), (model, body, field)
                    assert not any(words in field.field for words in UNMANAGED), (model, body, field)
    assert checked > 1000


def _messages_of_the_library(model, body):
    try:
        model.model_validate(body)
    except ValidationError as error:
        return {fault["msg"] for fault in error.errors()}
    return set()


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"user": {"id": 42}, "module": "chat", "tokens": 5.0}, "tokens", "must be a whole number"),
        ({"user": {"id": 42}, "module": "chat", "tokens": 0}, "tokens", "must be 1 or more"),
        ({"user": {"id": 42}, "module": "chat", "token": 1}, "token", "there is no such field"),
        ({"user": {}, "module": "chat", "tokens": 1}, "user.id", "this field is required"),
    ],
)
def test_a_bad_field_is_named_with_what_to_change(shop, body, field, message):
    answer = shop.client.post("/v1/spends", json=body, headers=shop.headers | {"Idempotency-Key": "k"})

    assert answer.status_code == 422
    assert {"field": field, "message": message} in answer.json["errors"]


@pytest.mark.parametrize("raw", ["{", "[1,", '{"a": 1,}', "nul", "\ufeff{}", '{"a": NaN}', "1" * 5000])
def test_a_body_that_is_not_json_has_our_own_sentence(shop, raw):
    answer = shop.client.post("/v1/quotes", data=raw.encode(), headers=shop.headers)

    assert answer.json["code"] in {"malformed_body", "invalid_request"}
    assert not any(words in json.dumps(answer.json) for words in ("Expecting", "Exceeds", *UNMANAGED)), answer.json
