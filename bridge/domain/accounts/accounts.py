"""Who holds tokens: the users of a store, and its guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from bridge.domain.events.events import Alert

MAX_TOKENS = 2**53 - 1
"""The largest amount anywhere: what a JSON number carries exactly."""

MAX_USER_ID = 2**53 - 1
MAX_EMAIL = 320
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """What a caller says of a user; None where it says nothing and the known stays."""

    user_id: int
    email: str | None = None
    name: str | None = None
    roles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """A guest, by the hash of the opaque id the caller gave; the id itself is never kept."""

    guest_hash: str


Who = Profile | Visitor


class Account(NamedTuple):
    """One user of a store, or one guest (`user_id` None), with what the books say.

    `balance` and `debt` are whole tokens, zero or more. `roles` is empty when
    none are known, and always empty for a guest. `alert` is what was last told
    about the balance.
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

    @property
    def is_guest(self) -> bool:
        """Return whether this is a visitor without an account of the shop."""
        return self.user_id is None

    def with_profile(self, *, email: str | None, name: str | None, roles: tuple[str, ...] | None) -> Account:
        """This account with what somebody said of its user; what is None was not said, and stays."""
        return self._replace(
            email=self.email if email is None else email,
            name=self.name if name is None else name,
            roles=self.roles if roles is None else roles,
        )

    def moved(self, *, tokens: int, debt: int) -> Account:
        """This account after a movement."""
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
        )


class Balance(NamedTuple):
    """A balance as callers see it: whole tokens, none below zero."""

    balance: int
    held: int
    debt: int

    @property
    def available(self) -> int:
        """Return what can be spent now: the balance less what open holds set aside."""
        return max(0, self.balance - self.held)


def normalize_email(email: str | None) -> str | None:
    """The form two spellings of one address share, at most 320 letters; None for an empty one."""
    if email is None:
        return None
    # Folding makes two or three letters of some; an address never gets that long.
    return email.strip().casefold()[:MAX_EMAIL] or None


def merge_roles(*, known: tuple[str, ...], reported: str) -> tuple[str, ...]:
    """The roles after the shop reported one.

    The shop's customer document names only the first of a user's roles (seen
    on WooCommerce 10.9), so a role that is known already changes nothing; a
    new one means that the roles were set anew.
    """
    if not reported:
        return known
    return known if reported in known else (reported,)
