"""Admins: the people who may sign in, and how long a session of theirs lasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LONGEST_SESSION = timedelta(hours=12)
"""How long a session lasts at most, however busy it is."""
IDLE_SESSION = timedelta(hours=2)
"""How long a session lasts without a request."""
MAX_SESSIONS = 20
"""How many sessions one admin has at most; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who may sign in."""

    id: int
    email: str
