"""JSON responses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Response

from bridge.services.metering.execute import Reply
from bridge.web.errors import problem_type


def json_response(document: Any, status: int = 200) -> Response:
    """Return a JSON response that caches must not store."""
    return _response(json.dumps(document), status)


def text_response(document: str) -> Response:
    """Return a serialized JSON document with status 200."""
    return _response(document, 200)


def reply_response(reply: Reply) -> Response:
    """Return a stored response byte for byte, or a refusal; raises the error of an error."""
    if reply.error is not None:
        raise reply.error
    if reply.status >= 400:
        return json_response(refusal_document(reply), reply.status)
    response = _response(reply.document, reply.status)
    if reply.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def refusal_document(reply: Reply) -> dict[str, Any]:
    """Return a refusal as problem+json."""
    document = json.loads(reply.document)
    return {"type": problem_type(document["code"]), **document}


def list_response(items: Sequence[Any], *, next_cursor: str | None) -> Response:
    """Return one page of a list with the cursor of the next page; None at the end."""
    return json_response({"items": list(items), "next": next_cursor})


def _response(text: str, status: int) -> Response:
    kind = "application/problem+json" if status >= 400 else "application/json"
    response = Response(text, status=status, content_type=kind)
    response.headers["Cache-Control"] = "no-store"
    return response
