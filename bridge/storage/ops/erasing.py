"""The rows of an erased person: what is deleted at once, and the free texts that are searched table by table.

The tables to search are taken from the schema itself, so that a new one is not
forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    ColumnElement,
    Connection,
    String,
    Table,
    TableValuedAlias,
    Text,
    and_,
    cast,
    delete,
    false,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    update,
)

from bridge.domain.ops.erasing import ERASED, patterns_of
from bridge.storage.accounts.tables import accounts
from bridge.storage.admin.tables import account_figures
from bridge.storage.engine.metadata import metadata
from bridge.storage.metering.tables import idempotency_keys
from bridge.storage.orders.tables import orders
from bridge.storage.portal.tables import passes, portal_sessions
from bridge.storage.shop.tables import deliveries
from bridge.storage.sites.tables import link_codes, sites
from bridge.storage.stores.tables import access_keys, changes

WINDOW = 5000
"""How many rows of a table one transaction searches."""

_NOT_SEARCHED = frozenset(
    {
        # The profiles of others; settings; secrets, hashes and admins.
        *("accounts", "stores", "access_keys", "admins", "admin_roles", "admin_sessions", "account_figures"),
        # What is searched for; bodies, which are replaced whole; the service's own rows.
        *("erasures", "deliveries", "leases", "runs", "service_state", "rollups", "link_guesses", "key_requests"),
        *("link_codes", "portal_sessions", "passes", "former_contacts"),
    }
)
_CODES = frozenset({"module", "operation", "source", "kind", "state", "type", "audience", "period", "fingerprint"})
"""Columns with keys of the store, which other rows are compared with."""


class EndedSite(NamedTuple):
    """A linked site that was ended, with its address and name before."""

    id: int
    url: str
    name: str


Replace = Callable[[Any], Any]


def searched_tables() -> list[str]:
    """Return the names of the tables with free texts, in a fixed order."""
    return [
        table.name
        for table in metadata.sorted_tables
        if table.name not in _NOT_SEARCHED and _texts(table) and {"store_id", "account_id"} & set(table.c.keys())
    ]


def drop_at_once(
    connection: Connection, store_id: int, account_ids: Sequence[int], user_ids: Collection[int], *, now: datetime
) -> list[EndedSite]:
    """End the linked sites, codes and sessions of locked accounts; return the sites as they were."""
    of_accounts = sites.c.account_id.in_(account_ids)
    found = connection.execute(select(sites.c.id, sites.c.url, sites.c.name).where(of_accounts)).all()
    ids = [row.id for row in found]
    connection.execute(delete(access_keys).where(access_keys.c.store_id == store_id, access_keys.c.site_id.in_(ids)))
    unlinked_at = func.coalesce(sites.c.unlinked_at, now)
    values = {"url": "https://erased.invalid/", "name": ERASED, "unlinked_at": unlinked_at}
    connection.execute(update(sites).where(of_accounts).values(**values))
    connection.execute(delete(link_codes).where(link_codes.c.account_id.in_(account_ids)))
    connection.execute(delete(account_figures).where(account_figures.c.account_id.in_(account_ids)))
    for table in (portal_sessions, passes):
        connection.execute(delete(table).where(table.c.store_id == store_id, table.c.user_id.in_(sorted(user_ids))))
    return [EndedSite(row.id, row.url, row.name) for row in found if row.name != ERASED]


def drop_site_changes(connection: Connection, store_id: int, names: Sequence[str]) -> list[tuple[str, str]]:
    """Delete the values of recorded changes of linked sites; that they were changed stays.

    Returns the addresses and names that the sites had at some time.
    """
    of_sites = (changes.c.store_id == store_id, changes.c.name.in_(names))
    rows = connection.execute(select(changes.c.before, changes.c.after).where(*of_sites)).all()
    connection.execute(update(changes).where(*of_sites).values(before=null(), after=null()))
    stated = {(value.get("url") or "", value.get("name") or "") for row in rows for value in row if value}
    return sorted(stated)


def list_order_names(connection: Connection, store_id: int, account_ids: Collection[int]) -> list[tuple[str, str]]:
    """Return the emails and names on the orders that accounts hold, each pair once."""
    statement = select(orders.c.email, orders.c.name).where(
        orders.c.store_id == store_id, orders.c.account_id.in_(sorted(account_ids))
    )
    return [(row.email, row.name) for row in connection.execute(statement.distinct())]


def list_orders(
    connection: Connection,
    store_id: int,
    *,
    account_ids: Collection[int],
    user_ids: Collection[int],
    emails: Collection[str],
    limit: int,
) -> list[int]:
    """Return orders of accounts or users, or under their emails, whose contacts are still stored."""
    mine = or_(
        orders.c.account_id.in_(sorted(account_ids)),
        orders.c.claimed_by.in_(sorted(account_ids)),
        orders.c.customer_id.in_(sorted(user_ids)),
        orders.c.keeper_id.in_(sorted(user_ids)),
        orders.c.email_key.in_(sorted(emails)),
    )
    statement = select(orders.c.number).where(orders.c.store_id == store_id, orders.c.is_erased == false(), mine)
    return list(connection.execute(statement.order_by(orders.c.number).limit(limit)).scalars())


def list_bodies(
    connection: Connection,
    store_id: int,
    *,
    account_ids: Collection[int],
    user_ids: Collection[int],
    after: int,
    limit: int,
) -> list[tuple[int, str, bytes, bool]]:
    """Return deliveries about orders of erased persons or about these users, above an id.

    Each is its id, topic and body, and whether it is about the person for certain:
    one that names no resource is not.
    """
    of_person = select(orders.c.number).where(
        orders.c.store_id == store_id,
        orders.c.is_erased,
        or_(
            orders.c.account_id.in_(sorted(account_ids)),
            orders.c.customer_id.in_(sorted(user_ids)),
            orders.c.account_id.is_(None),
        ),
    )
    about_order = and_(
        deliveries.c.resource_id.in_(of_person),
        deliveries.c.topic.not_like("product.%"),
        deliveries.c.topic.not_like("customer.%"),
    )
    about_user = and_(deliveries.c.resource_id.in_(sorted(user_ids)), deliveries.c.topic.like("customer.%"))
    statement = select(deliveries.c.id, deliveries.c.topic, deliveries.c.body, deliveries.c.resource_id).where(
        deliveries.c.store_id == store_id,
        deliveries.c.id > after,
        or_(about_order, about_user, deliveries.c.resource_id.is_(None)),
    )
    rows = connection.execute(statement.order_by(deliveries.c.id).limit(limit))
    return [(row.id, row.topic, bytes(row.body), row.resource_id is not None) for row in rows]


def replace_batch(
    connection: Connection,
    name: str,
    store_id: int,
    account_ids: Sequence[int],
    *,
    sure: Sequence[str],
    every: Sequence[str],
    replace: Replace,
    after: Sequence[Any] | None,
) -> tuple[int, Sequence[Any] | None]:
    """Replace texts in the next rows of a table; return how many changed, and the key of the last row read.

    `every` is searched in the rows of the accounts, `sure` in all of the store's. The
    number of rows read is bounded, so that other writers wait a moment only. The key
    is None at the end.
    """
    table = metadata.tables[name]
    key = list(table.primary_key.columns)
    following = [] if after is None else [tuple_(*key) > tuple_(*after)]
    own = [term for term in every if term not in set(sure)]
    last = connection.execute(select(*key).where(*following).order_by(*key).offset(WINDOW - 1).limit(1)).one_or_none()
    if last is not None:
        following.append(tuple_(*key) <= tuple_(*last))
    condition = _condition(connection, table, store_id, account_ids, sure, own)
    rows = connection.execute(select(table).where(*following, condition))
    changed = 0
    for row in rows.all():
        fresh = dict(_changes(table, row._mapping, replace))
        if fresh:
            same = and_(*(column == row._mapping[column.name] for column in key))
            connection.execute(update(table).where(same).values(**fresh))
            changed += 1
    return changed, None if last is None else list(last)


def _changes(table: Table, row: Any, replace: Replace) -> Iterator[tuple[str, Any]]:
    for column in _texts(table):
        value = row[column.name]
        fresh = replace(value)
        if fresh == value:
            continue
        if table is idempotency_keys and column.name == "key":
            # Two keys may become one text.
            fresh = f"{fresh[:200]}-{hashlib.sha256(value.encode()).hexdigest()[:16]}"
        length = getattr(column.type, "length", None)
        yield column.name, fresh[:length] if isinstance(fresh, str) else fresh


def _condition(
    connection: Connection,
    table: Table,
    store_id: int,
    account_ids: Sequence[int],
    sure: Sequence[str],
    own: Sequence[str],
) -> ColumnElement[bool]:
    of_store = table.c.get("store_id")
    owned: ColumnElement[bool]
    if of_store is None or (of_store.nullable and "account_id" in table.c):
        owned = table.c.account_id.in_(select(accounts.c.id).where(accounts.c.store_id == store_id))
    else:
        owned = of_store == store_id
    found = and_(owned, _names(connection, table, sure))
    if own and "account_id" in table.c:
        found = or_(found, and_(table.c.account_id.in_(account_ids), _names(connection, table, own)))
    return found


def _names(connection: Connection, table: Table, terms: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that the texts of a row may have one of the terms."""
    joined: ColumnElement[str] = literal("")
    for column in _texts(table):
        joined = joined.concat(" ").concat(func.coalesce(cast(column, Text), ""))
    patterns = [pattern for term in terms for pattern in patterns_of(term)]
    parts = []
    for text, is_lower in ((func.lower(joined), True), (joined, False)):
        likes = [one.like for one in patterns if one.is_lower is is_lower]
        if likes:
            listed = _listed(connection, likes)
            parts.append(select(listed.c.value).where(text.like(listed.c.value, escape="/")).exists())
    return or_(false(), *parts)


def _listed(connection: Connection, texts: Sequence[str]) -> TableValuedAlias:
    """Return a table with these texts as `value`: their number is limited where each is a part of the statement."""
    if connection.dialect.name == "sqlite":
        return func.json_each(json.dumps(texts)).table_valued("value")
    return func.unnest(cast(list(texts), ARRAY(Text))).table_valued("value").render_derived()


def _texts(table: Table) -> list[Column[Any]]:
    return [
        column
        for column in table.columns
        if isinstance(column.type, String | JSON) and column.name not in _CODES and not column.name.endswith("_hash")
    ]
