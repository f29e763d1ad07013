"""Admins: adding people, new passwords, and signing in."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bridge.domain.accounts.accounts import normalize_email
from bridge.domain.admin.admins import IDLE_SESSION, LONGEST_SESSION, MAX_SESSIONS, Admin, Role
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
from bridge.services.admin.throttles import Client, SignInThrottles
from bridge.storage.admin import admins, sessions
from bridge.storage.admin.admins import ListedAdmin
from bridge.storage.admin.sessions import Session
from bridge.storage.engine.database import Connection, Database
from bridge.storage.ops import removal

MIN_PASSWORD, MAX_PASSWORD = 8, 1000
_MAX_EMAIL = 320

_HASHER = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
# Each hash holds 19 MiB while it is made; guesses that come together wait for their turn, and not for long.
_TURNS = threading.BoundedSemaphore(2)
# Browsers that signed in before have a turn of their own: a flood of strangers does not keep them waiting.
_KNOWN_TURNS = threading.BoundedSemaphore(1)
_WAIT_SECONDS = 3.0
# The hash of a word nobody knows: an email nobody has costs a guesser the same time as a wrong password.
_UNUSED_HASH = "$argon2id$v=19$m=19456,t=2,p=1$RaUicffC0ZgM5rynG7C6qg$IcsX1VLDaqT/NfeL1G5pEcvVjRuG7sVmMI6mFQ9uQUU"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An admin who just signed in, and the id of the session that began."""

    admin: Admin
    session_id: str = field(repr=False)


def add_admin(
    connection: Connection, email: str, password: str | None, *, role: Role | None = Role.OWNER, now: datetime
) -> str:
    """Let somebody sign in; the password, made here where none is given.

    Raises `AdminExists`, and `InvalidRequest` for an email or a password that
    cannot be one.
    """
    email = _checked_email(email)
    password = _checked_password(password)
    if admins.lock_by_email(connection, email) is not None:
        raise AdminExists(f"{email} can sign in already")
    admins.add(connection, email, password_hash=_HASHER.hash(password), role=role, now=now)
    return password


def reset_password(connection: Connection, email: str, password: str | None, *, now: datetime) -> str:
    """Set an admin's password, created here where none is given, and end their sessions.

    Raises `UnknownAdmin`, and `InvalidRequest` for a password that cannot be one.
    """
    known = admins.lock_by_email(connection, email)
    if known is None:
        raise UnknownAdmin(f"there is no admin {email}")
    password = _checked_password(password)
    admins.set_password(connection, known.admin.id, _HASHER.hash(password))
    sessions.remove_all(connection, known.admin.id)
    return password


def list_admins(connection: Connection) -> list[ListedAdmin]:
    """Return everyone who may sign in."""
    return admins.list_all(connection)


def remove_admin(connection: Connection, email: str) -> ListedAdmin:
    """Take an admin's right to sign in, and end their sessions.

    Raises `UnknownAdmin`, and `LastAdmin` for the only one there is.
    """
    everyone = admins.list_all(connection, lock=True)
    wanted = normalize_email(email.strip())
    found = next((each for each in everyone if normalize_email(each.email) == wanted), None)
    if found is None:
        raise UnknownAdmin(f"there is no admin {email}")
    if len(everyone) == 1:
        raise LastAdmin(f"{found.email} is the last admin: add another one first, with: flask admins add EMAIL")
    removal.delete_admin(connection, found.id)
    return found


def ensure_first_admin(connection: Connection, email: str, password: str | None, now: datetime) -> str | None:
    """Let the first admin in where there is none yet; the password that was made up for it.

    None where somebody can sign in already, and where a password was given:
    then there is nothing to tell.
    """
    if admins.count(connection):
        return None
    made = add_admin(connection, email, password or None, now=now)
    return None if password else made


def sign_in(
    database: Database, email: str, password: str, *, throttles: SignInThrottles, client: Client, now: datetime
) -> SignedIn | None:
    """Sign in with an email and a password; None for a wrong password and for an unknown email alike.

    The attempt counts as failed before the password is checked, so guesses that
    come at once are not all tried. What is counted is the client and the account
    together: guesses of others do not keep the right password out. No
    transaction is open while the hash is made. Raises `TooManySignIns` while
    this client has to wait, and `Overloaded` when too many sign in at once.
    """
    wait = throttles.begin(client, email, now=now)
    if wait:
        raise TooManySignIns(retry_after_seconds=wait)
    found = None
    if _is_email(email):
        with database.reading() as connection:
            found = admins.find_by_email(connection, email)
    if (
        not _is_password(found.password_hash if found else _UNUSED_HASH, password, is_known=client.is_known)
        or found is None
    ):
        return None
    with database.transaction() as connection:
        current = admins.lock_by_email(connection, email)
        if current is None or current.password_hash != found.password_hash:
            # The password was changed meanwhile.
            return None
        admins.mark_signed_in(connection, current.admin.id, now=now)
        session_id = _begin_session(connection, current.admin, now=now)
    throttles.clear(client, email)
    return SignedIn(found.admin, session_id)


def find_session(connection: Connection, session_id: str, *, now: datetime) -> Session | None:
    """Return the session of that id; None once it has ended, whichever way."""
    found = sessions.find(connection, vault.hash_session(session_id))
    if found is None or now - found.began_at >= LONGEST_SESSION or now - found.seen_at >= IDLE_SESSION:
        return None
    # Begun by a clock that was ahead, it would last until long after that moment.
    return None if found.began_at - now > TOLERANCE else found


def note_session_use(connection: Connection, session_id: str, *, now: datetime) -> None:
    """Note that a session is in use, which keeps it from ending as idle."""
    sessions.mark_seen(connection, vault.hash_session(session_id), now=now)


def end_session(connection: Connection, session_id: str) -> None:
    """End a session; its cookie is worth nothing from this commit on."""
    sessions.remove(connection, vault.hash_session(session_id))


def _begin_session(connection: Connection, admin: Admin, *, now: datetime) -> str:
    session_id = vault.new_session()
    sessions.prune(connection, began_before=now - LONGEST_SESSION, seen_before=now - IDLE_SESSION)
    sessions.keep_newest(connection, admin.id, most=MAX_SESSIONS - 1)
    sessions.add(connection, vault.hash_session(session_id), admin.id, now=now)
    return session_id


def _is_password(password_hash: str, password: str, *, is_known: bool) -> bool:
    turns = _KNOWN_TURNS if is_known else _TURNS
    if not turns.acquire(timeout=_WAIT_SECONDS):
        raise Overloaded("Too many people sign in at once; try again in a moment.")
    try:
        return _HASHER.verify(password_hash, password[:MAX_PASSWORD].encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    finally:
        turns.release()


def _is_email(email: str) -> bool:
    return "@" in email and email.isprintable() and len(email) <= _MAX_EMAIL


def _checked_email(email: str) -> str:
    email = email.strip()
    if not _is_email(email) or " " in email:
        raise InvalidRequest(fields=[FieldError("email", f"{email!r} is no email address")])
    return email


def _checked_password(password: str | None) -> str:
    if password is None:
        return secrets.token_urlsafe(15)
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidRequest(
            fields=[FieldError("password", f"use {MIN_PASSWORD} to {MAX_PASSWORD} characters for a password")]
        )
    return password
