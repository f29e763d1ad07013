"""The view of the credits page: its columns and rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.accounts.accounts import MAX_USER_ID
from bridge.domain.admin.user_list import Listing, Place, Sort, write_place
from bridge.domain.errors import UnknownUser
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.admin import store_stats, user_list
from bridge.services.admin.store_stats import Summary, Waiting
from bridge.services.admin.user_list import COUNTED, UserLine
from bridge.services.metering.overview import get_policy, list_overviews
from bridge.storage.engine.database import Connection
from bridge.web.admin.balance_form import EditForm
from bridge.web.admin.curl import Calls
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.usage_chart import UsageChart, usage_chart
from bridge.web.admin.user_filters import SORTS, FilterBar, filter_bar
from bridge.web.admin.user_usage import UsageCell, ago, usage_cell
from bridge.web.admin.users_calls import list_calls
from bridge.web.i18n.formatting import LocalTime, day, local_time, number

_USER_ID = re.compile(r"\d{1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading: `aria_sort` is `ascending`, `descending` or `none`; its link sorts by `next_direction`."""

    sort: str
    label: str
    is_number: bool
    aria_sort: str
    next_direction: str


@dataclass(frozen=True, slots=True)
class UserRow:
    """One line of the list; amounts are whole tokens."""

    user_id: int
    name: str
    email: str
    roles: str
    balance: int
    held: int
    debt: int
    used: int
    purchased: int
    active: LocalTime
    active_ago: str
    usage: UsageCell
    is_changed: bool
    edit: EditForm | None


@dataclass(frozen=True, slots=True)
class CreditsPage:
    """The contents of the credits page; `previous` and `next` are where the neighboring pages begin.

    `columns` are those that sort. `exact` is the user whose ID was searched for, None
    for any other search; the users whose ID contains it match too. `matches` counts the users in words where the
    list leaves out some; `has_last` is whether a link can lead to the end.

    `as_of` is empty if the summary is current. `change` compares what was used with
    the time before.
    """

    store: Store
    summary: Summary
    since: str
    as_of: str
    change: str
    waiting: Waiting
    chart: UsageChart
    columns: tuple[Column, ...]
    rows: tuple[UserRow, ...]
    search: str
    filters: FilterBar
    is_narrowed: bool
    matches: str
    exact: int | None
    has_last: bool
    sorted_at: str
    sort: str
    direction: str
    first: int
    last: int
    previous: str | None
    next: str | None
    calls: Calls
    open_questions: str


def credits_page(
    connection: Connection,
    store: Store,
    listing: Listing,
    *,
    edit: EditForm | None = None,
    changed: int | None = None,
    days: int,
    now: datetime,
) -> CreditsPage:
    """Return one page of a store's users with the summary; a user being edited is always on it."""
    page = user_list.list_page(connection, store, listing, always=edit.user_id if edit else None, now=now)
    use = store_stats.recent_use(connection, store, days=days, now=now)
    summary = store_stats.summary(connection, store, use=use, now=now)
    shown = use.since(use.last - timedelta(days=days - 1))
    policy = get_policy(connection, store.id)
    usage = list_overviews(connection, [line.account_id for line in page.lines], policy=policy, now=now)
    return CreditsPage(
        store=store,
        summary=summary,
        since=day(summary.since),
        as_of=local_time(summary.as_of, store.calendar.zone).text if summary.as_of else "",
        change=_change(summary),
        waiting=store_stats.list_waiting(connection, store),
        chart=usage_chart(store, policy, shown, now=now),
        columns=tuple(_column(sort, listing) for sort in _columns(page.lines, listing)),
        rows=tuple(
            _row(store, line, usage_cell(usage[line.account_id], now=now), edit=edit, changed=changed, now=now)
            for line in page.lines
        ),
        search=listing.search,
        filters=filter_bar(listing, user_list.list_roles(connection, store)),
        is_narrowed=listing.is_narrowed,
        matches=_matches(page.matches),
        exact=_exact(connection, store, listing.search),
        has_last=page.next is not None and (page.matches or 0) <= COUNTED,
        sorted_at=local_time(page.sorted_at, store.calendar.zone).text if page.sorted_at else "",
        sort=listing.sort.value,
        direction="desc" if listing.is_descending else "asc",
        first=page.first,
        last=page.first + len(page.lines) - 1,
        previous=_write(page.previous, listing),
        next=_write(page.next, listing),
        calls=list_calls(listing, edit, first=shown.first, days=days),
        open_questions=count_exceptions(connection, store),
    )


