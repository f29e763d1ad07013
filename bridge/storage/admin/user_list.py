"""The credits list: the users of a store by page.

Sorted by user id, the default, or by purchases, a page reads fifty rows of an
index. For every other order there are two ways. The users of a small store are
sorted and searched by their current values. For a large store, a job maintains
the values to sort by (`account_figures`), because an index on values that a spend
changes would make each spend slower.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    and_,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from bridge.domain.admin.user_list import INACTIVE_DAYS, Filter, Listing, Place, Sort
from bridge.storage.accounts.tables import accounts
from bridge.storage.admin import filters, user_search
from bridge.storage.admin.tables import account_figures
from bridge.storage.engine.bulk import among
from bridge.storage.engine.hints import unindexed
from bridge.storage.engine.sums import capped_sum
from bridge.storage.metering.tables import holds, usage_days
from bridge.storage.orders.tables import orders

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEPT = {Sort.ACTIVE: "active_at", Sort.USER: "user_id"}
_FILTERS: dict[Filter, ColumnElement[bool]] = {
    Filter.HAS_BALANCE: accounts.c.balance > 0,
    Filter.EXHAUSTED: and_(accounts.c.balance == 0, accounts.c.purchased > 0),
    Filter.IN_DEBT: accounts.c.debt > 0,
}


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user of the list; `used` counts from the requested day, `value` is the value that the list is sorted by."""

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
    connection: Connection,
    store_id: int,
    listing: Listing,
    *,
    since: date,
    now: datetime,
    among_accounts: Sequence[int] | None = None,
    is_kept: bool = False,
) -> list[UserLine]:
    """Return the users just after or before a place, in the order of the list; one more than a page if there is one.

    `among_accounts` limits the list to these accounts. With `is_kept`, users are
    sorted and chosen by the kept figures of a large store.
    """
    source = _sorted_by(listing, store_id, since=since, now=now, is_kept=is_kept, chooses=among_accounts is None)
    statement = select(accounts, source.value.label("value")).select_from(source.tables)
    if among_accounts is None:
        statement = statement.where(source.of_store)
        if source.is_kept:
            # SQLite would take the index of a filter, and sort all that it finds.
            statement = statement.with_hint(account_figures, f"INDEXED BY ix_account_figures_{listing.sort}", "sqlite")
    else:
        statement = statement.where(among(source.account_id, "among"), _of_store(store_id, is_filter=True))
    statement = statement.where(*_conditions(store_id, listing, now=now))
    place = listing.before or listing.after
    goes_down = listing.is_descending != listing.is_upwards
    if place is not None:
        bound = tuple_(literal(_bound(place, listing.sort), source.value.type), literal(place.account_id, BigInteger()))
        row = tuple_(source.value, source.account_id)
        statement = statement.where(row < bound if goes_down else row > bound)
    order = [source.value.desc(), source.account_id.desc()] if goes_down else [source.value, source.account_id]
    statement = statement.order_by(*order).limit(listing.page + 1)
    rows = connection.execute(statement, {} if among_accounts is None else {"among": among_accounts}).all()
    if listing.is_upwards:
        rows = rows[::-1]
    return _with_figures(connection, rows, since=since, now=now)


def find_user(connection: Connection, store_id: int, user_id: int, *, since: date, now: datetime) -> UserLine | None:
    """Return one user of the store as a line of the list; a merged one as well."""
    statement = select(accounts, accounts.c.user_id.label("value")).where(accounts.c.store_id == store_id)
    rows = connection.execute(statement.where(accounts.c.user_id == user_id)).all()
    return next(iter(_with_figures(connection, rows, since=since, now=now)), None)


def list_ids(
    connection: Connection,
    store_id: int,
    listing: Listing,
    *,
    most: int,
    now: datetime,
    among_accounts: Sequence[int] | None = None,
) -> list[int]:
    """Return the ids of the users that match the search and the filters by current values, in order."""
    statement, values = _matching(accounts.c.user_id, store_id, listing, now=now, among_accounts=among_accounts)
    return list(connection.execute(statement.order_by(accounts.c.user_id).limit(most), values).scalars())


def count_users(
    connection: Connection,
    store_id: int,
    listing: Listing,
    *,
    most: int,
    now: datetime,
    among_accounts: Sequence[int] | None = None,
) -> int:
    """Return how many users match the search and the filters, counted up to `most`."""
    statement, values = _matching(accounts.c.id, store_id, listing, now=now, among_accounts=among_accounts)
    counted = select(func.count()).select_from(statement.limit(most).subquery())
    return connection.execute(counted, values).scalar_one()


def _matching(
    column: Column[Any], store_id: int, listing: Listing, *, now: datetime, among_accounts: Sequence[int] | None
) -> tuple[Select[Any], dict[str, Sequence[int]]]:
    """Return a query for a column of the users that match by current values, and its parameters."""
    statement = select(column).where(*_conditions(store_id, listing, now=now))
    if among_accounts is None:
        return statement.where(_of_store(store_id)), {}
    return statement.where(among(accounts.c.id, "among"), _of_store(store_id, is_filter=True)), {
        "among": among_accounts
    }


