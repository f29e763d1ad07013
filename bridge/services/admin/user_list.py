"""The credits page: the users of a store, what they have and used, and a balance put right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.admin.admins import Admin
from bridge.domain.admin.user_list import Listing, Place, Sort, write_place
from bridge.domain.errors import UnknownUser
from bridge.domain.i18n.formatting import LocalTime, local_time, number
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.accounts.profiles import Adjustment
from bridge.services.admin import store_stats
from bridge.services.admin.store_stats import Summary
from bridge.services.metering import documents
from bridge.services.metering.idempotency import once
from bridge.services.shop import review
from bridge.storage.admin import user_list
from bridge.storage.admin.user_list import UserLine
from bridge.storage.engine.database import Connection

COUNTED = 10_000
"""How far the matches of a search are counted."""

_LABELS = {
    Sort.USER: "User ID",
    Sort.NAME: "Name",
    Sort.EMAIL: "E-mail",
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
    """A column's heading: `aria_sort` is `ascending`, `descending` or `none`; a click asks for `next_direction`."""

    sort: str
    label: str
    is_number: bool
    aria_sort: str
    next_direction: str


@dataclass(frozen=True, slots=True)
class EditForm:
    """The form that corrects a balance, with whatever was typed; `error` is about the field of that name."""

    user_id: int
    balance: str
    expected_balance: int
    reason: str
    key: str
    error: str = ""
    error_field: str = ""


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
    """Everything the credits page prints; `previous` and `next` are the places its neighbours begin at."""

    store: Store
    summary: Summary
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


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """A balance to reach, the one it is thought to be, and why."""

    balance: int
    expected_balance: int
    reason: str


def credits_page(
    connection: Connection,
    store: Store,
    listing: Listing,
    *,
    edit: EditForm | None = None,
    changed: int | None = None,
    now: datetime,
) -> CreditsPage:
    """One page of a store's users with the figures on top; a user who is being edited is always on it."""
    since = store_stats.since(store, now)
    lines = user_list.list_users(connection, store.id, listing, since=since, now=now)
    lines, previous, following = _cut(lines, listing)
    if edit is not None and all(line.user_id != edit.user_id for line in lines):
        line = user_list.find_user(connection, store.id, edit.user_id, since=since, now=now)
        lines = [*([line] if line else []), *lines]
    summary = store_stats.summary(connection, store, now=now)
    first = _first_number(listing, len(lines), is_start=previous is None)
    return CreditsPage(
        store=store,
        summary=summary,
        columns=tuple(_column(sort, listing) for sort in Sort),
        rows=tuple(_row(store, line, edit=edit, changed=changed) for line in lines),
        search=listing.search,
        matches=_matches(connection, store, listing.search),
        sort=listing.sort.value,
        direction="desc" if listing.is_descending else "asc",
        first=first,
        last=first + len(lines) - 1,
        previous=_write(previous, listing, first),
        next=_write(following, listing, first + len(lines)),
        open_questions=review.badge(connection, store.id),
    )


def begin_edit(connection: Connection, store: Store, user_id: int, *, key: str) -> EditForm:
    """A fresh form for the balance of a user; raises `UnknownUser`."""
    account = profiles.get_account(connection, store.id, user_id)
    return EditForm(user_id, number(account.balance), account.balance, "", key)


def after_conflict(connection: Connection, store: Store, form: EditForm) -> EditForm:
    """The form as it was typed, now set against the balance as it is, which it tells; raises `UnknownUser`."""
    balance = profiles.get_account(connection, store.id, form.user_id).balance
    error = (
        f"The balance changed while you were editing: it was {number(form.expected_balance)} and is {number(balance)} "
        "now. Nothing was saved. Check your number, then save again."
    )
    return replace(form, expected_balance=balance, error=error, error_field="balance")


def save_balance(
    connection: Connection,
    store: Store,
    user_id: int,
    change: BalanceChange,
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> None:
    """Put a balance right as an entry under the admin's e-mail, once for each form.

    A form that is sent twice is answered twice and posted once. Raises
    `UnknownUser`, `BalanceChanged`, `BalanceOutOfRange`, and `KeyReused` for a
    form that was sent before with something else in it.
    """
    wanted = Adjustment(change.reason, balance=change.balance, expected_balance=change.expected_balance)
    known_identity = [user_id, change.balance, change.expected_balance, change.reason, admin.id]

    def post() -> tuple[int, documents.Document]:
        entry = profiles.adjust(connection, store.id, user_id, wanted, actor=admin.email, now=now)
        return 201, {"balance": entry.balance_after, "tokens": entry.tokens}

    once(
        connection,
        Caller(store.id, admin.email),
        key=f"admin:{key}",
        fingerprint=hashlib.sha256(json.dumps(known_identity).encode()).hexdigest(),
        act=post,
        now=now,
    )


def get_line(connection: Connection, store: Store, user_id: int, *, now: datetime) -> UserRow:
    """One user as a line of the list; raises `UnknownUser`."""
    line = user_list.find_user(connection, store.id, user_id, since=store_stats.since(store, now), now=now)
    if line is None:
        raise UnknownUser(f"this store has no account for user {user_id}")
    return _row(store, line, edit=None, changed=None)


def _cut(lines: Sequence[UserLine], listing: Listing) -> tuple[list[UserLine], UserLine | None, UserLine | None]:
    """The lines of the page, and those at its edges where the list goes on before and after it."""
    has_more = len(lines) > listing.page
    if listing.before is not None:
        kept = list(lines[1:] if has_more else lines)
        return kept, kept[0] if has_more else None, kept[-1] if kept else None
    kept = list(lines[: listing.page])
    return kept, kept[0] if kept and listing.after else None, kept[-1] if has_more else None


def _first_number(listing: Listing, count: int, *, is_start: bool) -> int:
    if listing.before is not None:
        return 1 if is_start else max(1, listing.before.number - count)
    return listing.after.number if listing.after else 1


def _write(line: UserLine | None, listing: Listing, place_number: int) -> str | None:
    return None if line is None else write_place(Place(line.value, line.account_id, place_number), listing.sort)


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


def _matches(connection: Connection, store: Store, search: str) -> str:
    if not search:
        return ""
    found = user_list.count_users(connection, store.id, search, most=COUNTED + 1)
    if found > COUNTED:
        return f"More than {number(COUNTED)} users match"
    return "1 user matches" if found == 1 else f"{number(found)} users match"
