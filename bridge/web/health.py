"""Whether the service is alive, and whether it can do its work."""

from __future__ import annotations

from flask import Blueprint, Response

from bridge.services import health
from bridge.web.context import parts, reading, utcnow
from bridge.web.replies import json_response

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def alive() -> Response:
    """200 as long as the process answers."""
    return json_response({"status": "ok"})


@bp.get("/readyz")
def ready() -> Response:
    """200 when database, migrations and scheduler are in order; 503 with what is not."""
    database = parts().database
    with reading() as connection:
        report = health.check(connection, database, now=utcnow())
    return json_response(report.document, 200 if report.is_ready else 503)
