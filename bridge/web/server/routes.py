"""The route of each request, for the metrics of the server."""

from __future__ import annotations

from flask import Flask
from flask.globals import request_ctx

ROUTE = "bridge.route"
"""Where the environment of a request holds the template of the route that matched."""


def install(app: Flask) -> None:
    """Note the route of every request that matched one."""
    app.before_request(_note)


def _note() -> None:
    request = request_ctx.request
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule
