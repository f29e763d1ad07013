"""The API's own description: complete, resolvable, and true to the routes."""

from __future__ import annotations

import json
import re

import pytest

from bridge.domain.errors import BridgeError
from bridge.domain.metering.funding import Refusal
from bridge.web.api import openapi


@pytest.fixture
def engine():
    """One engine is enough: nothing here touches a table."""
    return "sqlite"


def test_every_route_that_takes_a_body_has_its_model(app):
    writing = {rule.endpoint for rule in openapi.rules_of(app) if (rule.methods or set()) & {"POST", "PUT", "PATCH"}}

    assert writing == set(openapi.BODIES) | openapi.BODILESS


@pytest.mark.parametrize("names", [openapi.KEYED, openapi.PAGED, openapi.CREATED, openapi.KEYLESS, openapi.QUERIES])
def test_every_name_in_the_tables_is_a_route(app, names):
    assert set(names) <= {rule.endpoint for rule in openapi.rules_of(app)}


def test_the_document_describes_every_route_and_resolves(app):
    document = app.test_client().get("/v1/openapi.json").json

    described = {(method, path) for path, calls in document["paths"].items() for method in calls}
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in openapi.rules_of(app)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert document["openapi"] == "3.1.0"
    assert described == routes
    for reference in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]


def test_the_keyed_routes_refuse_a_request_without_a_key(app, shop):
    for rule in openapi.rules_of(app):
        if rule.endpoint in openapi.KEYED:
            path = re.sub(r"<(?:\w+:)?\w+>", "1", rule.rule)
            answer = shop.client.post(path, json={}, headers=shop.headers)
            assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_required"), path


def test_the_readable_page_names_every_call(app):
    page = app.test_client().get("/v1/docs")

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for path in app.test_client().get("/v1/openapi.json").json["paths"]:
        assert path in page.text


def test_every_code_is_described_once_on_the_docs_page(app):
    page = app.test_client().get("/v1/docs").text

    described = re.findall(r'<tr id="([a-z0-9_]+)">', page)
    assert len(described) == len(set(described))
    assert codes_of(BridgeError) | {refusal.value for refusal in Refusal} | {"internal_error"} <= set(described)


def codes_of(kind: type[BridgeError]) -> set[str]:
    """The codes of all error classes below one."""
    return {code for below in kind.__subclasses__() for code in ({below.code} | codes_of(below))}
