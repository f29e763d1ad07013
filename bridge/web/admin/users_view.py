"""The view of the credits page: its columns and rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain.admin.user_list import Listing, Place, Sort, write_place
from bridge.domain.stores.stores import Store
from bridge.services.admin import store_stats, user_list
from bridge.services.admin.store_stats import Summary, Waiting
from bridge.services.admin.user_list import COUNTED, UserLine
from bridge.services.metering.overview import get_policy
from bridge.storage.engine.database import Connection
from bridge.web.admin.balance_view import EditForm
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.usage_chart import UsageChart, usage_chart
from bridge.web.i18n.formatting import LocalTime, day, local_time, number

_LABELS = {
    Sort.USER: "User ID",
    Sort.NAME: "Name",
    Sort.EMAIL: "Email",
    Sort.ROLES: "Roles",
    Sort.BALANCE: "Balance",
    Sort.HELD: "Held",
    Sort.DEBT: "Debt",
    Sort.USED: f"Used, {store_stats.USAGE_DAYS} days",
    Sort.PURCHASED: "Purchased",
    Sort.ACTIVE: "Last activity",
}


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
    is_changed: bool
    edit: EditForm | None


@dataclass(frozen=True, slots=True)
class CreditsPage:
    """The contents of the credits page; `previous` and `next` are where the neighboring pages begin.

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
    matches: str
    sort: str
    direction: str
    first: int
    last: int
    previous: str | None
    next: str | None
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
    return CreditsPage(
        store=store,
        summary=summary,
        since=day(summary.since),
        as_of=local_time(summary.as_of, store.calendar.zone).text if summary.as_of else "",
        change=_change(summary),
        waiting=store_stats.list_waiting(connection, store),
        chart=usage_chart(store, get_policy(connection, store.id), shown, now=now),
        columns=tuple(_column(sort, listing) for sort in Sort),
        rows=tuple(_row(store, line, edit=edit, changed=changed) for line in page.lines),
        search=listing.search,
        matches=_matches(page.matches),
        sort=listing.sort.value,
        direction="desc" if listing.is_descending else "asc",
        first=page.first,
        last=page.first + len(page.lines) - 1,
        previous=_write(page.previous, listing),
        next=_write(page.next, listing),
        open_questions=count_exceptions(connection, store),
    )


def user_row(connection: Connection, store: Store, user_id: int, *, now: datetime) -> UserRow:
    """Return one user as a row of the list; raises `UnknownUser`."""
    return _row(store, user_list.get_line(connection, store, user_id, now=now), edit=None, changed=None)


def _write(place: Place | None, listing: Listing) -> str | None:
    return None if place is None else write_place(place, listing.sort)


def _column(sort: Sort, listing: Listing) -> Column:
    is_sorted = sort is listing.sort
    descends = not listing.is_descending if is_sorted else sort.starts_descending
    return Column(
        sort=sort.value,
        label=_LABELS[sort],
        is_number=not sort.is_text and sort not in {Sort.USER, Sort.ACTIVE},
        aria_sort=("descending" if listing.is_descending else "ascending") if is_sorted else "none",
        next_direction="desc" if descends else "asc",
    )


def _row(store: Store, line: UserLine, *, edit: EditForm | None, changed: int | None) -> UserRow:
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
        is_changed=line.user_id == changed,
        edit=edit if edit is not None and edit.user_id == line.user_id else None,
    )


def _change(summary: Summary) -> str:
    """Return how much more or less was used than in the same number of days before."""
    before, days = summary.used_before, f"the {store_stats.USAGE_DAYS} days before"
    if before == summary.used:
        return f"the same as in {days}" if before else f"nothing in {days} either"
    if not before:
        return f"▲ nothing in {days}"
    percent = abs(summary.used - before) * 100 // before
    much = number(percent) if percent else "less than 1"
    return f"▲ {much} % more than in {days}" if summary.used > before else f"▼ {much} % less than in {days}"


def _matches(count: int | None) -> str:
    if count is None:
        return ""
    if count > COUNTED:
        return f"More than {number(COUNTED)} users match"
    return "1 user matches" if count == 1 else f"{number(count)} users match"
