"""Bulk changes and their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, func, insert, select, update

from bridge.domain.admin.bulk_changes import BulkChange, BulkRow, Counts, Source, State
from bridge.storage.admin.tables import bulk_changes, bulk_rows
from bridge.storage.engine.bulk import Writer
from bridge.storage.engine.sums import halves, whole

_INSERT = Writer(
    bulk_rows, ("bulk_id", "position", "store_id", "user_id", "tokens", "reason", "error"), keys=("bulk_id", "position")
)
_KEYS = ("bulk_id", "position")
_SET_ENTRIES = Writer(bulk_rows, (*_KEYS, "entry_id"), keys=_KEYS, replace=("entry_id",), is_update=True)
_SET_ERRORS = Writer(bulk_rows, (*_KEYS, "error"), keys=_KEYS, replace=("error",), is_update=True)
_IS_WAITING = and_(bulk_rows.c.error == "", bulk_rows.c.entry_id.is_(None))


def add(connection: Connection, change: BulkChange, rows: Iterable[BulkRow]) -> None:
    """Insert a bulk change with its rows."""
    values = {
        "id": change.id,
        "store_id": change.store_id,
        "actor": change.actor,
        "source": change.source.value,
        "state": change.state.value,
        "created_at": change.created_at,
        "confirmed_at": change.confirmed_at,
        "undo_of": change.undo_of,
    }
    connection.execute(insert(bulk_changes).values(**values))
    _INSERT.write(
        connection,
        [
            (change.id, row.position, change.store_id, row.user_id, row.tokens, row.reason, row.error)
            for row in sorted(rows)
        ],
    )


def find(connection: Connection, bulk_id: int) -> BulkChange | None:
    """Return the bulk change with this id."""
    return _one(connection, select(bulk_changes).where(bulk_changes.c.id == bulk_id))


def lock(connection: Connection, bulk_id: int) -> BulkChange | None:
    """Return the bulk change with this id, locked until the transaction ends."""
    return _one(connection, select(bulk_changes).where(bulk_changes.c.id == bulk_id).with_for_update())


def find_undo(connection: Connection, bulk_id: int) -> BulkChange | None:
    """Return the bulk change that takes back another one."""
    return _one(connection, select(bulk_changes).where(bulk_changes.c.undo_of == bulk_id))


def list_recent(connection: Connection, store_id: int, *, limit: int) -> list[BulkChange]:
    """Return the latest bulk changes of a store, the newest first."""
    found = select(bulk_changes).where(bulk_changes.c.store_id == store_id)
    return [_to_change(row) for row in connection.execute(found.order_by(bulk_changes.c.id.desc()).limit(limit))]


def list_running(connection: Connection) -> list[int]:
    """Return the ids of all bulk changes that are being applied, the oldest first."""
    found = select(bulk_changes.c.id).where(bulk_changes.c.state == State.RUNNING.value)
    return list(connection.execute(found.order_by(bulk_changes.c.id)).scalars())


def set_state(connection: Connection, bulk_id: int, state: State, **more: str | datetime) -> None:
    """Set the state of a locked bulk change, and other columns with it."""
    changed = update(bulk_changes).where(bulk_changes.c.id == bulk_id)
    connection.execute(changed.values(state=state.value, **more))


def count(connection: Connection, bulk_id: int) -> Counts:
    """Return the number of rows of a bulk change in each state, and their tokens."""
    valid = bulk_rows.c.error == ""
    added = case((and_(valid, bulk_rows.c.tokens > 0), bulk_rows.c.tokens), else_=0)
    subtracted = case((and_(valid, bulk_rows.c.tokens < 0), -bulk_rows.c.tokens), else_=0)
    row = connection.execute(
        select(
            func.count().filter(_IS_WAITING).label("waiting"),
            func.count(bulk_rows.c.entry_id).label("applied"),
            func.count().filter(bulk_rows.c.error != "").label("failed"),
            *halves(added, "added"),
            *halves(subtracted, "subtracted"),
        ).where(bulk_rows.c.bulk_id == bulk_id)
    ).one()
    return Counts(row.waiting, row.applied, row.failed, whole(row, "added"), whole(row, "subtracted"))


def list_rows(
    connection: Connection, bulk_id: int, *, after: int, limit: int, only_failed: bool = False
) -> list[BulkRow]:
    """Return the rows after a position, in order; optionally only those with an error."""
    found = select(bulk_rows).where(bulk_rows.c.bulk_id == bulk_id, bulk_rows.c.position > after)
    if only_failed:
        found = found.where(bulk_rows.c.error != "")
    rows = connection.execute(found.order_by(bulk_rows.c.position).limit(limit))
    return [_to_row(row) for row in rows]


def list_waiting(connection: Connection, bulk_id: int, *, limit: int) -> list[BulkRow]:
    """Return the first rows that are neither applied nor failed, in order."""
    found = select(bulk_rows).where(bulk_rows.c.bulk_id == bulk_id, _IS_WAITING)
    return [_to_row(row) for row in connection.execute(found.order_by(bulk_rows.c.position).limit(limit))]


def set_entries(connection: Connection, bulk_id: int, applied: Sequence[tuple[int, int]]) -> None:
    """Mark rows as applied, given by position with the ledger entry of each."""
    _SET_ENTRIES.write(connection, [(bulk_id, position, entry_id) for position, entry_id in applied])


def set_errors(connection: Connection, bulk_id: int, failed: Sequence[tuple[int, str]]) -> None:
    """Mark rows as failed, given by position with the reason of each."""
    _SET_ERRORS.write(connection, [(bulk_id, position, error) for position, error in failed])


def _one(connection: Connection, statement: Select[Any]) -> BulkChange | None:
    row = connection.execute(statement).one_or_none()
    return None if row is None else _to_change(row)


def _to_change(row: Row[Any]) -> BulkChange:
    return BulkChange(
        row.id,
        row.store_id,
        row.actor,
        Source(row.source),
        State(row.state),
        row.created_at,
        row.confirmed_at,
        row.finished_at,
        row.undo_of,
    )


def _to_row(row: Row[Any]) -> BulkRow:
    return BulkRow(row.position, row.user_id, row.tokens, row.reason, row.error, row.entry_id)
