"""Moments until which something waits, limited so that a wrong clock cannot make it wait for years."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_

from bridge.domain.ops.clock import TOLERANCE


def is_due(column: ColumnElement[datetime], *, now: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Return the condition that a moment has passed, or is further ahead than any wait can be.

    A clock that was ahead wrote such a moment, so it counts as passed.
    """
    return or_(column <= now, column > now + longest + TOLERANCE)
