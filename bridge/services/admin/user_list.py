"""The users of a store as a list: a page of it, one line, and the number of matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.admin.user_list import Filter, Listing, Place, Sort
from bridge.domain.errors import UnknownUser
from bridge.domain.stores.stores import Store
from bridge.services.admin import filters, store_stats
from bridge.services.metering.overview import AccountOverview, list_overviews
from bridge.storage.admin import account_figures, user_list, user_search
from bridge.storage.admin import filters as kept_filters
from bridge.storage.admin.user_list import UserLine
from bridge.storage.engine.database import Connection
from bridge.storage.metering import policies

__all__ = [
    "COUNTED",
    "UserLine",
    "UserPage",
    "UserRecord",
    "get_line",
    "iterate",
    "list_ids",
    "list_page",
    "list_roles",
]

Read = Callable[[], AbstractContextManager[Connection]]

COUNTED = 10_000
"""How far the matches of a search are counted."""
FEW = 2_000
"""A filter of a large store that finds more users is applied while the list is read in its order."""
BATCH = 500
"""How many users an export reads at once."""
_CURRENT = frozenset({Sort.USER, Sort.PURCHASED})
"""The orders that need no kept figures, however many users a store has."""
_ROLES = 50
_ROLES_OF = 1_000
"""The roles of so many users are read, and so many roles are offered."""


@dataclass(frozen=True, slots=True)
class UserRecord:
    """One user of the list, with the plan and the free use of the account."""

    line: UserLine
    overview: AccountOverview


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page of users. `first` is the number of its first line; `previous` and `next` are None at the ends.

    `matches` counts the users that the search and the filters find, up to `COUNTED`
    and one; None without any. `sorted_at` is the moment of the figures by which users
    of a large store are sorted and chosen; None where they are of now.
    """

    lines: tuple[UserLine, ...]
    first: int
    previous: Place | None
    next: Place | None
    matches: int | None
    sorted_at: datetime | None = None


def list_page(
    connection: Connection,
    store: Store,
    listing: Listing,
    *,
    always: int | None = None,
    counts: bool = True,
    now: datetime,
) -> UserPage:
    """Return one page of a store's users, including the user `always`. Without `counts`, no matches are counted."""
    since = store_stats.since(store, now)
    kept = account_figures.find(connection, store.id)
    kept_at = kept.as_of if kept else None
    part, among = _find(connection, store, listing, kept_at=kept_at, now=now)
    if kept:
        among = _few(connection, store, part, among, now=now)
    lines = user_list.list_users(
        connection, store.id, part, since=since, now=now, among_accounts=among, is_kept=kept is not None
    )
    lines, previous, following = _cut(lines, listing)
    if always is not None and all(line.user_id != always for line in lines):
        line = user_list.find_user(connection, store.id, always, since=since, now=now)
        lines = [*([line] if line else []), *lines]
    matches, is_whole = None, following is None and previous is None
    if counts and listing.is_narrowed and is_whole:
        matches = len(lines)
    elif counts and kept and part.search and not (part.filters or part.role):
        # A search that is left in the list has found more than are counted.
        matches = COUNTED + 1
    elif counts and kept and among is None and kept_filters.answers(part):
        matches = kept_filters.count_kept(connection, store.id, part, most=COUNTED + 1, now=now)
    elif counts and listing.is_narrowed:
        matches = user_list.count_users(connection, store.id, part, most=COUNTED + 1, now=now, among_accounts=among)
    if listing.is_last:
        total = matches
        if total is None:
            total = kept.users if kept else account_figures.add_up(connection, store.id)[0]
        first = max(1, total - len(lines) + 1)
    else:
        first = _first_number(listing, len(lines), is_start=previous is None)
    is_kept = kept_at is not None and (listing.sort not in _CURRENT or kept_filters.is_kept(listing))
    return UserPage(
        tuple(lines),
        first,
        _place(previous, first),
        _place(following, first + len(lines)),
        matches,
        sorted_at=kept_at if is_kept else None,
    )


