"""Admins: the people who may sign in, and the limits of their sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

LONGEST_SESSION = timedelta(hours=12)
"""The longest life of a session, even if it is used."""
IDLE_SESSION = timedelta(hours=2)
"""The longest time a session lasts without a request."""
PASS_SESSION = timedelta(hours=8)
"""The longest life of a session that was begun with a pass."""
MAX_SESSIONS = 20
"""The most sessions of one admin; one more ends the oldest."""


class Role(StrEnum):
    """The rights of an admin. Each role includes those before it."""

    VIEWER = "viewer"
    """Read every page."""
    MANAGER = "manager"
    """Change balances, limits of single users and resets, and answer exceptions."""
    OWNER = "owner"
    """Change settings, keys and admins, and remove users."""

    def includes(self, other: Role) -> bool:
        """Return whether this role may do everything that the other may."""
        return _RANK[self] >= _RANK[other]


_RANK = {Role.VIEWER: 1, Role.MANAGER: 2, Role.OWNER: 3}


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who may sign in.

    `role` counts for every store and for the installation itself; None for a
    person who has roles in single stores only, by store id in `stores`.
    `is_limited` means that the session was begun with a pass: it opens one store,
    and not the admin's own password and second factor.
    """

    id: int
    email: str
    role: Role | None = Role.OWNER
    stores: Mapping[int, Role] = field(default_factory=dict)
    is_limited: bool = False

    def role_in(self, store_id: int) -> Role | None:
        """Return the role in a store, the higher one where there are two; None without any."""
        own = self.stores.get(store_id)
        if self.role is None or own is None:
            return own if self.role is None else self.role
        return own if own.includes(self.role) else self.role

    def limited_to(self, store_id: int, most: Role) -> Admin:
        """Return the admin as a session with a pass allows: in one store, with the lower of both roles there."""
        held = self.role_in(store_id)
        lower = None if held is None else most if held.includes(most) else held
        return Admin(self.id, self.email, None, {} if lower is None else {store_id: lower}, is_limited=True)
