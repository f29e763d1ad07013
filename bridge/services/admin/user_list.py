"""The users of a store as a list: a page of it, one line, and the number of matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.admin.user_list import Listing, Place
from bridge.domain.errors import UnknownUser
from bridge.domain.stores.stores import Store
from bridge.services.admin import store_stats
from bridge.storage.admin import user_list
from bridge.storage.admin.user_list import UserLine
from bridge.storage.engine.database import Connection

__all__ = ["COUNTED", "UserLine", "UserPage", "get_line", "list_page"]

COUNTED = 10_000
"""How far the matches of a search are counted."""


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page of users. `first` is the number of its first line; `previous` and `next` are None at the ends.

    `matches` counts the users that the search finds, up to `COUNTED` and one; None without a search.
    """

    lines: tuple[UserLine, ...]
    first: int
    previous: Place | None
    next: Place | None
    matches: int | None


def list_page(
    connection: Connection, store: Store, listing: Listing, *, always: int | None = None, now: datetime
) -> UserPage:
    """Return one page of a store's users; the user `always` is on it in any case."""
    since = store_stats.since(store, now)
    lines = user_list.list_users(connection, store.id, listing, since=since, now=now)
    lines, previous, following = _cut(lines, listing)
    if always is not None and all(line.user_id != always for line in lines):
        line = user_list.find_user(connection, store.id, always, since=since, now=now)
        lines = [*([line] if line else []), *lines]
    first = _first_number(listing, len(lines), is_start=previous is None)
    matches = None
    if listing.search:
        matches = user_list.count_users(connection, store.id, listing.search, most=COUNTED + 1)
    return UserPage(tuple(lines), first, _place(previous, first), _place(following, first + len(lines)), matches)


def get_line(connection: Connection, store: Store, user_id: int, *, now: datetime) -> UserLine:
    """Return one user as a line of the list; raises `UnknownUser`."""
    line = user_list.find_user(connection, store.id, user_id, since=store_stats.since(store, now), now=now)
    if line is None:
        raise UnknownUser(f"this store has no account for user {user_id}")
    return line


def _cut(lines: Sequence[UserLine], listing: Listing) -> tuple[list[UserLine], UserLine | None, UserLine | None]:
    """Return the lines of the page, and those at its edges where the list goes on before and after it."""
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


def _place(line: UserLine | None, number: int) -> Place | None:
    return None if line is None else Place(line.value, line.account_id, number)
