"""The OpenAPI 3.1 document of the API, built from the declarations on the routes."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from bridge.domain import errors
from bridge.runtime import Runtime
from bridge.web.api.answers.parts import Problem, Refusal
from bridge.web.api.examples import example_of
from bridge.web.api.operations import PATH, Operation, Parameter, Schema, access_of, operation, operation_of
from bridge.web.api.responses import text_response
from bridge.web.errors import ProblemKind, problem_kinds, status_of_class

bp = Blueprint("openapi", __name__, url_prefix="/v1")

TAGS = {
    "Spends": "Price, charge and refund tokens.",
    "Holds": "Hold tokens and charge the final cost later.",
    "Users": "Profiles, balances, ledgers and purchases.",
    "Limits": "Own limits, resets and explanations of decisions.",
    "Modules and limits": "Modules of the store and their free allowances.",
    "Prices": "The price list of operations.",
    "Packages": "Products of the shop and the tokens they grant.",
    "Orders": "Orders and their review items.",
    "Linked sites": "Other sites that spend the tokens of a user's account.",
    "Events": "Signed messages about balances, allowances and grants.",
    "Store": "Settings of the store.",
    "Connection": "Connect the WordPress plugin, check the connection, and end it.",
    "Passes": "Links that show one person the widget, the portal or the credits page.",
    "Widget": "The usage widget as HTML.",
    "Description": "This description of the API.",
}
"""The groups of operations, in the order of the docs page."""

_ALWAYS: tuple[type[errors.BridgeError], ...] = (errors.InvalidRequest, errors.Overloaded, errors.Unavailable)
_OF_ANY_BODY = (errors.RequestTimedOut, errors.BodyTooLarge, errors.UnsupportedBody)
"""Each request may carry a body, also where none is read."""
_OF_KEYS = (errors.NotSignedIn, errors.AccessKeyExpired, errors.SiteUnlinked)
_OF_IDEMPOTENCY = (errors.KeyRequired, errors.KeyInvalid, errors.KeyReused)
_FORBIDDEN = {"store": errors.StoreKeyRequired, "site": errors.SiteKeyRequired, "any": errors.SiteNamesUser}
_REFUSALS = (
    ("insufficient_tokens", 402),
    ("site_cap_reached", 402),
    ("confirmation_required", 402),
    ("module_disabled", 403),
)
_HEADERS: dict[str, Schema] = {
    "Idempotent-Replayed": {
        "description": "`true` if this is the stored response of an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {
        "description": "Seconds to wait before sending the request again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "The scheme of the access key.",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer"]},
    },
    "Cache-Control": {"description": "Caches must not store the response.", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "File name of a table.", "schema": {"type": "string"}},
    "Content-Language": {"description": "Language of the widget.", "schema": {"type": "string"}},
    "Location": {"description": "Path to use.", "required": True, "schema": {"type": "string"}},
    "ETag": {"description": "Version of the widget, for If-None-Match.", "schema": {"type": "string"}},
}
_INTRODUCTION = (
    "Balances, limits and spends of tokens. Send `Authorization: Bearer <access key>`. A store key acts for any account"
    " of its store, which each request names; a linked-site key acts for its own account, and its requests name none."
    " Amounts are whole numbers: 5.0 is refused. Times are RFC 3339 in UTC. Errors are `application/problem+json`;"
    " their `type` links to the description of the code."
)


@bp.get("/openapi.json")
@operation("Get the OpenAPI document", tag="Description", answer=None)
def document() -> Response:
    """Return this description as OpenAPI 3.1."""
    return text_response(_serialized(own_app()))


def rules_of(app: Flask) -> list[Rule]:
    """Return the routes of the API, by path."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")]
    return sorted(rules, key=lambda rule: (rule.rule, sorted(rule.methods or ())))


def template_of(rule: Rule) -> str:
    """Return the path of a route as OpenAPI writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def own_app() -> Flask:
    """Return the app itself, which is the same object in every request."""
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]


@cache
def _serialized(app: Flask) -> str:
    """Return the document as text, built once, because it is large and public."""
    return json.dumps(describe(app))


@cache
def describe(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of every route below /v1, built once for each app."""
    own: Runtime = app.extensions["bridge"]
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules_of(app):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            view = app.view_functions[rule.endpoint]
            paths.setdefault(template_of(rule), {})[method.lower()] = _call(view, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Token Bridge", "version": "1", "description": _INTRODUCTION},
        "servers": [{"url": own.config.public_url, "description": "This service"}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "security": [{"access_key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "access_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The access key of a store or a linked site.",
                }
            },
            "headers": _HEADERS,
            "schemas": _schemas(tuple(_models(app))),
        },
    }


def _models(app: Flask) -> list[type[BaseModel]]:
    declared = [operation_of(app.view_functions[rule.endpoint]) for rule in rules_of(app)]
    found = [model for one in declared for model in (one.body, one.answer) if model is not None]
    return list(dict.fromkeys([*found, Problem, Refusal]))


