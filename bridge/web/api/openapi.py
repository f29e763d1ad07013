"""The API described by itself: OpenAPI 3.1, made from the routes and the bodies they read."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, render_template
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from bridge.domain.stores.public_address import path_of
from bridge.runtime import Runtime
from bridge.web.api import events, holds, limits, orders, requests, settings, sites, spends, users
from bridge.web.api.parsing import Body
from bridge.web.api.responses import json_response
from bridge.web.errors import problem_kinds

bp = Blueprint("openapi", __name__, url_prefix="/v1")

BODIES: dict[str, type[Body]] = {
    "api_events.create_endpoint": events.EndpointIn,
    "api_events.replay": events.ReplayIn,
    "api_holds.capture": holds.CaptureIn,
    "api_holds.hold": holds.HoldIn,
    "api_holds.release": holds.ReleaseIn,
    "api_metering.put_operation": limits.OperationIn,
    "api_metering.put_override": limits.OverrideIn,
    "api_metering.reset_many": limits.ResetManyIn,
    "api_metering.reset_user": limits.ResetIn,
    "api_orders.assign": orders.AssignIn,
    "api_orders.accept_source": orders.SourceIn,
    "api_orders.decide": orders.DecisionIn,
    "api_orders.see_refunds": orders.SeenIn,
    "api_orders.set_amount": orders.LineIn,
    "api_settings.decide_past_orders": settings.PastOrdersIn,
    "api_settings.put_limit": settings.LimitIn,
    "api_settings.put_module": settings.ModuleIn,
    "api_settings.put_package": settings.PackageIn,
    "api_settings.put_store": settings.StoreIn,
    "api_sites.add_site": sites.SiteIn,
    "api_sites.change_site": sites.SiteChangesIn,
    "api_sites.link": sites.LinkIn,
    "api_sites.rotate_key": sites.RotationIn,
    "api_spends.quote": spends.QuoteIn,
    "api_spends.refund": spends.RefundIn,
    "api_spends.spend": requests.SpendIn,
    "api_spends.spend_batch": spends.BatchOut,
    "api_users.adjust": users.AdjustmentIn,
    "api_users.put_user": users.ProfileIn,
}
"""What each route that takes a body reads; a test looks that none is missing."""

BODILESS = frozenset({"api_orders.check", "api_sites.add_link_code"})
"""The routes that write and read no body."""

KEYED = frozenset({"api_holds.capture", "api_holds.hold", "api_spends.refund", "api_spends.spend", "api_users.adjust"})
"""The routes that need an Idempotency-Key."""

KEYLESS = frozenset({"api_sites.link", "openapi.document", "openapi.docs"})
"""The routes that need no access key."""

PAGED = frozenset(
    {
        "api_events.list_events",
        "api_orders.list_exceptions",
        "api_settings.list_packages",
        "api_sites.list_sites",
        "api_users.list_entries",
        "api_users.list_purchases",
        "api_users.list_purchase_lines",
    }
)

QUERIES: dict[str, dict[str, str]] = {
    "api_metering.explain": {"module": "the module's key", "tokens": "whole tokens, 1 where it is left out"},
    "api_users.usage": {"days": "30, 90 or 365", "format": "csv for a table"},
    "api_users.list_entries": {"format": "csv for the whole table"},
    "api_users.list_purchases": {"format": "csv for the whole table"},
    "widget.show": {
        "user_id": "the shop's user",
        "guest_id": "a visitor's opaque id, in place of a user",
        "modules": "module keys, separated by commas",
        "view": "full or summary",
        "lang": "a language such as en, fr, de or es",
    },
}

CREATED = frozenset(
    {
        "api_events.create_endpoint",
        "api_holds.capture",
        "api_holds.hold",
        "api_sites.add_link_code",
        "api_sites.add_site",
        "api_sites.link",
        "api_spends.refund",
        "api_spends.spend",
        "api_users.adjust",
    }
)

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_REFUSALS = {"402": "Not enough tokens, or a linked site's cap is reached; nothing was charged"}
_REFUSABLE = frozenset({"api_spends.spend", "api_holds.hold"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API, as the readable page shows it."""

    method: str
    path: str
    summary: str
    description: str
    fields: tuple[tuple[str, str, bool], ...]
    needs_key: bool


@bp.get("/openapi.json")
def document() -> Response:
    """This API, as OpenAPI 3.1."""
    return json_response(describe(_app()))


