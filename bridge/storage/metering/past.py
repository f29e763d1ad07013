"""The spends, refunds, holds and resets of one account around a moment, to compute what counted then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, func, literal, or_, select

from bridge.domain.metering.funding import PlanPart
from bridge.domain.metering.holds import MAX_TTL_SECONDS, Hold, HoldState
from bridge.domain.metering.limits import Period, Reset
from bridge.storage.accounts.tables import entries
from bridge.storage.engine.ids import first_id_at
from bridge.storage.metering.holds import to_hold
from bridge.storage.metering.spends import unpack_parts
from bridge.storage.metering.tables import holds, limit_resets, refunds, spends

MOST_SCANNED = 200_000
"""The most spends of all accounts that are looked through; they are found by their time, not by their account."""
_LATE = timedelta(minutes=1)
"""How much later than its row's moment an id may be made: a batch waits for the database in between."""
_MICROSECOND = timedelta(microseconds=1)
_MOST_HOLDS = 10_000
_MOST_RESETS = 1_000


class FreeUse(NamedTuple):
    """Free tokens of a module, and plan tokens, that a spend used or a refund gave back.

    `windows` are the starts of the windows that the free tokens count in, each with its counter.
    """

    module: str
    allowance: int
    windows: tuple[tuple[datetime, int], ...]
    plan: int
    plan_parts: tuple[PlanPart, ...]


def count_spends(connection: Connection, *, since: datetime, until: datetime | None) -> int:
    """Count the spends of all accounts in a time, up to one more than `MOST_SCANNED`."""
    ids = [spends.c.id >= first_id_at(since)]
    if until is not None:
        ids.append(spends.c.id < first_id_at(until))
    some = select(literal(1)).where(*ids).limit(MOST_SCANNED + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def list_uses(connection: Connection, account_id: int, *, since: datetime, until: datetime | None) -> list[FreeUse]:
    """Return what an account's spends from `since` on and before `until` used of allowances and plans."""
    rows = connection.execute(
        select(spends).where(
            *_ids(spends.c.id, since, until),
            spends.c.account_id == account_id,
            *_times(spends.c.created_at, since, until),
            or_(spends.c.from_allowance > 0, spends.c.from_plan > 0),
        )
    )
    return [
        FreeUse(
            row.module,
            row.from_allowance,
            _windows(row),
            row.from_plan,
            unpack_parts(row.plan_parts),
        )
        for row in rows
    ]


def list_refunds(connection: Connection, account_id: int, *, since: datetime, until: datetime | None) -> list[FreeUse]:
    """Return what refunds from `since` on and before `until` gave back to an account's allowances and plans."""
    rows = connection.execute(
        select(
            refunds.c.to_allowance,
            refunds.c.to_plan,
            spends.c.module,
            spends.c.window_starts_at,
            spends.c.second_window_starts_at,
            spends.c.plan_parts,
        )
        .join_from(refunds, spends, spends.c.id == refunds.c.spend_id)
        .where(
            refunds.c.account_id == account_id,
            *_ids(refunds.c.id, since, until),
            *_times(refunds.c.created_at, since, until),
        )
    )
    return [
        FreeUse(
            row.module,
            row.to_allowance,
            _windows(row),
            row.to_plan,
            unpack_parts(row.plan_parts),
        )
        for row in rows
    ]


def list_holds(connection: Connection, account_id: int, *, at: datetime) -> list[Hold]:
    """Return the holds that set tokens of an account aside just before a moment, as open ones."""
    oldest = at - timedelta(seconds=MAX_TTL_SECONDS)
    rows = connection.execute(
        select(holds)
        .where(
            holds.c.account_id == account_id,
            *_ids(holds.c.id, oldest, at),
            holds.c.created_at < at,
            holds.c.expires_at >= at,
            or_(holds.c.settled_at.is_(None), holds.c.settled_at >= at),
        )
        .limit(_MOST_HOLDS)
    )
    return [replace(to_hold(row), state=HoldState.OPEN, settled_at=None, spend_id=None) for row in rows]


def list_resets(connection: Connection, store_id: int, account_id: int, *, at: datetime) -> list[Reset]:
    """Return the manual resets before a moment that concern an account, the latest first."""
    rows = connection.execute(
        select(limit_resets)
        .where(
            limit_resets.c.store_id == store_id,
            or_(limit_resets.c.account_id.is_(None), limit_resets.c.account_id == account_id),
            limit_resets.c.reset_at < at,
        )
        .order_by(limit_resets.c.reset_at.desc())
        .limit(_MOST_RESETS)
    )
    return [
        Reset(row.reset_at, row.module, row.role, row.account_id, Period(row.period) if row.period else None)
        for row in rows
    ]


def took_balance(connection: Connection, account_id: int, module: str, *, since: datetime, until: datetime) -> bool:
    """Return whether a spend or a hold of a module took tokens of the balance from `since` to `until`, both included.

    A capture counts only if its hold took none: it follows the confirmation of the hold.
    """
    behind = until + _MICROSECOND
    spent = (
        select(literal(1))
        .join_from(entries, spends, spends.c.id == entries.c.spend_id)
        .outerjoin(holds, and_(holds.c.account_id == account_id, holds.c.id == spends.c.hold_id))
        .where(
            entries.c.account_id == account_id,
            *_ids(entries.c.id, since, behind),
            *_times(entries.c.created_at, since, behind),
            entries.c.kind == "spend",
            spends.c.module == module,
            spends.c.from_balance > 0,
            func.coalesce(holds.c.from_balance, 0) == 0,
        )
    )
    held = select(literal(1)).where(
        holds.c.account_id == account_id,
        *_ids(holds.c.id, since, behind),
        *_times(holds.c.created_at, since, behind),
        holds.c.module == module,
        holds.c.from_balance > 0,
    )
    return any(connection.execute(found.limit(1)).scalar_one_or_none() for found in (spent, held))


def _windows(row: Row[*tuple[Any, ...]]) -> tuple[tuple[datetime, int], ...]:
    starts = ((row.window_starts_at, 0), (row.second_window_starts_at, 1))
    return tuple((start, counter) for start, counter in starts if start is not None)


def _ids(column: ColumnElement[int], since: datetime, until: datetime | None) -> list[ColumnElement[bool]]:
    found = [column >= first_id_at(since)]
    return found if until is None else [*found, column < first_id_at(until + _LATE)]


def _times(column: ColumnElement[datetime], since: datetime, until: datetime | None) -> list[ColumnElement[bool]]:
    found = [column >= since]
    return found if until is None else [*found, column < until]
