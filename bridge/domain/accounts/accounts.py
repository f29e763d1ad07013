"""Accounts: the users of a store, and its guests."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from bridge.domain.events.events import Alert

MAX_TOKENS = 2**53 - 1
"""The largest amount allowed anywhere: the largest integer a JSON number carries exactly."""

MAX_USER_ID = 2**53 - 1
MAX_EMAIL = 320
MAX_NAME = 200
MAX_SEARCH_KEY = 600
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile data that a caller sends for a user; None keeps the stored value."""

    user_id: int
    email: str | None = None
    name: str | None = None
    roles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """A guest, identified by the hash of the caller's opaque id; the id itself is never stored."""

    guest_hash: str


Who = Profile | Visitor


class Account(NamedTuple):
    """One user of a store, or one guest (`user_id` None), with the stored balance and debt.

    `balance` and `debt` are whole tokens, zero or more. `roles` is empty when
    none are stored, and always empty for a guest. `alert` is the last balance
    alert that was recorded, and `alerted_below` the lowest level in tokens that the
    balance was below then; None for none. `last_grant` is what the account's last
    order granted, in tokens. `merged_into` is the account this one became part of,
    None for an account of its own. `is_erased` means that the person was erased:
    no profile is stored again. `confirm_paid` means that the user wants to confirm
    before tokens of the balance are taken.
    """

    id: int
    store_id: int
    user_id: int | None
    balance: int
    debt: int
    roles: tuple[str, ...] = ()
    email: str | None = None
    name: str | None = None
    alert: Alert = Alert.NEW
    alerted_below: int | None = None
    last_grant: int = 0
    merged_into: int | None = None
    is_erased: bool = False
    confirm_paid: bool = False

    @property
    def is_guest(self) -> bool:
        """Return whether this is a visitor without an account of the shop."""
        return self.user_id is None

    def with_profile(self, *, email: str | None, name: str | None, roles: tuple[str, ...] | None) -> Account:
        """Return this account with the profile applied; values that are None stay unchanged.

        An erased account stays as it is.
        """
        if self.is_erased:
            return self
        return self._replace(
            email=self.email if email is None else email,
            name=self.name if name is None else name,
            roles=self.roles if roles is None else roles,
        )

    def moved(self, *, tokens: int, debt: int) -> Account:
        """Return this account after a movement."""
        return Account(
            self.id,
            self.store_id,
            self.user_id,
            self.balance + tokens,
            self.debt + debt,
            self.roles,
            self.email,
            self.name,
            self.alert,
            self.alerted_below,
            self.last_grant,
            self.merged_into,
            self.is_erased,
            self.confirm_paid,
        )


class Balance(NamedTuple):
    """A balance as callers see it: whole tokens, zero or more."""

    balance: int
    held: int
    debt: int

    @property
    def available(self) -> int:
        """Return the tokens that can be spent now: the balance minus the open holds."""
        return max(0, self.balance - self.held)


def normalize_email(email: str | None) -> str | None:
    """Return an email in its compared form, at most 320 characters; None for an empty one."""
    if email is None:
        return None
    # Case folding turns some letters into two or three, so the length is limited afterwards.
    return email.strip().casefold()[:MAX_EMAIL] or None


def search_text(*parts: str | None) -> str:
    """Return texts as a search compares them: without case, accents and joiners, at most `MAX_SEARCH_KEY` characters.

    A joiner (U+200C, U+200D) changes how letters look, not which they are.
    """
    decomposed = unicodedata.normalize("NFKD", " ".join(part for part in parts if part).casefold())
    kept = (letter for letter in decomposed if not unicodedata.combining(letter) and letter not in _JOINERS)
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())[:MAX_SEARCH_KEY]


def merge_roles(*, known: tuple[str, ...], reported: str) -> tuple[str, ...]:
    """Return the roles after the shop reported one.

    The shop's customer document names only the first of a user's roles
    (observed on WooCommerce 10.9). So a role that is already stored changes
    nothing; a new one replaces all roles.
    """
    if not reported:
        return known
    return known if reported in known else (reported,)
