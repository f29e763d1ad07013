"""Invitations, roles and the removal of admins, each recorded in the audit log."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.admin.admins import Admin, Role
from bridge.domain.errors import AdminExists, LastAdmin, UnknownAdmin
from bridge.rendering.documents import Document
from bridge.services import secrets as vault
from bridge.services.admin import admins as accounts
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.admin import admins
from bridge.storage.admin.admins import ListedAdmin
from bridge.storage.engine.database import Connection
from bridge.storage.ops import removal

LIFE = timedelta(hours=72)
"""How long an invitation can be accepted."""


@dataclass(frozen=True, slots=True)
class Invited:
    """An admin who was invited, and the token of the link, shown this once; empty for one who needs no link."""

    email: str
    token: str = field(repr=False)


def invite(
    connection: Connection, email: str, *, role: Role, store_id: int | None, actor: str, now: datetime
) -> Invited:
    """Invite a person with a role in one store, or in all for None; an earlier link of theirs ends.

    A store's owner gets a link only for a person without any other role: it
    would open those too. An admin with a password, or with other roles, gets
    the role in the store without a link. Raises `AdminExists` where they have a
    role there already, and `InvalidRequest` for an invalid email.
    """
    email = accounts.checked_email(email)
    locked = admins.lock_by_email(connection, email)
    if locked is None:
        # A password that no one has: the person sets one when they accept.
        nothing = accounts.hash_password(secrets.token_urlsafe(32))
        admins.add(connection, email, password_hash=nothing, role=None, now=now)
        is_pending, known = True, get_by_email(connection, email)
    else:
        known = get_by_email(connection, email)
        # A person who came from WordPress only has no password yet.
        is_pending = known.is_invited or locked.password_hash == accounts.NO_PASSWORD
        has_role = known.admin.role is not None if store_id is None else store_id in known.admin.stores
        if has_role and not is_pending:
            raise AdminExists(f"{known.email} is an admin already. Change their role in the list.")
    set_role(connection, known.id, role, store_id=store_id, actor=actor, now=now)
    others = known.admin.role is not None or set(known.admin.stores) - {store_id}
    if not is_pending or (store_id is not None and others):
        return Invited(known.email, "")
    token = vault.new_state()
    admins.set_invitation(connection, known.id, vault.hash_state(token), expires_at=now + LIFE)
    return Invited(known.email, token)


def find_invited(connection: Connection, token: str, *, now: datetime) -> Admin | None:
    """Return the admin whom a link invites; None once it was used or has expired."""
    return admins.find_invited(connection, vault.hash_state(token), now=now)


def accept(connection: Connection, token: str, password: str, *, now: datetime) -> Admin:
    """Set the password of an invited admin, once; raises `UnknownAdmin` for a link that is not valid any more."""
    password = accounts.checked_password(password)
    invited = admins.find_invited(connection, vault.hash_state(token), now=now, lock=True)
    if invited is None:
        raise UnknownAdmin("this invitation was used or has expired; ask for a new one")
    admins.set_password(connection, invited.id, accounts.hash_password(password))
    admins.set_invitation(connection, invited.id, None, expires_at=None)
    return invited


def list_admins(connection: Connection, store_id: int | None = None) -> list[ListedAdmin]:
    """Return every admin, or those who have a role in a store, by email."""
    everyone = admins.list_all(connection)
    if store_id is None:
        return everyone
    return [admin for admin in everyone if admin.admin.role_in(store_id) is not None]


def set_role(
    connection: Connection, admin_id: int, role: Role | None, *, store_id: int | None, actor: str, now: datetime
) -> None:
    """Set an admin's role in one store, or in all for None; no role takes it away.

    Raises `UnknownAdmin`, and `LastAdmin` where no owner of the installation
    would be left.
    """
    everyone = admins.list_all(connection, lock=True)
    found = next((each for each in everyone if each.id == admin_id), None)
    if found is None:
        raise UnknownAdmin()
    before = found.admin.role if store_id is None else found.admin.stores.get(store_id)
    if before is role:
        return
    if store_id is None:
        if role is not Role.OWNER:
            _check_owner_left(everyone, found)
        admins.set_role(connection, admin_id, role)
    else:
        admins.set_store_role(connection, admin_id, store_id, role)
    old, new = ({"role": None if each is None else each.value} for each in (before, role))
    _record(connection, found.email, store_id, old, new, actor=actor, now=now)


def check_has_store_role(connection: Connection, admin_id: int, store_id: int) -> None:
    """Raise `UnknownAdmin` for an admin without a role of their own in the store."""
    if not any(each.id == admin_id and store_id in each.admin.stores for each in admins.list_all(connection)):
        raise UnknownAdmin()


def remove(connection: Connection, admin_id: int, *, store_id: int | None, actor: str, now: datetime) -> ListedAdmin:
    """Remove an admin and end their sessions; for a store, take their role in it only.

    An admin who has no role left is removed. Raises `UnknownAdmin`, and
    `LastAdmin` where no owner of the installation would be left.
    """
    everyone = admins.list_all(connection, lock=True)
    found = next((each for each in everyone if each.id == admin_id), None)
    if found is None or (store_id is not None and store_id not in found.admin.stores):
        raise UnknownAdmin()
    if store_id is not None:
        set_role(connection, admin_id, None, store_id=store_id, actor=actor, now=now)
        if found.admin.role is None and len(found.admin.stores) == 1:
            removal.delete_admin(connection, admin_id)
        return found
    _check_owner_left(everyone, found)
    removal.delete_admin(connection, admin_id)
    before = {"role": None if found.admin.role is None else found.admin.role.value}
    _record(connection, found.email, None, before, None, actor=actor, now=now)
    return found


def get_by_email(connection: Connection, email: str) -> ListedAdmin:
    """Return the admin with an email; raises `UnknownAdmin`."""
    wanted = normalize_email(email.strip())
    found = next((each for each in admins.list_all(connection) if normalize_email(each.email) == wanted), None)
    if found is None:
        raise UnknownAdmin(f"there is no admin {email}")
    return found


def _check_owner_left(everyone: list[ListedAdmin], leaving: ListedAdmin) -> None:
    if leaving.admin.role is not Role.OWNER:
        return
    if not any(each.admin.role is Role.OWNER and not each.is_invited and each.id != leaving.id for each in everyone):
        raise LastAdmin(f"{leaving.email} is the last owner: make another admin an owner first")


def _record(
    connection: Connection,
    email: str,
    store_id: int | None,
    before: Document | None,
    after: Document | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    changes.record(connection, store_id, Subject.ADMIN, email, before=before, after=after, actor=actor, now=now)
