"""The metrics of the service, for Prometheus."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, current_app, request

from bridge.domain.errors import NotSignedIn
from bridge.metrics.exposition import CONTENT_TYPE, Exposition
from bridge.runtime import runtime

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def show() -> Response:
    """Return the metrics of all processes; without `BRIDGE_METRICS_TOKEN`, only those that say nothing of a store."""
    token = runtime().config.metrics_token
    if token:
        _check(token)
    exposition: Exposition = current_app.extensions["bridge.exposition"]
    response = Response(exposition.text(is_full=bool(token)), content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def _check(token: str) -> None:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    is_right = hmac.compare_digest(sent.strip().encode(), token.encode())
    if scheme.casefold() != "bearer" or not is_right:
        raise NotSignedIn("send the value of BRIDGE_METRICS_TOKEN as Authorization: Bearer <token>")
