"""The view of erasing a person, and of a person who was erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.metering.overview import get_overview
from bridge.services.ops import account_erasure, account_merge
from bridge.storage.engine.database import Connection
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time

_MEMBERS = 20


@dataclass(frozen=True, slots=True)
class ErasedNote:
    """When and by whom a person was erased, and whether texts are still searched."""

    at: LocalTime
    actor: str
    is_finished: bool
    has_returned: bool


@dataclass(frozen=True, slots=True)
class ErasePage:
    """The contents of the page; `members` are the IDs of users who were merged into this one and go with it."""

    store: Store
    user_id: int
    title: str
    email: str
    balance: int
    held: int
    members: tuple[int, ...]
    erased: ErasedNote | None
    calls: Calls
    open_questions: str


def erase_page(connection: Connection, store: Store, user_id: int, *, now: datetime) -> ErasePage:
    """Return the page for the person of a user; raises `UnknownUser`."""
    account = profiles.get_account(connection, store.id, user_id)
    known = get_overview(connection, account, now=now)
    members = account_merge.list_merged(connection, account, limit=_MEMBERS)
    return ErasePage(
        store=store,
        user_id=user_id,
        title=account.name or account.email or f"User {user_id}",
        email=account.email or "",
        balance=known.balance.balance,
        held=known.balance.held,
        members=tuple(one.user_id for one in members),
        erased=erased_note(connection, store, account),
        calls=(call("Erase personal data", "DELETE", f"/v1/users/{user_id}"),),
        open_questions=count_exceptions(connection, store),
    )


def erased_note(connection: Connection, store: Store, account: Account) -> ErasedNote | None:
    """Return the latest erasure of an account's person; None without one."""
    found = account_erasure.find_erasure(connection, account)
    if found is None:
        return None
    at = local_time(found.created_at, store.calendar.zone)
    return ErasedNote(at, found.actor, found.finished_at is not None, not account.is_erased)
