"""Rows that may be used once and for a limited time, found by the hash of a secret."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Row, update

from bridge.domain.ops.clock import TOLERANCE


def use(
    connection: Connection, key: Column[Any], value: str, *, life: timedelta, now: datetime
) -> Row[tuple[Any, ...]] | None:
    """Return the row whose `key` has this value and mark it as used; None if used, expired or unknown.

    The table has the columns `expires_at` and `used_at`. If two requests use a row at
    the same moment, only one of them gets it. A row that lasts longer than `life` was
    made by a clock that was ahead, and is not accepted.
    """
    columns = key.table.c
    statement = (
        update(key.table)
        .where(
            key == value,
            columns.used_at.is_(None),
            columns.expires_at > now,
            columns.expires_at <= now + life + TOLERANCE,
        )
        .values(used_at=now)
        .returning(*columns)
    )
    return connection.execute(statement).one_or_none()
