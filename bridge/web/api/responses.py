"""JSON responses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.datastructures import Headers

from bridge.domain.errors import BridgeError
from bridge.domain.metering.idempotency import Outcome
from bridge.rendering.documents import Document
from bridge.services.metering.execute import Reply
from bridge.services.metering.refusals import RefusedRequest
from bridge.web import errors
from bridge.web.api.refusals import refusal_document

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def json_response(document: Document, status: int = 200) -> Response:
    """Return a JSON response that caches must not store."""
    return _response(json.dumps(document), status)


def text_response(document: str) -> Response:
    """Return a serialized JSON document with status 200."""
    return _response(document, 200)


STATUS = {Outcome.CREATED: 201, Outcome.CHANGED: 200}
"""The HTTP status of each outcome of a success."""


def reply_response(reply: Reply) -> Response:
    """Return a stored response byte for byte, or a refusal; raises the error of an error."""
    if isinstance(reply, BridgeError):
        raise reply
    if isinstance(reply, RefusedRequest):
        document = refusal_document(reply)
        return json_response(document, document["status"])
    response = _response(reply.document, STATUS[reply.outcome])
    if reply.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def batch_result(reply: Reply) -> Document:
    """Return the reply to one request of a batch, with the status it would have alone."""
    if isinstance(reply, BridgeError):
        return errors.document_of(reply)
    if isinstance(reply, RefusedRequest):
        return refusal_document(reply)
    result: Document = {"status": STATUS[reply.outcome], **json.loads(reply.document)}
    if reply.is_replay:
        result["replayed"] = True
    return result


def list_response(items: Sequence[Any], *, next_cursor: str | None) -> Response:
    """Return one page of a list with the cursor of the next page; None at the end."""
    return json_response({"items": list(items), "next": next_cursor})


class _WholeResponse(Response):
    """A text, whose headers are complete once it is set: they are sent as they are, without a copy."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        """Return the headers: their length is that of the text, and no location in them needs a host."""
        return self.headers


def _response(text: str, status: int) -> Response:
    kind = "application/problem+json" if status >= 400 else "application/json"
    headers = Headers([("Content-Type", kind), ("Cache-Control", "no-store")])
    return _WholeResponse(text, status=status, headers=headers)
