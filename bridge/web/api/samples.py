"""Example requests in curl, PHP and Python, built from the OpenAPI document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Sample:
    """A request in one language."""

    language: str
    code: str


def samples_of(server: str, path: str, method: str, call: dict[str, Any]) -> tuple[Sample, ...]:
    """Return an operation's example request in each language."""
    url, headers = url_of(server, path, call), _headers(call)
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    return (
        Sample("curl", _curl(method, url, headers, body)),
        Sample("PHP", _php(method, url, headers, body)),
        Sample("Python", _python(method, url, headers, body)),
    )


def url_of(server: str, path: str, call: dict[str, Any]) -> str:
    """Return the URL of the example request, with path parameters and required query parameters."""
    query = {}
    for parameter in call["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
        elif parameter["in"] == "query" and (parameter["required"] or parameter["name"] == "user_id"):
            query[parameter["name"]] = parameter["example"]
    return server + path + (f"?{urlencode(query)}" if query else "")


def _headers(call: dict[str, Any]) -> dict[str, str]:
    keyed = next((one["example"] for one in call["parameters"] if one["in"] == "header" and one["required"]), None)
    return {
        **({} if "security" in call else {"Authorization": "Bearer ACCESS_KEY"}),
        **({} if keyed is None else {"Idempotency-Key": keyed}),
    }


def _curl(method: str, url: str, headers: dict[str, str], body: Any) -> str:
    lines = [f"curl -X {method} '{url}'" if method != "GET" else f"curl '{url}'"]
    lines += [f"  -H '{name}: {value}'" for name, value in headers.items()]
    if body is not None:
        text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{text}'"]
    return " \\\n".join(lines)


def _php(method: str, url: str, headers: dict[str, str], body: Any) -> str:
    sent = {**headers, **({} if body is None else {"Content-Type": "application/json"})}
    lines = ["$response = wp_remote_request(", f"    '{url}',", "    ["]
    lines.append(f"        'method'  => '{method}',")
    lines += ["        'headers' => [", *(f"            '{name}' => '{value}'," for name, value in sent.items())]
    lines.append("        ],")
    if body is not None:
        lines.append(f"        'body'    => wp_json_encode( {_php_value(body)} ),")
    lines += ["    ]", ");", "$answer = json_decode( wp_remote_retrieve_body( $response ), true );"]
    return "\n".join(lines)


def _php_value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"'{name}' => {_php_value(item)}" for name, item in value.items())
        return f"[ {inner} ]" if inner else "new stdClass()"
    if isinstance(value, list):
        return f"[ {', '.join(map(_php_value, value))} ]"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" if isinstance(value, str) else json.dumps(value)


def _python(method: str, url: str, headers: dict[str, str], body: Any) -> str:
    lines = ["import requests", "", f"response = requests.{method.lower()}(", f'    "{url}",']
    if headers:
        shown = ", ".join(f'"{name}": "{value}"' for name, value in headers.items())
        lines.append(f"    headers={{{shown}}},")
    if body is not None:
        lines.append(f"    json={body!r},")
    lines += [
        "    timeout=30,",
        ")",
        "answer = response.json()" if method != "DELETE" else "response.raise_for_status()",
    ]
    return "\n".join(lines)
