"""The view of merging two accounts: the matches of a search, or both accounts before and after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.merging import AlreadyMerged
from bridge.domain.admin.user_list import PAGES, Listing
from bridge.domain.errors import BridgeError
from bridge.domain.stores.stores import Store
from bridge.services.accounts import profiles
from bridge.services.admin import user_list
from bridge.services.admin.user_list import UserLine
from bridge.services.ops import account_merge
from bridge.services.ops.account_merge import MergedUser, Preview, Side
from bridge.storage.engine.database import Connection
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time

MEMBERS = 50
"""How many merges the page of a user lists."""


@dataclass(frozen=True, slots=True)
class MergeForm:
    """The values of the form: the user to merge, the search, what was typed, and an error with its field."""

    from_user: int | None = None
    search: str = ""
    typed: str = ""
    reason: str = ""
    error: str = ""
    error_field: str = ""

    def failed(self, error: str, field: str) -> MergeForm:
        """Return the form with an error."""
        return replace(self, error=error, error_field=field)


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the comparison: both users before, and the one that stays after."""

    label: str
    source: int
    target: int
    after: int


@dataclass(frozen=True, slots=True)
class Person:
    """A user by ID, with the name and email that are stored."""

    user_id: int
    name: str
    email: str

    @property
    def title(self) -> str:
        """Return what to call the user."""
        return self.name or self.email or f"User {self.user_id}"


@dataclass(frozen=True, slots=True)
class MergePage:
    """The contents of the page; `source` is None until the other user is chosen, `matches` without a search."""

    store: Store
    user: Person
    source: Person | None
    form: MergeForm
    lines: tuple[Compared, ...]
    matches: tuple[UserLine, ...] | None
    has_more: bool
    calls: Calls
    open_questions: str


@dataclass(frozen=True, slots=True)
class MergeNote:
    """A merge as the page of a user names it; `person` is the user at the other end."""

    person: Person
    at: LocalTime
    actor: str
    reason: str


def merge_page(connection: Connection, store: Store, user_id: int, form: MergeForm, *, now: datetime) -> MergePage:
    """Return the page for the user whose account stays; raises `UnknownUser`, and `AlreadyMerged` for a merged one."""
    account = profiles.get_own_account(connection, store.id, user_id)
    if account.merged_into is not None:
        raise AlreadyMerged(f"User {user_id} was merged already; merge into the user it was merged into.")
    source, preview = None, None
    if form.from_user is not None:
        try:
            preview = account_merge.preview(connection, store.id, user_id, form.from_user, now=now)
            source = _person(preview.source.overview.account)
        except BridgeError as error:
            form = form if form.error else form.failed(_sentence(error), "q")
    matches, has_more = _matches(connection, store, account, form.search, now=now) if source is None else (None, False)
    body = {"from": form.from_user or 0, "reason": form.reason or "Second account of the same person"}
    return MergePage(
        store=store,
        user=_person(account),
        source=source,
        form=form,
        lines=_lines(preview) if preview else (),
        matches=matches,
        has_more=has_more,
        calls=(call("Merge another user into this one", "POST", f"/v1/users/{user_id}/merge", body, key="merge-1"),),
        open_questions=count_exceptions(connection, store),
    )


def closed_note(connection: Connection, store: Store, account: Account) -> MergeNote | None:
    """Return where a merged account went; None for an account of its own."""
    found = account_merge.find_merge(connection, account)
    if found is None:
        return None
    into = profiles.get_account(connection, store.id, found.user_id)
    return _note(store, found, _person(into))


def member_notes(connection: Connection, store: Store, account: Account) -> tuple[MergeNote, ...]:
    """Return the latest users who were merged into an account."""
    found = account_merge.list_merged(connection, account, limit=MEMBERS)
    return tuple(_note(store, one, Person(one.user_id, one.name or "", one.email or "")) for one in found)


def _note(store: Store, found: MergedUser, person: Person) -> MergeNote:
    at = local_time(found.merge.created_at, store.calendar.zone)
    return MergeNote(person, at, found.merge.actor, found.merge.reason)


def _person(account: Account) -> Person:
    return Person(account.user_id or 0, account.name or "", account.email or "")


def _matches(
    connection: Connection, store: Store, account: Account, search: str, *, now: datetime
) -> tuple[tuple[UserLine, ...] | None, bool]:
    if not search:
        return None, False
    listing = Listing(search=search, page=PAGES[0])
    page = user_list.list_page(connection, store, listing, counts=False, now=now)
    return tuple(line for line in page.lines if line.account_id != account.id), page.next is not None


def _lines(preview: Preview) -> tuple[Compared, ...]:
    source, target = preview.source, preview.target
    ours, theirs = target.overview.balance, source.overview.balance
    return (
        Compared("Balance", theirs.balance, ours.balance, preview.after.balance),
        Compared("Held", theirs.held, ours.held, preview.after.held),
        Compared("Debt", theirs.debt, ours.debt, preview.after.debt),
        *(_sum(label, name, source, target) for label, name in _COUNTED),
    )


_COUNTED = (
    ("Orders", "orders"),
    ("Open holds", "holds"),
    ("Linked sites", "sites"),
)


def _sum(label: str, name: str, source: Side, target: Side) -> Compared:
    ours, theirs = getattr(target, name), getattr(source, name)
    return Compared(label, theirs, ours, ours + theirs)


def _sentence(error: BridgeError) -> str:
    if error.fields:
        return "Choose a user with another account."
    return f"{error.detail[:1].upper()}{error.detail[1:]}."
