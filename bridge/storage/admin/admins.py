"""Admins: who may sign in, the hash of their password, and the guesses that failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.admin.admins import Admin, Role
from bridge.storage.admin.tables import admin_roles, admins


@dataclass(frozen=True, slots=True)
class Credentials:
    """An admin with the data that a sign-in is checked against."""

    admin: Admin
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListedAdmin:
    """An admin as they may be listed; `last_seen_at` is their last sign-in."""

    id: int
    email: str
    created_at: datetime
    last_seen_at: datetime | None


def count(connection: Connection) -> int:
    """Return how many people may sign in."""
    return connection.execute(select(func.count()).select_from(admins)).scalar_one()


def add(connection: Connection, email: str, *, password_hash: str, role: Role | None, now: datetime) -> None:
    """Insert an admin; the caller has looked that the email is free."""
    connection.execute(
        insert(admins).values(
            email=email,
            email_key=normalize_email(email),
            password_hash=password_hash,
            role=None if role is None else role.value,
            created_at=now,
        )
    )


def list_all(connection: Connection, *, lock: bool = False) -> list[ListedAdmin]:
    """Return every admin, by email; there are few. `lock` keeps the list as it is until the transaction ends."""
    listed = select(admins).order_by(admins.c.email_key)
    rows = connection.execute(listed.with_for_update() if lock else listed)
    return [ListedAdmin(row.id, row.email, row.created_at, row.last_seen_at) for row in rows]


def find(connection: Connection, admin_id: int) -> Admin | None:
    """Return the admin of that id."""
    row = connection.execute(select(admins).where(admins.c.id == admin_id)).one_or_none()
    return None if row is None else to_admin(connection, row)


def find_by_email(connection: Connection, email: str) -> Credentials | None:
    """Return the admin with that email."""
    return _credentials(connection, email, lock=False)


def lock_by_email(connection: Connection, email: str) -> Credentials | None:
    """Return the admin with that email, the row locked until the transaction ends."""
    return _credentials(connection, email, lock=True)


def mark_signed_in(connection: Connection, admin_id: int, *, now: datetime) -> None:
    """Note when an admin signed in."""
    connection.execute(update(admins).where(admins.c.id == admin_id).values(last_seen_at=now))


def set_password(connection: Connection, admin_id: int, password_hash: str) -> None:
    """Give an admin a new password."""
    connection.execute(update(admins).where(admins.c.id == admin_id).values(password_hash=password_hash))


def _credentials(connection: Connection, email: str, *, lock: bool) -> Credentials | None:
    statement = select(admins).where(admins.c.email_key == normalize_email(email))
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else Credentials(to_admin(connection, row), row.password_hash)


def to_admin(connection: Connection, row: Row[*tuple[Any, ...]]) -> Admin:
    """Return the admin of a row with `id`, `email` and `role`; a second statement reads roles in single stores."""
    role = None if row.role is None else Role(row.role)
    return Admin(row.id, row.email, role, {} if role is Role.OWNER else _roles_in_stores(connection, row.id))


def _roles_in_stores(connection: Connection, admin_id: int) -> dict[int, Role]:
    rows = connection.execute(
        select(admin_roles.c.store_id, admin_roles.c.role).where(admin_roles.c.admin_id == admin_id)
    )
    return {row.store_id: Role(row.role) for row in rows}
