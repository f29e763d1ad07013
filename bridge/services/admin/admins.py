"""Admins: add people, set passwords, sign in."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.admin.admins import IDLE_SESSION, LONGEST_SESSION, MAX_SESSIONS, PASS_SESSION, Admin, Role
from bridge.domain.errors import (
    AdminExists,
    FieldError,
    InvalidRequest,
    LastAdmin,
    Overloaded,
    TooManySignIns,
    UnknownAdmin,
)
from bridge.domain.ops.clock import TOLERANCE
from bridge.services import secrets as vault
from bridge.services.admin import second_factor
from bridge.services.admin.throttles import Client, SignInThrottles
from bridge.services.secrets import Vault
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.admin import admins, sessions
from bridge.storage.admin.admins import ListedAdmin
from bridge.storage.admin.sessions import Session
from bridge.storage.engine.database import Connection, Database
from bridge.storage.ops import removal

MIN_PASSWORD, MAX_PASSWORD = 8, 1000
_MAX_EMAIL = 320

_HASHER = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
# Each hash takes 19 MiB while it is computed, so the number computed at once is limited; others wait briefly.
_TURNS = threading.BoundedSemaphore(2)
# Browsers that signed in before have their own queue, so that a flood of other attempts does not delay them.
_KNOWN_TURNS = threading.BoundedSemaphore(1)
_WAIT_SECONDS = 3.0
NO_PASSWORD = "$argon2id$v=19$m=19456,t=2,p=1$RaUicffC0ZgM5rynG7C6qg$IcsX1VLDaqT/NfeL1G5pEcvVjRuG7sVmMI6mFQ9uQUU"  # noqa: S105 -- of no one
"""The hash of a random password that no one has: it takes the same time to check as any other."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An admin who just signed in, and the id of the new session."""

    admin: Admin
    session_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondStep:
    """A right password of an admin who also needs a code; worth nothing once the password changes."""

    admin_id: int
    email: str
    fingerprint: str = field(repr=False)


def add_admin(
    connection: Connection,
    email: str,
    password: str | None,
    *,
    role: Role | None = Role.OWNER,
    actor: str,
    now: datetime,
) -> str:
    """Add an admin and return the password, which is generated if none is given.

    Raises `AdminExists`, and `InvalidRequest` for an invalid email or password.
    """
    email = checked_email(email)
    password = checked_password(password)
    if admins.lock_by_email(connection, email) is not None:
        raise AdminExists(f"{email} is already an admin")
    admins.add(connection, email, password_hash=_HASHER.hash(password), role=role, now=now)
    after = {"role": None if role is None else role.value}
    changes.record(connection, None, Subject.ADMIN, email, before=None, after=after, actor=actor, now=now)
    return password


def reset_password(
    connection: Connection,
    email: str,
    password: str | None,
    *,
    removes_second_factor: bool = False,
    actor: str,
    now: datetime,
) -> str:
    """Set an admin's password, end their sessions, and return the password, generated if none is given.

    Raises `UnknownAdmin`, and `InvalidRequest` for an invalid password.
    """
    known = admins.lock_by_email(connection, email)
    if known is None:
        raise UnknownAdmin(f"there is no admin {email}")
    password = checked_password(password)
    admins.set_password(connection, known.admin.id, _HASHER.hash(password))
    sessions.remove_all(connection, known.admin.id)
    admins.set_invitation(connection, known.admin.id, None, expires_at=None)
    after = {"password": "reset"}
    if removes_second_factor:
        admins.set_second_factor(connection, known.admin.id, None, step=None, recovery_codes=None)
        after["second_factor"] = "removed"
    name = known.admin.email
    changes.record(connection, None, Subject.ADMIN, name, before={}, after=after, actor=actor, now=now)
    return password


def list_admins(connection: Connection) -> list[ListedAdmin]:
    """Return all admins."""
    return admins.list_all(connection)


def remove_admin(connection: Connection, email: str, *, actor: str, now: datetime) -> ListedAdmin:
    """Remove an admin and end their sessions.

    Raises `UnknownAdmin`, and `LastAdmin` for the last one.
    """
    everyone = admins.list_all(connection, lock=True)
    wanted = normalize_email(email.strip())
    found = next((each for each in everyone if normalize_email(each.email) == wanted), None)
    if found is None:
        raise UnknownAdmin(f"there is no admin {email}")
    if len(everyone) == 1:
        raise LastAdmin(f"{found.email} is the last admin: add another one first, with: flask admins add EMAIL")
    removal.delete_admin(connection, found.id)
    before = {"role": None if found.admin.role is None else found.admin.role.value}
    changes.record(connection, None, Subject.ADMIN, found.email, before=before, after=None, actor=actor, now=now)
    return found


def ensure_first_admin(connection: Connection, email: str, password: str | None, now: datetime) -> str | None:
    """Add the first admin if there is none, and return the generated password.

    Returns None if there is an admin already, or if a password was given: there
    is nothing to print then.
    """
    if admins.count(connection):
        return None
    made = add_admin(connection, email, password or None, actor="first start", now=now)
    return None if password else made


