"""Holds: reserved tokens, found by account or by id, and settled once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, literal_column, select, update

from bridge.domain.metering.holds import Hold, HoldState
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.engine.types import Instant
from bridge.storage.metering.spends import Owner, pack_parts, unpack_parts
from bridge.storage.metering.tables import holds

_COLUMNS = (
    "account_id",
    "id",
    "store_id",
    "site_id",
    "module",
    "operation",
    "units",
    "tokens",
    "from_plan",
    "from_balance",
    "from_allowance",
    "window_starts_at",
    "window_ends_at",
    "plan_parts",
    "source",
    "reference",
    "state",
    "created_at",
    "expires_at",
    "settled_at",
    "spend_id",
    "second_window_starts_at",
    "second_window_ends_at",
)
_INSERT = Writer(holds, _COLUMNS)
_SETTLE = Writer(
    holds,
    ("account_id", "id", "state", "settled_at", "spend_id"),
    keys=("account_id", "id"),
    replace=("state", "settled_at", "spend_id"),
    is_update=True,
)
# Written out, not bound: with a parameter, an engine would not use the partial indexes.
_IS_OPEN = holds.c.state == literal_column("'open'")
# Written so that no partial index is used: with given ids, an engine might read the index of all open holds.
_IS_UNSETTLED = holds.c.state.not_in([state.value for state in HoldState if state is not HoldState.OPEN])
_OPEN = select(holds).where(among(holds.c.account_id, "ids"), _IS_OPEN, holds.c.expires_at > bindparam("now"))
_HELD = (
    select(holds.c.account_id, func.sum(holds.c.from_balance).label("held"))
    .where(among(holds.c.account_id, "ids"), _IS_OPEN, holds.c.expires_at > bindparam("now"))
    .group_by(holds.c.account_id)
)
_BY_ID = select(holds).where(among(holds.c.id, "ids"))
_MARK_EXPIRED = (
    update(holds)
    .where(among(holds.c.id, "ids"), _IS_UNSETTLED, holds.c.expires_at <= bindparam("at", type_=Instant()))
    .values(state=HoldState.EXPIRED.value, settled_at=bindparam("at", type_=Instant()))
    .returning(holds.c.account_id)
)
_OWNERS = select(holds.c.id, holds.c.store_id, holds.c.site_id, holds.c.account_id).where(among(holds.c.id, "ids"))


def add(connection: Connection, added: Iterable[Hold]) -> None:
    """Write holds with one statement."""
    _INSERT.write(connection, [tuple(_value(hold, name) for name in _COLUMNS) for hold in added])


def settle(connection: Connection, settled: Iterable[Hold]) -> None:
    """Write the state of holds; the caller has locked their accounts."""
    _SETTLE.write(
        connection,
        [(hold.account_id, hold.id, hold.state.value, hold.settled_at, hold.spend_id) for hold in settled],
    )


def owners(connection: Connection, hold_ids: Collection[int]) -> dict[int, Owner]:
    """Return the owner of each hold; a merge may change it until the account is locked. Unknown ids are left out."""
    rows = connection.execute(_OWNERS, {"ids": sorted(hold_ids)})
    return {row.id: Owner(row.store_id, row.site_id, row.account_id) for row in rows}


def find_many(connection: Connection, hold_ids: Collection[int]) -> dict[int, Hold]:
    """Return these holds; to change them, lock their accounts first."""
    return {row.id: to_hold(row) for row in connection.execute(_BY_ID, {"ids": sorted(hold_ids)})}


def list_open(connection: Connection, account_ids: Collection[int], *, now: datetime) -> list[Hold]:
    """Return the holds of these accounts that reserve tokens at this moment."""
    return [to_hold(row) for row in connection.execute(_OPEN, {"ids": sorted(account_ids), "now": now})]


def list_open_of_store(
    connection: Connection, store_id: int, *, before: int | None, limit: int, now: datetime
) -> list[Hold]:
    """Return the holds of a store that reserve tokens at this moment, newest first, older than the id `before`."""
    statement = select(holds).where(holds.c.store_id == store_id, _IS_OPEN, holds.c.expires_at > now)
    if before is not None:
        statement = statement.where(holds.c.id < before)
    rows = connection.execute(statement.order_by(holds.c.id.desc()).limit(limit))
    return [to_hold(row) for row in rows]


def held_balances(connection: Connection, account_ids: Collection[int], *, now: datetime) -> dict[int, int]:
    """Return the tokens that open holds reserve of each account's balance; accounts without holds are left out."""
    rows = connection.execute(_HELD, {"ids": sorted(account_ids), "now": now})
    return {row.account_id: int(row.held) for row in rows}


def list_expired(
    connection: Connection, *, now: datetime, limit: int, skip: Collection[int] = ()
) -> list[tuple[int, int]]:
    """Return expired holds that are not marked yet, as (account, hold), the earliest first, without those in `skip`."""
    statement = (
        select(holds.c.account_id, holds.c.id)
        .where(_IS_OPEN, holds.c.expires_at <= now)
        .order_by(holds.c.expires_at)
        .limit(limit)
    )
    if skip:
        statement = statement.where(holds.c.id.not_in(sorted(skip)))
    return [(row.account_id, row.id) for row in connection.execute(statement)]


def mark_expired(connection: Connection, hold_ids: Collection[int], *, now: datetime) -> set[int]:
    """Mark those of these holds as expired that are open and past their expiry; return their accounts.

    The caller has locked the accounts of all these holds.
    """
    return set(connection.execute(_MARK_EXPIRED, {"ids": sorted(hold_ids), "at": now}).scalars())


def _value(hold: Hold, name: str) -> Any:
    if name == "plan_parts":
        return pack_parts(hold.plan_parts)
    value = getattr(hold, name)
    return value.value if name == "state" else value


def to_hold(row: Row[Any]) -> Hold:
    """Return the hold in a row."""
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Hold(**{**values, "state": HoldState(row.state), "plan_parts": unpack_parts(row.plan_parts)})
