"""Moments before which something waits, bounded so that a wrong clock cannot make it wait for years."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_

from bridge.domain.ops.clock import TOLERANCE


def is_due(column: ColumnElement[datetime], *, now: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Return the condition that a moment has come, or lies further ahead than any wait is long.

    Such a moment was written by a clock that was ahead, and counts as come.
    """
    return or_(column <= now, column > now + longest + TOLERANCE)