def sign_in(
    database: Database,
    email: str,
    password: str,
    *,
    throttles: SignInThrottles,
    client: Client,
    agent: str = "",
    address: str = "",
    now: datetime,
) -> SignedIn | SecondStep | None:
    """Sign in with an email and a password; None for a wrong password or an unknown email.

    The attempt counts as failed before the password is checked, so that parallel
    guesses are not all tried. Failures are counted per client and account, so that
    guesses from other clients do not block the right password. No transaction is
    open while the hash is computed. Raises `TooManySignIns` while this client must
    wait, and `Overloaded` if too many people sign in at once.
    """
    wait = throttles.begin(client, email, now=now)
    if wait:
        raise TooManySignIns(retry_after_seconds=wait)
    found = None
    if _is_email(email):
        with database.reading() as connection:
            found = admins.find_by_email(connection, email)
    if (
        not is_password(found.password_hash if found else NO_PASSWORD, password, is_known=client.is_known)
        or found is None
    ):
        return None
    with database.transaction() as connection:
        current = admins.lock_by_email(connection, email)
        if current is None or current.password_hash != found.password_hash:
            # The password was changed meanwhile.
            return None
        if second_factor.is_on(connection, current.admin.id):
            # The failures stay counted: the right password must not allow endless guesses of the code.
            return SecondStep(current.admin.id, current.admin.email, vault.hash_state(current.password_hash))
        signed_in = _begin_session(connection, current.admin, agent=agent, address=address, now=now)
    throttles.clear(client, email)
    return signed_in


def finish_sign_in(
    database: Database,
    step: SecondStep,
    code: str,
    *,
    throttles: SignInThrottles,
    client: Client,
    vault_: Vault,
    agent: str = "",
    address: str = "",
    now: datetime,
) -> SignedIn | None:
    """Finish a sign-in with a code of the second factor; None for a wrong one, or if the password has changed since.

    Wrong codes count as wrong passwords do. Raises `TooManySignIns`.
    """
    wait = throttles.begin(client, step.email, now=now)
    if wait:
        raise TooManySignIns(retry_after_seconds=wait)
    with database.transaction() as connection:
        current = admins.lock_by_email(connection, step.email)
        if current is None or current.admin.id != step.admin_id:
            return None
        if vault.hash_state(current.password_hash) != step.fingerprint:
            return None
        if not second_factor.use(connection, step.admin_id, code, vault_=vault_, now=now):
            return None
        signed_in = _begin_session(connection, current.admin, agent=agent, address=address, now=now)
    throttles.clear(client, step.email)
    return signed_in


def find_session(connection: Connection, session_id: str, *, now: datetime) -> Session | None:
    """Return the session with this id; None if it has ended for any reason."""
    found = sessions.find(connection, vault.hash_session(session_id))
    if found is None or now - found.seen_at >= IDLE_SESSION:
        return None
    if now - found.began_at >= (PASS_SESSION if found.admin.is_limited else LONGEST_SESSION):
        return None
    # A session begun while the clock was ahead would last too long.
    return None if found.began_at - now > TOLERANCE else found


def note_session_use(connection: Connection, session_id: str, *, now: datetime) -> None:
    """Record that a session is in use, so that it does not end as idle."""
    sessions.mark_seen(connection, vault.hash_session(session_id), now=now)


def end_session(connection: Connection, session_id: str) -> None:
    """End a session; its cookie is invalid from this commit on."""
    sessions.remove(connection, vault.hash_session(session_id))


def begin_store_session(
    connection: Connection, admin: Admin, store_id: int, most: Role, *, agent: str, address: str, now: datetime
) -> SignedIn:
    """Begin a session that opens one store, with at most this role; it ends after `PASS_SESSION`."""
    return _begin_session(connection, admin, limit=(store_id, most), agent=agent, address=address, now=now)


def _begin_session(
    connection: Connection,
    admin: Admin,
    *,
    limit: tuple[int, Role] | None = None,
    agent: str,
    address: str,
    now: datetime,
) -> SignedIn:
    admins.mark_signed_in(connection, admin.id, now=now)
    session_id = vault.new_session()
    sessions.prune(connection, began_before=now - LONGEST_SESSION, seen_before=now - IDLE_SESSION)
    sessions.keep_newest(connection, admin.id, most=MAX_SESSIONS - 1)
    hashed = vault.hash_session(session_id)
    sessions.add(connection, hashed, admin.id, limit=limit, agent=agent, address=address, now=now)
    return SignedIn(admin, session_id)


def is_password(password_hash: str, password: str, *, is_known: bool) -> bool:
    """Return whether a password has this hash; raises `Overloaded` when too many are checked at once."""
    turns = _KNOWN_TURNS if is_known else _TURNS
    if not turns.acquire(timeout=_WAIT_SECONDS):
        raise Overloaded("Too many people are signing in at once; try again in a moment.")
    try:
        return _HASHER.verify(password_hash, password[:MAX_PASSWORD].encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    finally:
        turns.release()


def _is_email(email: str) -> bool:
    return "@" in email and email.isprintable() and len(email) <= _MAX_EMAIL


def hash_password(password: str) -> str:
    """Return the hash of a password, as it is stored."""
    return _HASHER.hash(password)


def checked_email(email: str) -> str:
    """Return an email without spaces around it; raises `InvalidRequest` for what cannot be one."""
    email = email.strip()
    if not _is_email(email) or " " in email:
        raise InvalidRequest(fields=[FieldError("email", f"{email!r} is not an email address")])
    return email


def checked_password(password: str | None) -> str:
    """Return a password, created here for None; raises `InvalidRequest` for one that is too short or too long."""
    if password is None:
        return secrets.token_urlsafe(15)
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidRequest(
            fields=[FieldError("password", f"use {MIN_PASSWORD} to {MAX_PASSWORD} characters for a password")]
        )
    return password
