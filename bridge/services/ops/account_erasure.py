"""Erase a person: name, email and order contacts go, the books stay.

At once, in one transaction, go the profile, linked sites, codes and sessions, and
open holds are released. Then orders, deliveries and free texts follow in small
transactions, as long as the caller waits and after that by a job. Until the end
the texts to search for are stored with the erasure. See docs/decisions/0035.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.clients.woocommerce.erased_bodies import names_person, without_person
from bridge.domain.accounts.accounts import Account, normalize_email
from bridge.domain.events.events import EventType
from bridge.domain.metering.holds import HoldState
from bridge.domain.ops.erasing import Terms, replaced, terms_of
from bridge.domain.stores.stores import Store
from bridge.rendering.event_payloads import erased_payload
from bridge.rendering.ids import encode_id
from bridge.services.accounts.profiles import get_account
from bridge.services.metering.unit_of_work import Wanted, close_unit, open_unit
from bridge.services.orders.settling import settle
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.services.transactions import in_transaction
from bridge.storage.accounts import accounts, erasures, former_contacts, merges
from bridge.storage.accounts.erasures import Erasure as Erasure
from bridge.storage.admin import search_index
from bridge.storage.engine.database import Connection, Database, TryAgain
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import policies
from bridge.storage.ops import erasing
from bridge.storage.orders import orders
from bridge.storage.shop import inbox
from bridge.storage.stores import stores

WAIT_SECONDS = 3.0
"""How long a request waits for the whole erasure; a job does what is left."""
_ORDERS = 50
_BODIES = 50
_CONTACTS, _BODIES_OF, _INDEX = "order contacts", "delivery bodies", "search index"
"""The first two steps and the last one; each of the others is the name of a table."""


@dataclass(frozen=True, slots=True)
class _Person:
    """The accounts of a person in one store, with their users."""

    store: Store
    account_ids: list[int]
    user_ids: list[int]


def erase(database: Database, store: Store, user_id: int, *, actor: str, clock: Callable[[], datetime]) -> Erasure:
    """Erase the person of a user, with the users merged into them; return the erasure, finished or not.

    A person who is erased already is searched again only if the search was
    interrupted. Raises `UnknownUser`.
    """
    begun = in_transaction(
        database.transaction, lambda connection: _begin(connection, store, user_id, actor=actor, now=clock())
    )
    if begun.finished_at is None:
        until = time.monotonic() + WAIT_SECONDS
        work(database, clock=clock, may_go_on=lambda: time.monotonic() < until, erasure_id=begun.id)
    with database.reading() as connection:
        return erasures.find_latest(connection, [begun.account_id]) or begun


def find_erasure(connection: Connection, account: Account) -> Erasure | None:
    """Return the latest erasure of an account's person; None without one."""
    return erasures.find_latest(connection, [account.id])


def work(
    database: Database,
    *,
    clock: Callable[[], datetime],
    may_go_on: Callable[[], bool] = lambda: True,
    erasure_id: int | None = None,
    rest: Callable[[float], None] = lambda _began: None,
) -> int:
    """Go on with erasures that are not finished, the oldest first, or with one; return how many ended.

    Each step is a transaction, and a step that is repeated changes nothing more.
    `rest` is called after each with the moment at which it began, by `monotonic`.
    """
    ended = 0
    while may_go_on():
        began = time.monotonic()
        step = in_transaction(database.transaction, lambda connection: _step(connection, erasure_id, now=clock()))
        if step is None:
            break
        ended += step
        rest(began)
    if ended:
        database.checkpoint()
    return ended


def _begin(connection: Connection, store: Store, user_id: int, *, actor: str, now: datetime) -> Erasure:
    account = get_account(connection, store.id, user_id)
    latest = erasures.find_latest(connection, [account.id])
    if account.is_erased and latest is not None:
        return latest
    members = merges.list_members(connection, account.id)
    locked = accounts.lock(connection, {account.id, *members}, with_merged=True)
    if locked[account.id].merged_into is not None:
        raise TryAgain("an account was merged into another one meanwhile")
    ids = sorted(locked)
    users = [one.user_id for one in locked.values() if one.user_id is not None]
    _release_holds(connection, store, locked[account.id], now=now)
    listed = erasing.list_order_names(connection, store.id, ids)
    former_emails, former_names = former_contacts.list_of(connection, ids)
    former_contacts.drop(connection, ids)
    sites = erasing.drop_at_once(connection, store.id, ids, users, now=now)
    former_sites = erasing.drop_site_changes(connection, store.id, [encode_id("si", site.id) for site in sites])
    terms = terms_of(
        emails=[*(one.email for one in locked.values()), *(email for email, _ in listed), *former_emails],
        names=[*(one.name for one in locked.values()), *(name for _, name in listed), *former_names],
        sites=[*((site.url, site.name) for site in sites), *former_sites],
    )
    erasures.erase_accounts(connection, ids, now=now)
    erasures.note_in_store(connection, store.id)
    stores.touch(connection, store.id)
    stored = {"sure": list(terms.sure), "own": list(terms.own)}
    erasure = Erasure(new_id(), store.id, account.id, actor, now, stored, [_CONTACTS], 0, None)
    erasures.add(connection, erasure)
    after = {"erased": True}
    changes.record(
        connection, store.id, Subject.USER, f"user {account.user_id}", before=None, after=after, actor=actor, now=now
    )
    return erasure


