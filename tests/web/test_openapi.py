"""The OpenAPI document is complete, valid, and in agreement with the routes."""

from __future__ import annotations

import json
import re

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from bridge.domain.errors import BridgeError
from bridge.domain.metering.funding import Refusal
from bridge.web.api import openapi
from bridge.web.api.operations import access_of, operation_of


@pytest.fixture
def engine():
    """One engine is enough: nothing here depends on it."""
    return "sqlite"


@pytest.fixture
def document(app):
    return app.test_client().get("/v1/openapi.json").json


def calls_of(document):
    """Return the operations of the document with their names."""
    return [(f"{method} {path}", call) for path, calls in document["paths"].items() for method, call in calls.items()]


def test_the_document_is_valid(document):
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_the_document_describes_every_route_and_resolves(app, document):
    described = {(method, path) for path, calls in document["paths"].items() for method in calls}
    routes = {
        (method.lower(), openapi.template_of(rule))
        for rule in openapi.rules_of(app)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routes
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]


def test_the_server_is_the_public_address(document):
    assert [server["url"] for server in document["servers"]] == ["http://127.0.0.1:8000"]


def test_everything_has_a_description(document):
    for name, call in calls_of(document):
        assert call["summary"], name
        assert call["description"], name
        for parameter in call["parameters"]:
            assert parameter["description"], (name, parameter)
        for status, response in call["responses"].items():
            assert response["description"], (name, status)
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, inner in schema.get("properties", {}).items():
            assert inner.get("description"), (name, field)


def test_operations_have_known_tags_and_their_own_ids(document):
    tags = [tag["name"] for tag in document["tags"]]
    ids = [call["operationId"] for _, call in calls_of(document)]

    assert len(ids) == len(set(ids))
    assert {call["tags"][0] for _, call in calls_of(document)} == set(tags)


def test_every_example_is_as_described(document):
    for name, call in calls_of(document):
        bodies = (
            [call["requestBody"], *call["responses"].values()]
            if "requestBody" in call
            else [*call["responses"].values()]
        )
        for body in bodies:
            for content in body.get("content", {}).values():
                if "example" in content:
                    schema = {**content["schema"], "components": document["components"]}
                    assert jsonschema_rs.Draft202012Validator(schema).is_valid(content["example"]), (name, content)


def test_writes_read_a_declared_body_or_none(app, shop):
    """A route whose body is not declared accepts a body with an unknown field."""
    for rule in openapi.rules_of(app):
        for method in (rule.methods or set()) & {"POST", "PUT", "PATCH"}:
            declared = operation_of(app.view_functions[rule.endpoint])
            path = re.sub(r"<(?:\w+:)?\w+>", "1", rule.rule)
            headers = shop.headers | {"Idempotency-Key": "one"}
            answer = shop.client.open(path, method=method, json={"no_such_field": 1}, headers=headers)
            named = [error["field"] for error in (answer.json or {}).get("errors", [])]
            assert ("no_such_field" in named) == (declared.body is not None) or answer.status_code in {404, 403}, path


def test_the_keyed_routes_refuse_a_request_without_a_key(app, shop):
    for rule in openapi.rules_of(app):
        if operation_of(app.view_functions[rule.endpoint]).is_keyed:
            path = re.sub(r"<(?:\w+:)?\w+>", "1", rule.rule)
            answer = shop.client.post(path, json={}, headers=shop.headers)
            assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_required"), path


def test_the_routes_that_need_an_access_key_refuse_a_request_without_one(app):
    client = app.test_client()
    for rule in openapi.rules_of(app):
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            path = re.sub(r"<(?:\w+:)?\w+>", "1", rule.rule)
            needs_one = access_of(app.view_functions[rule.endpoint]) is not None
            assert (client.open(path, method=method).status_code == 401) == needs_one, path


def test_the_readable_page_names_every_call(app, document):
    page = app.test_client().get("/v1/docs")

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for path, calls in document["paths"].items():
        assert path in page.text
        for call in calls.values():
            assert f'id="{call["operationId"].replace("_", "-")}"' in page.text


def test_every_code_is_described_once_on_the_docs_page(app):
    page = app.test_client().get("/v1/docs").text

    described = re.findall(r'<div id="([a-z0-9_]+)">', page)
    assert len(described) == len(set(described))
    assert codes_of(BridgeError) | {refusal.value for refusal in Refusal} | {"internal_error"} <= set(described)


def test_every_link_on_the_docs_page_has_its_target(app):
    page = app.test_client().get("/v1/docs").text

    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def codes_of(kind: type[BridgeError]) -> set[str]:
    """Return the codes of all error classes below one."""
    return {code for below in kind.__subclasses__() for code in ({below.code} | codes_of(below))}
