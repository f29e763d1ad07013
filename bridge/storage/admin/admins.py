"""Admins: the people who may sign in, with their password hashes, roles, invitations and second factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.admin.admins import Admin, Role
from bridge.storage.admin.tables import admin_roles, admins


@dataclass(frozen=True, slots=True)
class Credentials:
    """An admin with the values that a sign-in is checked against."""

    admin: Admin
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A second factor: the encrypted secret, the last time step used, and the hashes of the unused codes."""

    secret: str = field(repr=False)
    step: int | None
    recovery_codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListedAdmin:
    """An admin without secrets; `last_seen_at` is the last sign-in.

    `invited_until` is the end of an invitation that is not accepted yet.
    """

    id: int
    email: str
    created_at: datetime
    last_seen_at: datetime | None
    admin: Admin
    has_second_factor: bool = False
    invited_until: datetime | None = None

    @property
    def is_invited(self) -> bool:
        """Return whether the admin has not accepted the invitation yet and so cannot sign in."""
        return self.invited_until is not None


def count(connection: Connection) -> int:
    """Return how many people may sign in."""
    return connection.execute(select(func.count()).select_from(admins)).scalar_one()


def add(connection: Connection, email: str, *, password_hash: str, role: Role | None, now: datetime) -> None:
    """Insert an admin; the caller has checked that the email is free."""
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
    """Return every admin, by email; there are few. `lock` locks the rows until the transaction ends."""
    listed = select(admins).order_by(admins.c.email_key)
    rows = connection.execute(listed.with_for_update() if lock else listed)
    return [
        ListedAdmin(
            row.id,
            row.email,
            row.created_at,
            row.last_seen_at,
            to_admin(connection, row),
            has_second_factor=row.totp_secret is not None,
            invited_until=row.invite_expires_at,
        )
        for row in rows
    ]


def find_invited(connection: Connection, invite_hash: str, *, now: datetime, lock: bool = False) -> Admin | None:
    """Return the admin of an invitation that has not expired."""
    statement = select(admins).where(admins.c.invite_hash == invite_hash, admins.c.invite_expires_at > now)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else to_admin(connection, row)


def set_invitation(
    connection: Connection, admin_id: int, invite_hash: str | None, *, expires_at: datetime | None
) -> None:
    """Store the hash and the end of an invitation, or remove it."""
    values = {"invite_hash": invite_hash, "invite_expires_at": expires_at}
    connection.execute(update(admins).where(admins.c.id == admin_id).values(**values))


def set_role(connection: Connection, admin_id: int, role: Role | None) -> None:
    """Set an admin's role in every store; None leaves the roles in single stores only."""
    connection.execute(update(admins).where(admins.c.id == admin_id).values(role=None if role is None else role.value))


def set_store_role(connection: Connection, admin_id: int, store_id: int, role: Role | None) -> None:
    """Set an admin's role in one store, or remove it."""
    at = (admin_roles.c.admin_id == admin_id, admin_roles.c.store_id == store_id)
    connection.execute(delete(admin_roles).where(*at))
    if role is not None:
        connection.execute(insert(admin_roles).values(admin_id=admin_id, store_id=store_id, role=role.value))


def find(connection: Connection, admin_id: int) -> Admin | None:
    """Return the admin with this id."""
    row = connection.execute(select(admins).where(admins.c.id == admin_id)).one_or_none()
    return None if row is None else to_admin(connection, row)


def find_by_email(connection: Connection, email: str) -> Credentials | None:
    """Return the admin with this email."""
    return _credentials(connection, email, lock=False)


def lock_by_email(connection: Connection, email: str) -> Credentials | None:
    """Return the admin with this email, the row locked until the transaction ends."""
    return _credentials(connection, email, lock=True)


def mark_signed_in(connection: Connection, admin_id: int, *, now: datetime) -> None:
    """Record the time of a sign-in."""
    connection.execute(update(admins).where(admins.c.id == admin_id).values(last_seen_at=now))


def set_password(connection: Connection, admin_id: int, password_hash: str) -> None:
    """Set the password hash of an admin."""
    connection.execute(update(admins).where(admins.c.id == admin_id).values(password_hash=password_hash))


def find_second_factor(connection: Connection, admin_id: int, *, lock: bool = False) -> SecondFactor | None:
    """Return an admin's second factor; None if it is not set up."""
    statement = select(admins).where(admins.c.id == admin_id)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None or row.totp_secret is None:
        return None
    return SecondFactor(row.totp_secret, row.totp_step, tuple(row.recovery_codes or ()))


def set_second_factor(
    connection: Connection,
    admin_id: int,
    secret: str | None,
    *,
    step: int | None,
    recovery_codes: Sequence[str] | None,
) -> None:
    """Store an admin's second factor, or remove it."""
    codes = None if recovery_codes is None else list(recovery_codes)
    values = {"totp_secret": secret, "totp_step": step, "recovery_codes": codes}
    connection.execute(update(admins).where(admins.c.id == admin_id).values(**values))


def _credentials(connection: Connection, email: str, *, lock: bool) -> Credentials | None:
    statement = select(admins).where(admins.c.email_key == normalize_email(email))
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else Credentials(to_admin(connection, row), row.password_hash)


def to_admin(connection: Connection, row: Row[*tuple[Any, ...]]) -> Admin:
    """Return the admin of a row with `id`, `email` and `role`; a second statement reads the roles in single stores."""
    role = None if row.role is None else Role(row.role)
    return Admin(row.id, row.email, role, {} if role is Role.OWNER else _roles_in_stores(connection, row.id))


def _roles_in_stores(connection: Connection, admin_id: int) -> dict[int, Role]:
    rows = connection.execute(
        select(admin_roles.c.store_id, admin_roles.c.role).where(admin_roles.c.admin_id == admin_id)
    )
    return {row.store_id: Role(row.role) for row in rows}