@bp.get("/docs")
def docs() -> Response:
    """The same to read."""
    page = render_template("docs.html", operations=_operations(_app()), problems=problem_kinds())
    return Response(page, content_type="text/html; charset=utf-8")


def rules_of(app: Flask) -> list[Rule]:
    """The routes of the API, by path."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")]
    return sorted(rules, key=lambda rule: (rule.rule, sorted(rule.methods or ())))


@cache
def describe(app: Flask) -> dict[str, Any]:
    """The OpenAPI document of every route below /v1, made once for each app."""
    _, schemas = models_json_schema(
        [(model, "validation") for model in BODIES.values()], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules_of(app):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            paths.setdefault(path, {})[method.lower()] = _call(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Token Bridge",
            "version": "1",
            "description": "Balances, limits and spends of tokens. Amounts are whole numbers: 5.0 is refused.",
        },
        **_servers(app),
        "security": [{"access_key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"access_key": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas.get("$defs", {}), "Problem": _PROBLEM},
        },
    }


def _servers(app: Flask) -> dict[str, Any]:
    """Return the base of the paths, where the public URL has a path."""
    own: Runtime = app.extensions["bridge"]
    path = path_of(own.config.public_url)
    return {"servers": [{"url": path}]} if path else {}


def _app() -> Flask:
    # The app itself and not the name it goes by here, which is another in each request.
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]


def _call(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    summary, description = _words(app, rule.endpoint)
    call: dict[str, Any] = {
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', rule.rule.lower()).strip('_')}",
        "summary": summary,
        "tags": [rule.endpoint.split(".")[0].removeprefix("api_")],
        "parameters": _parameters(rule),
        "responses": _responses(rule.endpoint, method),
    }
    if description:
        call["description"] = description
    if rule.endpoint in KEYLESS:
        call["security"] = []
    body = BODIES.get(rule.endpoint) if method in {"POST", "PUT", "PATCH"} else None
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        call["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return call


def _parameters(rule: Rule) -> list[dict[str, Any]]:
    text = {"type": "string"}
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in re.findall(r"<(?:\w+:)?(\w+)>", rule.rule)
    ]
    queries = dict(QUERIES.get(rule.endpoint, {}))
    if rule.endpoint in PAGED:
        queries |= {"limit": "1 to 200 items", "cursor": "what an earlier page named under next"}
    found += [
        {"name": name, "in": "query", "required": False, "description": words, "schema": text}
        for name, words in queries.items()
    ]
    if rule.endpoint in KEYED:
        key = {"type": "string", "minLength": 1, "maxLength": 255}
        found.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": key})
    return found


def _responses(endpoint: str, method: str) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    good = "201" if endpoint in CREATED else "204" if method == "DELETE" else "200"
    responses: dict[str, Any] = {good: {"description": "Done"}}
    if good != "204":
        kind = "text/html" if endpoint in {"widget.show", "openapi.docs"} else "application/json"
        responses[good]["content"] = {kind: {"schema": {}}}
    if endpoint in _REFUSABLE:
        responses |= {status: {"description": words, "content": problem} for status, words in _REFUSALS.items()}
    responses["default"] = {"description": "What was wrong; `code` names it", "content": problem}
    return responses


def _words(app: Flask, endpoint: str) -> tuple[str, str]:
    """The first line of the view's docstring, and the rest."""
    first, _, rest = inspect.cleandoc(app.view_functions[endpoint].__doc__ or "").partition("\n")
    return first.rstrip("."), rest.strip()


def _operations(app: Flask) -> list[Operation]:
    described = describe(app)
    found = []
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            reference = (
                call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("$ref")
            )
            schema = described["components"]["schemas"][reference.rsplit("/", 1)[1]] if reference else {}
            fields = tuple(
                (name, _kind(field), name in schema.get("required", ()))
                for name, field in schema.get("properties", {}).items()
            )
            needs_key = any(parameter["name"] == "Idempotency-Key" for parameter in call["parameters"])
            found.append(
                Operation(method.upper(), path, call["summary"], call.get("description", ""), fields, needs_key)
            )
    return found


def _kind(field: dict[str, Any]) -> str:
    """A field's type in a word or two."""
    if "$ref" in field:
        return str(field["$ref"].rsplit("/", 1)[1])
    if "anyOf" in field:
        return " or ".join(_kind(option) for option in field["anyOf"] if option.get("type") != "null")
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    return str(field.get("type", "any"))
