"""Admins: adding people, new passwords, and signing in."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bridge.domain.accounts import normalize_email
from bridge.domain.admins import Admin, is_paused, pause_after
from bridge.domain.errors import AdminExists, FieldError, InvalidRequest, LastAdmin, Overloaded, UnknownAdmin
from bridge.storage import admins, removal
from bridge.storage.admins import ListedAdmin
from bridge.storage.database import Connection

MIN_PASSWORD, MAX_PASSWORD = 8, 1000
_MAX_EMAIL = 320

_HASHER = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
# Each hash holds 19 MiB while it is made; guesses that come together wait for their turn, and not for long.
_TURNS = threading.BoundedSemaphore(2)
_WAIT_SECONDS = 3.0
# The hash of a word nobody knows: an e-mail nobody has costs a guesser the same time as a wrong password.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$RaUicffC0ZgM5rynG7C6qg$IcsX1VLDaqT/NfeL1G5pEcvVjRuG7sVmMI6mFQ9uQUU"


def add_admin(connection: Connection, email: str, password: str | None, *, now: datetime) -> str:
    """Let somebody sign in; the password, made here where none is given.

    Raises `AdminExists`, and `InvalidRequest` for an e-mail or a password that
    cannot be one.
    """
    email = _checked_email(email)
    password = _checked_password(password)
    if admins.lock_by_email(connection, email) is not None:
        raise AdminExists(f"{email} can sign in already")
    admins.add(connection, email, password_hash=_HASHER.hash(password), now=now)
    return password


def reset_password(connection: Connection, email: str, password: str | None, *, now: datetime) -> str:
    """Give somebody a new password, made here where none is given; ends every session and any pause.

    Raises `UnknownAdmin`, and `InvalidRequest` for a password that cannot be one.
    """
    known = admins.lock_by_email(connection, email)
    if known is None:
        raise UnknownAdmin(f"nobody signs in as {email}")
    password = _checked_password(password)
    admins.set_password(connection, known.admin.id, _HASHER.hash(password))
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
        raise UnknownAdmin(f"nobody signs in as {email}")
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
    transaction: Callable[[], AbstractContextManager[Connection]], email: str, password: str, *, now: datetime
) -> Admin | None:
    """The admin with that e-mail and password; None for a wrong one, an unknown e-mail and during a pause alike.

    The attempt counts as failed before the password is looked at, so guesses
    that come at once are not all tried. No transaction is open while the hash
    is made. Raises `Overloaded` when too many sign in at once.
    """
    with transaction() as connection:
        admin, password_hash = _begin_attempt(connection, email, now=now)
    if not _is_password(password_hash, password) or admin is None:
        return None
    with transaction() as connection:
        admins.mark_signed_in(connection, admin.id, now=now)
    return admin


def find_for_session(connection: Connection, admin_id: int, session_version: int) -> Admin | None:
    """The admin a session belongs to; None once the password was set anew."""
    admin = admins.find(connection, admin_id)
    return admin if admin is not None and admin.session_version == session_version else None


def _begin_attempt(connection: Connection, email: str, *, now: datetime) -> tuple[Admin | None, str]:
    # A write, and so a little time, tells a known e-mail from an unknown one; a pause ends that after a few tries.
    known = admins.lock_by_email(connection, email) if _is_email(email) else None
    if known is None or is_paused(known.locked_until, now=now):
        return None, _NOBODY
    failures = known.failures + 1
    admins.set_failures(connection, known.admin.id, failures, locked_until=pause_after(failures, now=now))
    return known.admin, known.password_hash


def _is_password(password_hash: str, password: str) -> bool:
    if not _TURNS.acquire(timeout=_WAIT_SECONDS):
        raise Overloaded("Too many people sign in at once; try again in a moment.")
    try:
        return _HASHER.verify(password_hash, password[:MAX_PASSWORD].encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _TURNS.release()


def _is_email(email: str) -> bool:
    return "@" in email and email.isprintable() and len(email) <= _MAX_EMAIL


def _checked_email(email: str) -> str:
    email = email.strip()
    if not _is_email(email) or " " in email:
        raise InvalidRequest(fields=[FieldError("email", f"{email!r} is no e-mail address")])
    return email


def _checked_password(password: str | None) -> str:
    if password is None:
        return secrets.token_urlsafe(15)
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidRequest(
            fields=[FieldError("password", f"use {MIN_PASSWORD} to {MAX_PASSWORD} characters for a password")]
        )
    return password