def list_roles(connection: Connection, store_id: int, *, among: int, limit: int) -> list[str]:
    """Return the roles of the newest users of a store, of whom `among` are read."""
    newest = (
        select(accounts.c.roles).where(_of_store(store_id)).order_by(accounts.c.user_id.desc()).limit(among).subquery()
    )
    # Compared as text: PostgreSQL cannot compare JSON values.
    text = cast(newest.c.roles, Text)
    found = connection.execute(select(text).distinct().limit(among)).scalars()
    return sorted({role for roles in found for role in json.loads(roles)})[:limit]


@dataclass(frozen=True, slots=True)
class _Source:
    """The sort key of the list, which is never null; the account column beside it; and the tables of both."""

    value: ColumnElement[Any]
    account_id: Column[int]
    tables: FromClause
    of_store: ColumnElement[bool]
    is_kept: bool = False


def _of_store(store_id: int, *, is_filter: bool = False) -> ColumnElement[bool]:
    """Return the condition that an account is a user of the store, and not merged into another one.

    With `is_filter`, no index is used for it: SQLite would read the whole store
    instead of a list of accounts.
    """
    store = unindexed(accounts.c.store_id) if is_filter else accounts.c.store_id
    return and_(store == store_id, accounts.c.user_id.is_not(None), accounts.c.merged_into.is_(None))


def _sorted_by(listing: Listing, store_id: int, *, since: date, now: datetime, is_kept: bool, chooses: bool) -> _Source:
    """Return what the list is sorted by; with `chooses`, the kept figures also leave out users."""
    sort = listing.sort
    chooses = chooses and filters.is_kept(listing)
    is_plain = sort is Sort.PURCHASED or (sort is Sort.USER and not chooses)
    plain: dict[Sort, ColumnElement[Any]] = {
        Sort.USER: accounts.c.user_id,
        Sort.PURCHASED: accounts.c.purchased,
    }
    live: dict[Sort, ColumnElement[Any]] = {
        Sort.NAME: func.coalesce(accounts.c.name_key, ""),
        Sort.EMAIL: func.coalesce(accounts.c.email_key, ""),
        Sort.ROLES: cast(accounts.c.roles, Text),
        Sort.BALANCE: accounts.c.balance,
        Sort.DEBT: accounts.c.debt,
        Sort.ACTIVE: accounts.c.updated_at,
    }
    if is_kept and not is_plain:
        kept = account_figures
        tables = kept.join(accounts, accounts.c.id == kept.c.account_id)
        chosen = filters.kept_conditions(listing, now=now) if chooses else []
        of_store = and_(kept.c.store_id == store_id, accounts.c.merged_into.is_(None), *chosen)
        return _Source(kept.c[_KEPT.get(sort, sort.value)], kept.c.account_id, tables, of_store, is_kept=True)
    of_store = _of_store(store_id)
    if sort in plain or sort in live:
        return _Source({**plain, **live}[sort], accounts.c.id, accounts, of_store)
    mine = select(accounts.c.id).where(of_store)
    if sort is Sort.USED:
        figures = _used(since).where(usage_days.c.account_id.in_(mine))
    else:
        figures = _held(now).where(holds.c.store_id == store_id)
    found = figures.subquery()
    value = cast(func.coalesce(found.c.tokens, 0), BigInteger)
    return _Source(value, accounts.c.id, accounts.outerjoin(found, found.c.account_id == accounts.c.id), of_store)


def _conditions(store_id: int, listing: Listing, *, now: datetime) -> list[ColumnElement[bool]]:
    conditions = [_FILTERS[each] for each in sorted(listing.filters) if each in _FILTERS]
    if Filter.WAITING in listing.filters:
        conditions.append(_waits(store_id))
    if Filter.INACTIVE in listing.filters:
        conditions.append(accounts.c.updated_at < now - timedelta(days=INACTIVE_DAYS))
    if listing.role is not None:
        # Roles are a JSON list: a role is found as a quoted string in its text.
        quoted = json.dumps(listing.role)
        conditions.append(cast(accounts.c.roles, Text).contains(quoted, autoescape=True))
    matches = user_search.matches(store_id, listing.search)
    return conditions if matches is None else [*conditions, matches]


def _waits(store_id: int) -> ColumnElement[bool]:
    """Return the condition that an order of the user needs attention or is not paid.

    An order that has granted nothing yet has a customer and no account.
    """
    by_account = exists().where(
        orders.c.account_id == accounts.c.id, or_(orders.c.question != "", orders.c.unpaid_since.is_not(None))
    )
    # Written out, not bound: with a parameter, an engine would not use the partial index.
    with_question = select(orders.c.customer_id).where(
        orders.c.store_id == store_id, orders.c.question != literal_column("''"), orders.c.customer_id > 0
    )
    return or_(by_account, accounts.c.user_id.in_(with_question))


def _used(since: date) -> Select[*tuple[Any, ...]]:
    return (
        select(usage_days.c.account_id, capped_sum(usage_days.c.tokens).label("tokens"))
        .where(usage_days.c.day >= since)
        .group_by(usage_days.c.account_id)
    )


def _held(now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(holds.c.account_id, func.sum(holds.c.from_balance).label("tokens"))
        # The state is written out, not bound: with a parameter, an engine would not use the partial indexes.
        .where(holds.c.state == literal_column("'open'"), holds.c.expires_at > now)
        .group_by(holds.c.account_id)
    )


def _bound(place: Place, sort: Sort) -> Any:
    # A moment cannot be after the year 9999; the largest moment is used instead.
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
