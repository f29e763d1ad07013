"""A test client that checks every API response against the OpenAPI document."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import jsonschema_rs
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from bridge.domain.stores.public_address import path_of
from bridge.web.api import openapi

_ANYWHERE = {"400", "404", "405", "408", "411", "413", "414", "415", "422", "431", "500", "503"}
"""The statuses of requests that reach no operation."""


class NotDescribed(AssertionError):
    """An error for a response that the OpenAPI document does not allow."""


class ConformingClient(FlaskClient):
    """Flask's test client; a response below /v1 that differs from its description fails the test."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request and check its response."""
        response = super().open(*args, **kwargs)
        check(self.application, response)
        return response


def check(app: Flask, response: TestResponse) -> None:
    """Raise `NotDescribed` for a response of the API that differs from the document."""
    environ = response.request.environ
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"].lower()
    prefix = path_of(app.extensions["bridge"].config.public_url)
    path = path.removeprefix(prefix) if prefix else path
    if not path.startswith("/v1/") or method in {"head", "options"} or response.status_code == 308:
        return
    status, place = str(response.status_code), f"{method} {path}: {response.status_code}"
    described = _operation(app, path, method)
    is_before_routing = (
        response.status_code == 400 and (response.get_json(silent=True) or {}).get("code") == "bad_request"
    )
    if described is None or is_before_routing:
        if status not in _ANYWHERE:
            raise NotDescribed(f"{place} of no operation")
        _check_body("Problem", {"$ref": "#/components/schemas/Problem"}, response, place)
        return
    template, call = described
    if status not in call["responses"]:
        raise NotDescribed(f"{place} is not described ({template}): {response.text[:300]}")
    answer = call["responses"][status]
    for name in answer.get("headers", {}):
        if document()["components"]["headers"][name].get("required") and name not in response.headers:
            raise NotDescribed(f"{place} has no header {name}")
    if "Idempotent-Replayed" in response.headers and "Idempotent-Replayed" not in answer.get("headers", {}):
        raise NotDescribed(f"{place} has Idempotent-Replayed")
    content = answer.get("content", {})
    if content and response.mimetype not in content:
        raise NotDescribed(f"{place} has the type {response.content_type}")
    if content and response.mimetype.endswith("json"):
        _check_body(f"{method} {template} {status}", content[response.mimetype]["schema"], response, place)


@cache
def document() -> dict[str, Any]:
    """Return the document, with every response object closed to properties it does not name."""
    closed = copy.deepcopy(_found[0])
    for schema in closed["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return closed


_found: list[dict[str, Any]] = []


def _operation(app: Flask, path: str, method: str) -> tuple[str, dict[str, Any]] | None:
    if not _found:
        _found.append(openapi.describe(app))
    try:
        rule, _ = app.url_map.bind("localhost").match(path, method=method.upper(), return_rule=True)
    except HTTPException:
        return None
    template = openapi.template_of(rule)
    return template, document()["paths"][template][method]


def _check_body(name: str, schema: dict[str, Any], response: TestResponse, place: str) -> None:
    try:
        _validator(name, schema.get("$ref")).validate(response.get_json())
    except jsonschema_rs.ValidationError as error:
        raise NotDescribed(f"{place}: {'.'.join(map(str, error.instance_path))}: {error.message[:500]}") from error


@cache
def _validator(name: str, reference: str | None) -> Any:
    method, _, rest = name.partition(" ")
    if reference is None:
        template, _, status = rest.rpartition(" ")
        content = document()["paths"][template][method]["responses"][status]["content"]
        schema = next(iter(content.values()))["schema"]
    else:
        schema = {"$ref": reference}
    return jsonschema_rs.Draft202012Validator({**schema, "components": document()["components"]})
