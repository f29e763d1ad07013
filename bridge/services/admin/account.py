"""An admin's own account: the password, and the sessions in other browsers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.admin.admins import Admin
from bridge.domain.errors import TooManySignIns
from bridge.services import secrets as vault
from bridge.services.admin import admins as accounts
from bridge.services.admin.throttles import Client, SignInThrottles
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.admin import admins, sessions
from bridge.storage.engine.database import Connection, Database


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of an admin's sessions; `key` names it, and `is_this` marks the one of this request."""

    key: str
    agent: str
    address: str
    began_at: datetime
    seen_at: datetime
    is_this: bool


def is_password(
    database: Database, admin: Admin, password: str, *, throttles: SignInThrottles, client: Client, now: datetime
) -> bool:
    """Return whether this is the admin's password; wrong ones count as at the sign-in. Raises `TooManySignIns`."""
    wait = throttles.begin(client, admin.email, now=now)
    if wait:
        raise TooManySignIns(retry_after_seconds=wait)
    with database.reading() as connection:
        found = admins.find_by_email(connection, admin.email)
    is_right = found is not None and accounts.is_password(found.password_hash, password, is_known=True)
    if is_right:
        throttles.clear(client, admin.email)
    return is_right


def set_password(connection: Connection, admin: Admin, password: str, *, session_id: str, now: datetime) -> None:
    """Set an admin's password and end their other sessions; raises `InvalidRequest` for an invalid one."""
    hashed = accounts.hash_password(accounts.checked_password(password))
    admins.set_password(connection, admin.id, hashed)
    end_sessions(connection, admin, session_id=session_id)
    after = {"password": "changed"}
    changes.record(connection, None, Subject.ADMIN, admin.email, before={}, after=after, actor=admin.email, now=now)


def list_sessions(connection: Connection, admin: Admin, *, session_id: str) -> list[OwnSession]:
    """Return an admin's sessions, the last used first."""
    own = vault.hash_session(session_id)
    return [
        OwnSession(each.id_hash, each.agent, each.address, each.began_at, each.seen_at, each.id_hash == own)
        for each in sessions.list_for(connection, admin.id)
    ]


def end_sessions(connection: Connection, admin: Admin, *, session_id: str, only: str = "") -> int:
    """End an admin's sessions besides the one of this request, or `only` one of them; return how many ended."""
    return sessions.remove_others(connection, admin.id, vault.hash_session(session_id), only=only)