def iterate(reading: Read, store: Store, listing: Listing, *, now: datetime) -> Iterator[list[UserRecord]]:
    """Yield all users of a listing in its order, from the first one, in batches with the overviews of their accounts.

    In the order of their ids, the default, or of purchases, users are chosen by current
    values also in a large store. Each batch is read in a transaction of its own, so that a slow reader holds none.
    """
    since = store_stats.since(store, now)
    with reading() as connection:
        kept = account_figures.find(connection, store.id)
        listing, among = _find(connection, store, listing, kept_at=kept.as_of if kept else None, now=now)
    following: Place | None = None
    while True:
        part = replace(listing, after=following, before=None, is_last=False, page=BATCH)
        with reading() as connection:
            lines = user_list.list_users(
                connection,
                store.id,
                part,
                since=since,
                now=now,
                among_accounts=among,
                is_kept=kept is not None and listing.sort not in _CURRENT,
            )
            lines, _, last = _cut(lines, part)
            policy = policies.for_store(connection, store.id)
            known = list_overviews(connection, [line.account_id for line in lines], policy=policy, now=now)
        yield [UserRecord(line, known[line.account_id]) for line in lines if line.account_id in known]
        if last is None:
            return
        following = _place(last, 1)


def list_ids(connection: Connection, store: Store, listing: Listing, *, most: int, now: datetime) -> list[int]:
    """Return the ids of the users that a listing finds by current values, in order, at most `most`."""
    kept = account_figures.find(connection, store.id)
    part, among = _find(connection, store, listing, kept_at=kept.as_of if kept else None, now=now)
    return user_list.list_ids(connection, store.id, part, most=most, now=now, among_accounts=among)


def _find(
    connection: Connection, store: Store, listing: Listing, *, kept_at: datetime | None, now: datetime
) -> tuple[Listing, list[int] | None]:
    """Return the listing and the accounts it is limited to; None for no limit.

    The search of a large store is answered here, unless it finds more than
    `COUNTED` users: the list itself then meets a page of them soon.
    """
    among = filters.list_accounts(connection, store, listing.filters, now=now)
    if Filter.WAITING in listing.filters:
        waiting = kept_filters.find_waiting(connection, store.id, most=COUNTED)
        if waiting is not None:
            listing = replace(listing, filters=listing.filters - {Filter.WAITING})
            among = sorted(waiting if among is None else waiting.intersection(among))
    if kept_at is None or not listing.search:
        return listing, among
    found = user_search.find_accounts(connection, store.id, listing.search, kept_at=kept_at, most=COUNTED)
    if found is None:
        return listing, among
    return replace(listing, search=""), sorted(found if among is None else found.intersection(among))


def _few(
    connection: Connection, store: Store, listing: Listing, among: list[int] | None, *, now: datetime
) -> list[int] | None:
    """Limit a list to the users that a rare filter finds; a list with more users soon meets a page of them."""
    few = kept_filters.find_few(connection, store.id, listing, most=FEW, now=now)
    if few is None:
        return among
    return sorted(few if among is None else few.intersection(among))


def list_roles(connection: Connection, store: Store) -> list[str]:
    """Return the roles to choose from: those of the store's newest users, and those that its limits name."""
    limits = policies.for_store(connection, store.id).limits.values()
    named = {audience.removeprefix("role:") for limit in limits for audience in limit.rules if ":" in audience}
    return sorted(named.union(user_list.list_roles(connection, store.id, among=_ROLES_OF, limit=_ROLES)))


def get_line(connection: Connection, store: Store, user_id: int, *, now: datetime) -> UserLine:
    """Return one user as a line of the list; raises `UnknownUser`."""
    line = user_list.find_user(connection, store.id, user_id, since=store_stats.since(store, now), now=now)
    if line is None:
        raise UnknownUser(f"the store has no account for user {user_id}")
    return line


def _cut(lines: Sequence[UserLine], listing: Listing) -> tuple[list[UserLine], UserLine | None, UserLine | None]:
    """Return the lines of the page, and the ones at its edges if the list continues before or after it."""
    has_more = len(lines) > listing.page
    if listing.is_upwards:
        kept = list(lines[1:] if has_more else lines)
        return kept, kept[0] if has_more else None, kept[-1] if kept and not listing.is_last else None
    kept = list(lines[: listing.page])
    return kept, kept[0] if kept and listing.after else None, kept[-1] if has_more else None


def _first_number(listing: Listing, count: int, *, is_start: bool) -> int:
    if listing.before is not None:
        return 1 if is_start else max(1, listing.before.number - count)
    return listing.after.number if listing.after else 1


def _place(line: UserLine | None, number: int) -> Place | None:
    return None if line is None else Place(line.value, line.account_id, number)
