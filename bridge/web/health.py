"""Two health checks: the process runs, and it can do its work."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from bridge.services.ops.health import Readiness
from bridge.web.api.responses import json_response
from bridge.web.context import utcnow
from bridge.web.errors import RETRY_AFTER_SECONDS

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> Response:
    """Return 200 as long as the process responds."""
    return json_response({"status": "ok"})


@bp.get("/readyz")
def ready() -> Response:
    """Return 200 if the database accepts writes and has the right schema, otherwise 503 with the problem."""
    readiness: Readiness = current_app.extensions["bridge.readiness"]
    report = readiness.check(clock_=utcnow)
    response = json_response(report.document, 200 if report.is_ready else 503)
    if not report.is_ready:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
