"""Browsers of signed-in admins with less than every right."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from bridge.domain.admin.admins import Role
from bridge.runtime import Runtime
from bridge.storage.admin import admins
from bridge.storage.admin.tables import admin_roles
from bridge.web.context import utcnow
from tests.support.pages import hash_password, try_sign_in


def sign_in_as(app: Flask, role: Role, *, store_id: int | None = None) -> FlaskClient:
    """Return the browser of a new admin with this role in all stores, or in one of them."""
    email = f"{role.value}-{store_id or 'everywhere'}@example.test"
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        everywhere = role if store_id is None else None
        admins.add(connection, email, password_hash=hash_password(), role=everywhere, now=utcnow())
        if store_id is not None:
            found = admins.find_by_email(connection, email)
            assert found is not None
            row = {"admin_id": found.admin.id, "store_id": store_id, "role": role.value}
            connection.execute(insert(admin_roles).values(**row))
    client = app.test_client()
    assert try_sign_in(client, email).status_code == 303
    return client
