"""Admins: the people who may sign in, and the limits of their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LONGEST_SESSION = timedelta(hours=12)
"""The longest life of a session, even if it is used."""
IDLE_SESSION = timedelta(hours=2)
"""The longest time a session lasts without a request."""
MAX_SESSIONS = 20
"""The most sessions of one admin; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who may sign in."""

    id: int
    email: str
