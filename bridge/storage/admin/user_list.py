"""The credits list: the users of a store by page, and the figures of the whole store.

By user id, as the list opens, and by purchases a page reads fifty rows of an
index. Sorted by anything else it looks at every account of the store once and
keeps the first fifty: an index on what a spend changes would cost each spend,
and a page of a million accounts is asked for far less often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)

from bridge.domain.accounts.accounts import MAX_USER_ID, normalize_email
from bridge.domain.admin.user_list import Listing, Place, Sort
from bridge.storage.accounts.tables import accounts
from bridge.storage.engine.sums import capped_sum
from bridge.storage.metering.tables import holds, usage_days

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user of the list; `used` counts from the day the list was asked for, `value` is what it is sorted by."""

    account_id: int
    user_id: int
    name: str | None
    email: str | None
    roles: tuple[str, ...]
    balance: int
    held: int
    debt: int
    used: int
    purchased: int
    active_at: datetime
    value: int | str


def list_users(
    connection: Connection, store_id: int, listing: Listing, *, since: date, now: datetime
) -> list[UserLine]:
    """The users just after or before a place, in the order they are shown; one more than a page if there is one."""
    value, tables = _sorted_by(listing.sort, store_id, since=since, now=now)
    statement = _users(value, tables, store_id).where(_matches(listing.search))
    place = listing.before or listing.after
    goes_down = listing.is_descending != (listing.before is not None)
    if place is not None:
        bound = tuple_(literal(_bound(place, listing.sort), value.type), literal(place.account_id, BigInteger()))
        row = tuple_(value, accounts.c.id)
        statement = statement.where(row < bound if goes_down else row > bound)
    order = [value.desc(), accounts.c.id.desc()] if goes_down else [value, accounts.c.id]
    rows = connection.execute(statement.order_by(*order).limit(listing.page + 1)).all()
    if listing.before is not None:
        rows = rows[::-1]
    return _with_figures(connection, rows, since=since, now=now)


def find_user(connection: Connection, store_id: int, user_id: int, *, since: date, now: datetime) -> UserLine | None:
    """One user of the store as a line of the list."""
    value, tables = _sorted_by(Sort.USER, store_id, since=since, now=now)
    rows = connection.execute(_users(value, tables, store_id).where(accounts.c.user_id == user_id)).all()
    return next(iter(_with_figures(connection, rows, since=since, now=now)), None)


def count_users(connection: Connection, store_id: int, search: str, *, most: int) -> int:
    """How many users match, counted to `most` and no further."""
    found = select(accounts.c.id).where(_of_store(store_id), _matches(search)).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(found)).scalar_one()


def _of_store(store_id: int) -> ColumnElement[bool]:
    return and_(accounts.c.store_id == store_id, accounts.c.user_id.is_not(None))


def _matches(search: str) -> ColumnElement[bool]:
    term = normalize_email(search)
    if term is None:
        return true()
    found = [accounts.c.name_key.contains(term, autoescape=True), accounts.c.email_key.contains(term, autoescape=True)]
    if term.isascii() and term.isdigit() and len(term) <= 16 and int(term) <= MAX_USER_ID:
        found.append(accounts.c.user_id == int(term))
    return or_(*found)


def _users(value: ColumnElement[Any], tables: FromClause, store_id: int) -> Select[*tuple[Any, ...]]:
    return select(accounts, value.label("value")).select_from(tables).where(_of_store(store_id))


def _sorted_by(sort: Sort, store_id: int, *, since: date, now: datetime) -> tuple[ColumnElement[Any], FromClause]:
    """Return what a column is sorted by, never null, and the tables it takes."""
    plain: dict[Sort, ColumnElement[Any]] = {
        Sort.USER: accounts.c.user_id,
        Sort.NAME: func.coalesce(accounts.c.name_key, ""),
        Sort.EMAIL: func.coalesce(accounts.c.email_key, ""),
        Sort.ROLES: cast(accounts.c.roles, Text),
        Sort.BALANCE: accounts.c.balance,
        Sort.DEBT: accounts.c.debt,
        Sort.PURCHASED: accounts.c.purchased,
        Sort.ACTIVE: accounts.c.updated_at,
    }
    if sort in plain:
        return plain[sort], accounts
    figures = (_used(since) if sort is Sort.USED else _held(now)).subquery()
    value = cast(func.coalesce(figures.c.tokens, 0), BigInteger)
    return value, accounts.outerjoin(figures, figures.c.account_id == accounts.c.id)


def _used(since: date) -> Select[*tuple[Any, ...]]:
    return (
        select(usage_days.c.account_id, capped_sum(usage_days.c.tokens).label("tokens"))
        .where(usage_days.c.day >= since)
        .group_by(usage_days.c.account_id)
    )


def _held(now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(holds.c.account_id, func.sum(holds.c.from_balance).label("tokens"))
        .where(holds.c.state == "open", holds.c.expires_at > now)
        .group_by(holds.c.account_id)
    )


def _bound(place: Place, sort: Sort) -> Any:
    # No moment lies past the year 9999; the largest moment stands for it.
    if sort is Sort.ACTIVE and isinstance(place.value, int):
        return _EPOCH + min(place.value, 253_402_300_799_000_000) * _MICROSECOND
    return place.value


def _with_figures(connection: Connection, rows: Sequence[Row[Any]], *, since: date, now: datetime) -> list[UserLine]:
    ids = [row.id for row in rows]
    used = _figures(connection, _used(since).where(usage_days.c.account_id.in_(ids)))
    held = _figures(connection, _held(now).where(holds.c.account_id.in_(ids)))
    return [
        UserLine(
            account_id=row.id,
            user_id=row.user_id,
            name=row.name,
            email=row.email,
            roles=tuple(row.roles),
            balance=row.balance,
            held=held.get(row.id, 0),
            debt=row.debt,
            used=used.get(row.id, 0),
            purchased=row.purchased,
            active_at=row.updated_at,
            value=(row.value - _EPOCH) // _MICROSECOND if isinstance(row.value, datetime) else row.value,
        )
        for row in rows
    ]


def _figures(connection: Connection, statement: Select[*tuple[Any, ...]]) -> dict[int, int]:
    return {row.account_id: int(row.tokens) for row in connection.execute(statement)}
