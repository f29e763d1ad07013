"""The role of the admin who is signed in."""

from __future__ import annotations

from flask import Flask

from bridge.domain.admin.admins import Role
from bridge.runtime import Runtime
from tests.support.pages import EMAIL


def become(app: Flask, role: Role) -> None:
    """Give the signed-in admin another role for all stores."""
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        connection.exec_driver_sql(f"update admins set role = '{role.value}' where email = '{EMAIL}'")
