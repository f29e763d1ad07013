"""The pages of bulk changes: the list of them, and one with its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.admin.bulk_changes import BulkChange, BulkRow, Counts, Source, State
from bridge.domain.stores.stores import Store
from bridge.services.admin import bulk_changes
from bridge.storage.engine.database import Connection
from bridge.web.admin.curl import Calls
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.users_calls import bulk_calls
from bridge.web.i18n.formatting import LocalTime, local_time, number

PAGE = 100

_SOURCES = {
    Source.CSV: "from a CSV file",
    Source.SELECTION: "of selected users",
    Source.FILTER: "of all users of a list",
}
_STATES = {
    State.PREVIEW: "Preview",
    State.RUNNING: "Running",
    State.DONE: "Done",
    State.CANCELLED: "Cancelled",
}


@dataclass(frozen=True, slots=True)
class BulkLine:
    """A bulk change in the list, with its result in words."""

    id: int
    state: str
    label: str
    source: str
    actor: str
    at: LocalTime
    result: str


@dataclass(frozen=True, slots=True)
class BulkRowView:
    """A row with the balance now and after it; None where the user is unknown or the row is applied or failed."""

    row: BulkRow
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class BulkList:
    """The page that uploads a file, and lists the latest bulk changes."""

    store: Store
    lines: tuple[BulkLine, ...]
    calls: Calls
    open_questions: str


@dataclass(frozen=True, slots=True)
class BulkPage:
    """One bulk change with a part of its rows; `next` is the position behind which the next page begins.

    `undo_of` is the bulk change that this one takes back, `undone_by` the one that
    takes back this one; None for none.
    """

    store: Store
    line: BulkLine
    counts: Counts
    rows: tuple[BulkRowView, ...]
    only_failed: bool
    is_first: bool
    next: int | None
    undo_of: int | None
    undone_by: int | None
    may_undo: bool
    calls: Calls
    open_questions: str


def bulk_list(connection: Connection, store: Store) -> BulkList:
    """Return the page with the latest bulk changes."""
    lines = tuple(
        _line(store, change, bulk_changes.count(connection, change))
        for change in bulk_changes.list_recent(connection, store)
    )
    return BulkList(store, lines, bulk_calls(), count_exceptions(connection, store))


def bulk_page(
    connection: Connection, store: Store, bulk_id: int, *, after: int, only_failed: bool, now: datetime
) -> BulkPage:
    """Return the page of one bulk change with rows behind a position; raises `NotFound`."""
    change = bulk_changes.get(connection, store, bulk_id)
    counts = bulk_changes.count(connection, change)
    undone_by = bulk_changes.find_undo(connection, change)
    rows = bulk_changes.list_rows(connection, change, after=after, limit=PAGE + 1, only_failed=only_failed)
    shown = rows[:PAGE]
    balances = bulk_changes.balances_of(connection, store, shown)
    return BulkPage(
        store=store,
        line=_line(store, change, counts),
        counts=counts,
        rows=tuple(_row(row, balances.get(row.user_id or 0)) for row in shown),
        only_failed=only_failed,
        is_first=after == 0,
        next=shown[-1].position if len(rows) > PAGE else None,
        undo_of=change.undo_of,
        undone_by=None if undone_by is None else undone_by.id,
        may_undo=undone_by is None and counts.applied > 0 and change.may_be_undone(now),
        calls=bulk_calls(shown),
        open_questions=count_exceptions(connection, store),
    )


def _row(row: BulkRow, balance: int | None) -> BulkRowView:
    if balance is None or row.error or row.entry_id is not None or row.tokens is None:
        return BulkRowView(row, None, None)
    return BulkRowView(row, balance, balance + row.tokens)


def _line(store: Store, change: BulkChange, counts: Counts) -> BulkLine:
    zone = store.calendar.zone
    at: datetime = change.finished_at or change.confirmed_at or change.created_at
    return BulkLine(
        id=change.id,
        state=change.state.value,
        label=_STATES[change.state],
        source=_SOURCES[change.source] if change.undo_of is None else "that undoes another one",
        actor=change.actor,
        at=local_time(at, zone),
        result=f"{number(counts.applied)} of {number(counts.total)} rows applied, {number(counts.failed)} failed",
    )
