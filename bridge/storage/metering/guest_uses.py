"""The free use of guests that counts for a user, since the guest signed in as them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from bridge.domain.metering.limits import WindowKey
from bridge.storage.engine.bulk import Writer, among
from bridge.storage.metering.tables import guest_uses, window_uses


class GuestUse(NamedTuple):
    """The part of a guest's window that counts in a window of a user.

    `tokens` is what still counts: refunds of the guest's spends lower it. `ends_at` is
    the end of the guest's window, None for one that never ends.
    """

    id: int
    guest_id: int
    account_id: int
    module: str
    counter: int
    starts_at: datetime
    ends_at: datetime | None
    into_starts_at: datetime
    tokens: int
    created_at: datetime

    @property
    def guest_window(self) -> WindowKey:
        """Return the window of the guest."""
        return (self.guest_id, self.module, self.starts_at, self.counter)

    @property
    def window(self) -> WindowKey:
        """Return the window of the user."""
        return (self.account_id, self.module, self.into_starts_at, self.counter)


@dataclass(slots=True)
class GuestUses:
    """The use of some guests that was counted toward users.

    `uses` are by id, the earliest first. `passed` is the sum for each window of a
    guest; windows without any are left out. `changed` and `changed_windows` name what
    `write` writes.
    """

    uses: dict[int, GuestUse] = field(default_factory=dict)
    passed: dict[WindowKey, int] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)
    changed_windows: set[WindowKey] = field(default_factory=set)


_COLUMNS = tuple(guest_uses.c[name] for name in GuestUse._fields)
_FIND = select(*_COLUMNS).where(among(guest_uses.c.guest_id, "ids")).order_by(guest_uses.c.id)
_USERS = select(guest_uses.c.account_id).where(among(guest_uses.c.guest_id, "ids")).distinct()
_PASSED = select(
    window_uses.c.account_id,
    window_uses.c.module,
    window_uses.c.starts_at,
    window_uses.c.counter,
    window_uses.c.passed_on,
).where(among(window_uses.c.account_id, "ids"), window_uses.c.passed_on > 0)
_ADD = Writer(guest_uses, GuestUse._fields)
_SET = Writer(guest_uses, ("id", "tokens"), keys=("id",), replace=("tokens",), is_update=True)
_WINDOW = ("account_id", "module", "starts_at", "counter")
_SET_PASSED = Writer(window_uses, (*_WINDOW, "passed_on"), keys=_WINDOW, replace=("passed_on",), is_update=True)


def users_of(connection: Connection, guest_ids: Collection[int]) -> set[int]:
    """Return the accounts toward which use of these accounts counts; none for accounts of users."""
    return set(connection.execute(_USERS, {"ids": sorted(guest_ids)}).scalars())


def read(connection: Connection, guest_ids: Collection[int]) -> GuestUses:
    """Return what was counted toward users of the use of these guests, who are locked."""
    ids = {"ids": sorted(guest_ids)}
    uses = (GuestUse(*row) for row in connection.execute(_FIND, ids))
    passed = {tuple(window): tokens for *window, tokens in connection.execute(_PASSED, ids)}
    return GuestUses({use.id: use for use in uses}, passed)


def write(connection: Connection, known: GuestUses) -> None:
    """Write what changed; the guests and the users are locked."""
    _SET.write(connection, [(id_, known.uses[id_].tokens) for id_ in sorted(known.changed)])
    _SET_PASSED.write(connection, [(*key, known.passed[key]) for key in sorted(known.changed_windows)])


def add(connection: Connection, added: Iterable[GuestUse]) -> None:
    """Write use that counts toward a user from now on; both accounts are locked."""
    _ADD.write(connection, list(added))


def move(connection: Connection, window: WindowKey, *, into: WindowKey) -> None:
    """Let what counts in a window of one account count in that of another, into which it is merged."""
    account_id, module, starts_at, counter = window
    mine = (
        guest_uses.c.account_id == account_id,
        guest_uses.c.module == module,
        guest_uses.c.into_starts_at == starts_at,
        guest_uses.c.counter == counter,
    )
    connection.execute(update(guest_uses).where(*mine).values(account_id=into[0], into_starts_at=into[2]))


def drop(connection: Connection, account_id: int) -> None:
    """Delete what counts toward an account; when it is merged, what is left is of windows that are over."""
    connection.execute(delete(guest_uses).where(guest_uses.c.account_id == account_id))
