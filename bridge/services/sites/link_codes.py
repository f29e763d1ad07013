"""Link codes: created for an account, used once from another site, protected against guessing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.errors import TooManyLinkCodes
from bridge.domain.sites.link_codes import LIFE, MAX_OPEN, read_code, show_code
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.sites import guesses, sites
from bridge.services.sites.sites import Linked, NewSite
from bridge.storage.engine.database import Connection
from bridge.storage.sites import link_codes

_CODES_KEPT = timedelta(days=1)
"""How long a code is stored after it expires, so that a used code differs from an unknown one."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A new link code, which is shown only once, and the moment when it expires."""

    code: str = field(repr=False)
    expires_at: datetime


class Miss(StrEnum):
    """Why a code linked nothing."""

    UNKNOWN = "unknown"
    USED = "used"


def new_code(connection: Connection, store_id: int, user_id: int, *, now: datetime) -> NewCode:
    """Return a code that links one site to the user's account within minutes.

    Raises `UnknownUser`, and `TooManyLinkCodes` where `MAX_OPEN` codes can still be used.
    """
    account = profiles.get_account(connection, store_id, user_id)
    if link_codes.count_open(connection, account.id, now=now) >= MAX_OPEN:
        raise TooManyLinkCodes()
    link_codes.drop_expired(connection, before=now - _CODES_KEPT)
    code, expires_at = secrets.new_link_code(), now + LIFE
    link_codes.add(
        connection,
        code_hash=secrets.hash_link_code(code),
        store_id=store_id,
        account_id=account.id,
        expires_at=expires_at,
    )
    return NewCode(show_code(code), expires_at)


def check_guesses(connection: Connection, typed: str, address: str, *, now: datetime) -> None:
    """Raise `TooManyGuesses` if this client guessed wrong too often, or all clients did and this code is wrong.

    A valid code works whatever others guess, so guesses cannot prevent linking.
    """
    guesses.check(connection, address, is_open=lambda: link_codes.is_open(connection, _hash(typed), now=now), now=now)


def link(connection: Connection, typed: str, wanted: NewSite, *, address: str, now: datetime) -> Linked | Miss:
    """Link the site that sent a code to the code's account, or return why not.

    The guess is counted before the code is looked up, and the count is undone if
    the code is valid. A miss is a return value, not an exception, so that its count
    is committed. Raises `TooManyGuesses`.
    """
    guess = guesses.add(connection, address, now=now)
    code_hash = _hash(typed)
    place = link_codes.use(connection, code_hash, now=now)
    if place is None:
        guesses.check_miss(guess, now=now)
        return Miss.USED if link_codes.is_used(connection, code_hash) else Miss.UNKNOWN
    guesses.take_back(connection, guess)
    store_id, account_id = place
    return sites.link_site(connection, wanted, store_id=store_id, account_id=account_id, now=now)


def _hash(typed: str) -> str:
    return secrets.hash_link_code(read_code(typed))
