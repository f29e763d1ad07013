"""The wish of a user to confirm the use of their balance at an earlier moment, and their confirmations until then.

Only the latest confirmation of a module is stored. An earlier one is found by what
it allowed: while a user wants to confirm, a spend or a hold takes tokens of the
balance only with or after a confirmation. The moment itself counts, as a spend
decides by the confirmation that it states.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.services.metering import confirmations
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.metering import confirmations as stored
from bridge.storage.metering import past
from bridge.storage.stores import changes
from bridge.storage.stores.changes import Change

_MOST_CHANGES = 1_000
_BEGINNING = datetime(1970, 1, 1).astimezone()


def was_wanted(connection: Connection, account: Account, *, at: datetime) -> bool:
    """Return whether the user of an account, as it is now, wanted to confirm just before a moment."""
    later = _list(connection, account, since=at, until=None)
    if later:
        return bool(later[0].before["confirm_paid"])
    if not account.is_erased:
        return account.confirm_paid
    # The erasure ended it, which is not recorded as a change of it.
    earlier = _list(connection, account, since=_BEGINNING, until=at)
    return bool(earlier) and bool(earlier[-1].after["confirm_paid"])


def read(connection: Connection, work: UnitOfWork, account: Account, module: str) -> None:
    """Read into the unit of work whether a user had confirmed at its moment, if they wanted to."""
    if not account.confirm_paid:
        return
    since = confirmations.asks_since(work, account, module)
    begun = _list(connection, account, since=since, until=work.now)
    # A change of the setting ends earlier confirmations.
    since = max([since, *(change.created_at for change in begun)])
    latest = stored.list_of(connection, [account.id]).get((account.id, module))
    is_known = latest is not None and since <= latest <= work.now
    if is_known or past.took_balance(connection, account.id, module, since=since, until=work.now):
        work.confirmations[account.id, module] = since


def _list(connection: Connection, account: Account, *, since: datetime, until: datetime | None) -> list[Change]:
    """Return the changes of the setting from `since` on and before `until`, the oldest first."""
    name = f"user {account.user_id}"
    found: Iterable[Change] = changes.list_of(
        connection, account.store_id, Subject.USER.value, name, since=since, until=until, limit=_MOST_CHANGES
    )
    return [change for change in found if change.after and "confirm_paid" in change.after]