def user_row(connection: Connection, store: Store, user_id: int, *, now: datetime) -> UserRow:
    """Return one user as a row of the list; raises `UnknownUser`."""
    line = user_list.get_line(connection, store, user_id, now=now)
    return _row(store, line, UsageCell(), edit=None, changed=None, now=now)


def _exact(connection: Connection, store: Store, search: str) -> int | None:
    """Return the ID that was searched for, if a user of the store has it."""
    if not _USER_ID.fullmatch(search) or not 1 <= int(search) <= MAX_USER_ID:
        return None
    try:
        profiles.get_account(connection, store.id, int(search))
    except UnknownUser:
        return None
    return int(search)


def _write(place: Place | None, listing: Listing) -> str | None:
    return None if place is None else write_place(place, listing.sort)


def _columns(lines: Sequence[UserLine], listing: Listing) -> list[Sort]:
    """Return the columns of the page: held and debt only where a user has any, or the list is sorted by them."""
    shown = [Sort.NAME, Sort.BALANCE]
    if listing.sort is Sort.HELD or any(line.held for line in lines):
        shown.append(Sort.HELD)
    if listing.sort is Sort.DEBT or any(line.debt for line in lines):
        shown.append(Sort.DEBT)
    return [*shown, Sort.USED, Sort.PURCHASED, Sort.ACTIVE]


def _column(sort: Sort, listing: Listing) -> Column:
    is_sorted = sort is listing.sort
    descends = not listing.is_descending if is_sorted else sort.starts_descending
    return Column(
        sort=sort.value,
        label="User" if sort is Sort.NAME else SORTS[sort],
        is_number=not sort.is_text and sort not in {Sort.USER, Sort.ACTIVE},
        aria_sort=("descending" if listing.is_descending else "ascending") if is_sorted else "none",
        next_direction="desc" if descends else "asc",
    )


def _row(
    store: Store, line: UserLine, usage: UsageCell, *, edit: EditForm | None, changed: int | None, now: datetime
) -> UserRow:
    return UserRow(
        user_id=line.user_id,
        name=line.name or "",
        email=line.email or "",
        roles=", ".join(line.roles),
        balance=line.balance,
        held=line.held,
        debt=line.debt,
        used=line.used,
        purchased=line.purchased,
        active=local_time(line.active_at, store.calendar.zone),
        active_ago=ago(line.active_at, now=now),
        usage=usage,
        is_changed=line.user_id == changed,
        edit=edit if edit is not None and edit.user_id == line.user_id else None,
    )


def _change(summary: Summary) -> str:
    """Return how much more or less was used than in the same number of days before."""
    before, days = summary.used_before, f"the {store_stats.USAGE_DAYS} days before"
    if before == summary.used:
        return f"the same as in {days}" if before else f"nothing in {days} either"
    if not before:
        return f"nothing in {days}"
    percent = abs(summary.used - before) * 100 // before
    much = number(percent) if percent else "less than 1"
    return f"▲ {much}% more than in {days}" if summary.used > before else f"▼ {much}% less than in {days}"


def _matches(count: int | None) -> str:
    if count is None:
        return ""
    if count > COUNTED:
        return f"More than {number(COUNTED)} users match"
    return "1 user matches" if count == 1 else f"{number(count)} users match"
