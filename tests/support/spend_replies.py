"""The replies of the services as the API would send them, for tests that call no HTTP."""

from __future__ import annotations

import json
from typing import Any

from bridge.domain.errors import BridgeError
from bridge.domain.metering.idempotency import Answer
from bridge.services.metering.execute import Reply
from bridge.services.metering.refusals import RefusedRequest
from bridge.web.api.refusals import refusal_document
from bridge.web.api.responses import STATUS


def read(reply: Reply) -> dict[str, Any]:
    """Return the document with its status; for a request that made no sense, the code and status 0."""
    if isinstance(reply, BridgeError):
        return {"status": 0, "code": reply.code}
    if isinstance(reply, RefusedRequest):
        return refusal_document(reply)
    return {"status": STATUS[reply.outcome], **json.loads(reply.document)}


def status_of(reply: Reply) -> int:
    """Return the HTTP status; 0 for a request that made no sense."""
    status: int = read(reply)["status"]
    return status


def text_of(reply: Reply) -> str:
    """Return the text of a success, as it is stored under the key; empty for anything else."""
    return reply.document if isinstance(reply, Answer) else ""


def is_replay(reply: Reply) -> bool:
    """Return whether this is a stored answer."""
    return isinstance(reply, Answer) and reply.is_replay