def _release_holds(connection: Connection, store: Store, account: Account, *, now: datetime) -> None:
    policy = policies.for_store(connection, store.id)
    wanted = Wanted(account_ids=[], accounts={account.id: account}, policies_by_store={store.id: policy})
    work_ = open_unit(connection, wanted, now=now)
    for hold in list(work_.holds.values()):
        work_.set_aside(hold, -1)
        work_.holds[hold.id] = replace(hold, state=HoldState.RELEASED, settled_at=now)
        work_.changed_holds.add(hold.id)
    work_.announce(account, EventType.USER_ERASED, erased_payload())
    close_unit(connection, work_)


def _step(connection: Connection, erasure_id: int | None, *, now: datetime) -> int | None:
    """Do the next step of an erasure; return 1 at its end, 0 before it, None where there is none to do."""
    erasure = erasures.lock_open(connection, erasure_id)
    if erasure is None:
        return None
    person = _person(connection, erasure)
    terms = Terms(**{name: tuple(texts) for name, texts in (erasure.terms or {"sure": [], "own": []}).items()})
    name, *after = erasure.position or [_CONTACTS]
    if name == _CONTACTS:
        changed, position = _erase_orders(connection, person, terms, now=now)
    elif name == _BODIES_OF:
        changed, position = _erase_bodies(connection, person, terms, after=after[0] if after else 0)
    elif name == _INDEX:
        changed, position = 0, [_INDEX, True] if search_index.shrink(connection, is_begun=bool(after)) else None
    else:
        changed, position = _erase_texts(connection, person, terms, name, after)
    erasures.advance(connection, erasure, position, replaced=changed, finished_at=None if position else now)
    return 0 if position else 1


def _person(connection: Connection, erasure: Erasure) -> _Person:
    ids = [erasure.account_id, *merges.list_members(connection, erasure.account_id)]
    known = accounts.look(connection, ids)
    users = sorted(one.user_id for one in known.values() if one.user_id is not None)
    return _Person(stores.get(connection, erasure.store_id), sorted(known), users)


def _erase_orders(
    connection: Connection, person: _Person, terms: Terms, *, now: datetime
) -> tuple[int, list[Any] | None]:
    """Erase the contacts of the next orders; their grants, reversals and review items follow from what stays."""
    emails = {key for term in terms.sure if (key := normalize_email(term)) and "@" in key}
    numbers = erasing.list_orders(
        connection,
        person.store.id,
        account_ids=person.account_ids,
        user_ids=person.user_ids,
        emails=emails,
        limit=_ORDERS,
    )
    found = orders.lock(connection, person.store.id, numbers, now=now) if numbers else {}
    every = [replace(found[number], is_erased=True) for number in sorted(found)]
    if every:
        settle(connection, person.store, every, now=now)
    return len(every), [_CONTACTS] if every else [_BODIES_OF, 0]


def _erase_bodies(connection: Connection, person: _Person, terms: Terms, *, after: int) -> tuple[int, list[Any] | None]:
    """Reduce the next stored deliveries to what they are processed by."""
    found = erasing.list_bodies(
        connection,
        person.store.id,
        account_ids=person.account_ids,
        user_ids=person.user_ids,
        after=after,
        limit=_BODIES,
    )
    changed = 0
    for delivery_id, topic, body, is_certain in found:
        if is_certain or names_person(body, list(terms.sure)):
            fresh = without_person(body, topic)
            if fresh != body:
                inbox.set_body(connection, delivery_id, fresh)
                changed += 1
    if len(found) == _BODIES:
        return changed, [_BODIES_OF, found[-1][0]]
    return changed, [erasing.searched_tables()[0]]


def _erase_texts(
    connection: Connection, person: _Person, terms: Terms, name: str, after: list[Any]
) -> tuple[int, list[Any] | None]:
    """Replace the person's name and email in the next rows of a table."""
    changed, last = erasing.replace_batch(
        connection,
        name,
        person.store.id,
        person.account_ids,
        sure=terms.sure,
        every=terms.every,
        replace=lambda value: replaced(value, terms.every),
        after=after or None,
    )
    if last is not None:
        return changed, [name, *last]
    tables = erasing.searched_tables()
    following = tables.index(name) + 1
    return changed, [tables[following]] if following < len(tables) else [_INDEX]
