"""The API reference page, rendered from the OpenAPI document."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from flask import Blueprint, Flask, Response, render_template, request
from markupsafe import Markup, escape

from bridge.web.api.openapi import TAGS, describe, own_app
from bridge.web.api.operations import operation
from bridge.web.api.samples import Sample, samples_of
from bridge.web.errors import ProblemKind, problem_kinds

bp = Blueprint("api_docs", __name__, url_prefix="/v1")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a property of a body with its nesting depth."""

    name: str
    kind: str
    description: Markup
    is_required: bool
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A response status of an operation, with the fields of its body or the codes of its errors."""

    status: str
    codes: tuple[str, ...]
    fields: tuple[Field, ...]
    example: str
    media: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: Markup
    parameters: tuple[Field, ...]
    fields: tuple[Field, ...]
    success: Outcome
    problems: tuple[Outcome, ...]
    samples: tuple[Sample, ...]
    needs_key: bool


@dataclass(frozen=True, slots=True)
class Section:
    """The operations of one tag."""

    id: str
    name: str
    description: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class DocsPage:
    """The whole page."""

    server: str
    sections: tuple[Section, ...]
    problems: tuple[ProblemKind, ...]


@bp.get("/docs")
@operation("Read this page", tag="Description", answer=None, media=("text/html",))
def docs() -> Response:
    """Return this description as a page."""
    return Response(_rendered(own_app(), request.script_root), content_type="text/html; charset=utf-8")


@lru_cache(maxsize=8)
def _rendered(app: Flask, _script_root: str) -> str:
    """Return the page, rendered once for each path prefix of the service, because it is large."""
    return render_template("docs.html", page=_page(app))


@cache
def _page(app: Flask) -> DocsPage:
    document = describe(app)
    schemas, server = document["components"]["schemas"], document["servers"][0]["url"]
    by_tag: dict[str, list[Call]] = {tag: [] for tag in TAGS}
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            by_tag[call["tags"][0]].append(_call(server, path, method.upper(), call, schemas))
    sections = (
        Section(re.sub(r"\W+", "-", tag.lower()), tag, TAGS[tag], tuple(calls)) for tag, calls in by_tag.items()
    )
    return DocsPage(server, tuple(sections), tuple(problem_kinds()))


def _call(server: str, path: str, method: str, call: dict[str, Any], schemas: dict[str, Any]) -> Call:
    outcomes = [_outcome(status, response, schemas) for status, response in call["responses"].items()]
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Call(
        call["operationId"].replace("_", "-"),
        method,
        path,
        call["summary"],
        _marked(call["description"]),
        tuple(_parameter(parameter) for parameter in call["parameters"]),
        _fields(body["schema"], schemas) if body else (),
        outcomes[0],
        tuple(outcome for outcome in outcomes[1:] if outcome.codes),
        samples_of(server, path, method, call),
        "security" not in call,
    )


def _parameter(parameter: dict[str, Any]) -> Field:
    kind = f"{_kind(parameter['schema'])}, {parameter['in']}"
    return Field(parameter["name"], kind, _marked(parameter["description"]), parameter["required"])


def _outcome(status: str, response: dict[str, Any], schemas: dict[str, Any]) -> Outcome:
    media, content = _first(response.get("content", {}))
    is_problem = media == "application/problem+json"
    codes = tuple(re.findall(r"^- `(\w+)`", response["description"], re.M)) if is_problem else ()
    example = json.dumps(content["example"], indent=2, ensure_ascii=False) if "example" in content else ""
    fields = () if is_problem or not content else _fields(content["schema"], schemas)
    return Outcome(status, codes, fields, example, media)


def _first(content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return next(iter(content.items()), ("", {}))


def _fields(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> tuple[Field, ...]:
    """Return the properties of a schema, and below each the properties of the object it holds."""
    found = []
    target = _target(schema, schemas)
    for name, inner in target.get("properties", {}).items():
        is_required = name in target.get("required", ())
        found.append(Field(name, _kind(inner), _marked(inner.get("description", "")), is_required, depth))
        if depth < 3:
            found += _fields(inner, schemas, depth + 1)
    return tuple(found)


def _target(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        target: dict[str, Any] = schemas[schema["$ref"].rsplit("/", 1)[1]]
        return target
    if "items" in schema:
        return _target(schema["items"], schemas)
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return _target(options[0], schemas) if options else schema


def _kind(schema: dict[str, Any]) -> str:
    """Return the type of a property in a few words."""
    if "$ref" in schema:
        return "object"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(option) for option in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"array of {_kind(schema.get('items', {}))}"
    return str(schema.get("format", schema.get("type", "any")))


def _marked(text: str) -> Markup:
    """Return a text with its `code` as HTML."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
