"""JSON on the way out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Response

from bridge.services.spending import Reply


def json_response(document: Any, status: int = 200) -> Response:
    """A JSON document that no cache keeps."""
    return _response(json.dumps(document), status)


def reply_response(reply: Reply) -> Response:
    """An answer that was stored under its key, in the very bytes that were stored; raises its error, if it is one."""
    if reply.error is not None:
        raise reply.error
    response = _response(reply.document, reply.status)
    if reply.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def list_response(items: Sequence[Any], *, next_cursor: str | None, **more: Any) -> Response:
    """One page of a list, and where the next begins; None at the end. `more` stands beside the list."""
    return json_response({"items": list(items), "next": next_cursor, **more})


def _response(text: str, status: int) -> Response:
    kind = "application/problem+json" if status >= 400 else "application/json"
    response = Response(text, status=status, content_type=kind)
    response.headers["Cache-Control"] = "no-store"
    return response
