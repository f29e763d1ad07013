"""A WordPress site that connects with a code, as its plugin does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from bridge.runtime import Runtime
from bridge.services.shop import connect_codes
from bridge.services.stores import settings
from bridge.web.context import utcnow

SITE = {"url": "https://tokens.example.com", "name": "Tokens", "timezone": "Europe/Paris", "woocommerce": True}
HERE = "203.0.113.9"


def make_code(app: Flask, slug: str | None = None, *, now: datetime | None = None) -> str:
    """Return a code for a store, or for a new one, made by an owner at a moment; default: now."""
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        store = None if slug is None else settings.get_store(connection, slug)
        made = connect_codes.new_code(
            connection,
            store,
            public_url=parts.config.public_url,
            made_by="owner@example.test",
            now=utcnow() if now is None else now,
        )
    return made.code


def send_code(app: Flask, code: str, *, address: str = HERE, **site: Any) -> TestResponse:
    """Send a code from a site; keyword arguments replace what it says about itself."""
    body = {"code": code, "site": SITE | site}
    return app.test_client().post("/v1/connect", json=body, environ_overrides={"REMOTE_ADDR": address})