@cache
def _schemas(models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    named = re.sub(r"ItemList_(\w+?)(?:Out)?_(?=\W)", r"\1List", json.dumps(schemas["$defs"]))
    found: dict[str, Any] = json.loads(named)
    for name, schema in found.items():
        if name.endswith("List"):
            schema["description"] = "One page of a list."
    return found


def _call(view: Callable[..., Any], rule: Rule, method: str) -> dict[str, Any]:
    declared, access = operation_of(view), access_of(view)
    call: dict[str, Any] = {
        "operationId": _operation_id(rule, view),
        "summary": f"{declared.summary}: variation" if "<variation>" in rule.rule else declared.summary,
        "description": inspect.cleandoc(view.__doc__ or ""),
        "tags": [declared.tag],
        "parameters": _parameters(rule, declared),
        "responses": _responses(declared, access, has_variables="<" in rule.rule),
    }
    if access is None:
        call["security"] = []
    if "<variation>" in rule.rule:
        call["responses"]["308"] = {
            "description": "Variation 0 is the product: use the path without a variation.",
            "headers": _headers("Location"),
        }
    if declared.body is not None and method in {"POST", "PUT", "PATCH"}:
        content = {"schema": _reference(declared.body), "example": declared.example}
        is_required = not getattr(declared.body, "may_be_absent", False)
        call["requestBody"] = {"required": is_required, "content": {"application/json": content}}
    return call


def _operation_id(rule: Rule, view: Callable[..., Any]) -> str:
    is_variation = "<variation>" in rule.rule
    return f"{view.__name__}_of_variation" if is_variation else view.__name__


def _reference(model: type[BaseModel]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _parameters(rule: Rule, declared: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"<(?:\w+:)?(\w+)>", rule.rule)
    found = [{**_parameter(PATH[name], "path"), "required": True} for name in names]
    found += [_parameter(parameter, "query") for parameter in declared.query]
    if declared.is_keyed or declared.may_be_keyed:
        key = Parameter(
            "Idempotency-Key",
            "A new key for each action. A retry with the same key returns the first response.",
            {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*$"},
            "order-1001-image-1",
            declared.is_keyed,
        )
        found.append(_parameter(key, "header"))
    return found


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    example = {"example": parameter.example} if parameter.example != "" else {}
    return {
        "name": parameter.name,
        "in": place,
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": parameter.schema,
        **example,
    }


def _responses(declared: Operation, access: str | None, *, has_variables: bool) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Success.", "headers": _headers("Cache-Control")}
    if declared.is_keyed or declared.may_be_keyed:
        good["headers"] |= _headers("Idempotent-Replayed")
    if declared.status != 204:
        good["content"] = {kind: _content(declared, kind) for kind in declared.media}
    responses = {str(declared.status): good}
    if {"text/csv", "application/pdf", "application/zip"} & set(declared.media):
        good["headers"] |= _headers("Content-Disposition")
    if "application/pdf" in declared.media:
        good["headers"] |= _headers("Content-Language")
    if declared.media == ("text/html",) and access:
        good["headers"] |= _headers("Content-Language")
    if declared.media == ("text/html",) and access and declared.body is None:
        good["headers"] |= _headers("ETag")
        responses["304"] = {"description": "Not changed since If-None-Match.", "headers": _headers("ETag")}
    for status, kinds in sorted(_problems(declared, access, has_variables=has_variables).items()):
        is_page = declared.media == ("text/html",) and access is None
        responses[str(status)] = _problem_response(status, kinds, is_page=is_page)
    return responses


def _content(declared: Operation, kind: str) -> dict[str, Any]:
    if kind != "application/json":
        return {"schema": {"type": "string"}}
    if declared.answer is None:
        return {"schema": {"type": "object"}}
    return {"schema": _reference(declared.answer), "example": example_of(declared.answer)}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problems(declared: Operation, access: str | None, *, has_variables: bool) -> dict[int, list[str]]:
    """Return the codes of an operation's errors by their status."""
    kinds: list[type[errors.BridgeError]] = [*declared.errors, *_ALWAYS, *_OF_ANY_BODY]
    if declared.body is not None:
        kinds.append(errors.MalformedBody)
    if access is not None:
        kinds += [*_OF_KEYS, _FORBIDDEN[access]]
    if declared.is_keyed or declared.may_be_keyed:
        kinds += _OF_IDEMPOTENCY
    found: dict[int, list[str]] = {}
    for kind in kinds:
        found.setdefault(status_of_class(kind), []).append(kind.code)
    if declared.can_refuse:
        for code, status in _REFUSALS:
            found.setdefault(status, []).append(code)
    found.setdefault(500, []).append("internal_error")
    return {status: sorted(set(codes)) for status, codes in found.items()}


@cache
def _kinds() -> dict[str, ProblemKind]:
    return {kind.code: kind for kind in problem_kinds()}


def _problem_response(status: int, codes: list[str], *, is_page: bool) -> dict[str, Any]:
    refusals = {code for code, _ in _REFUSALS} & set(codes)
    models: list[type[BaseModel]] = [*([Refusal] if refusals else []), *([Problem] if set(codes) - refusals else [])]
    schema = _reference(models[0]) if len(models) == 1 else {"anyOf": [_reference(model) for model in models]}
    meanings = "\n".join(f"- `{code}`: {_kinds()[code].meaning}" for code in codes)
    names = [
        "Cache-Control",
        *(["Retry-After"] if status in {429, 503} else []),
        *(["WWW-Authenticate"] * (status == 401)),
    ]
    example = example_of(models[0])
    if models[0] is Problem:
        code = codes[0]
        example = {
            "type": f"/v1/docs#{code}",
            "title": code.replace("_", " ").capitalize(),
            "status": status,
            "detail": _kinds()[code].meaning,
            "code": code,
        }
    content: dict[str, Any] = {"application/problem+json": {"schema": schema, "example": example}}
    if is_page:
        content = {"text/html": {"schema": {"type": "string"}}}
    return {"description": meanings, "headers": _headers(*names), "content": content}
