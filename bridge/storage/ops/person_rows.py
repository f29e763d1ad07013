"""Every row that is held about a person, list by list, read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select, tuple_

from bridge.storage.accounts import tables as accounts_tables
from bridge.storage.admin import tables as admin_tables
from bridge.storage.events import tables as events_tables
from bridge.storage.metering import tables as metering_tables
from bridge.storage.metering.usage import spend_spans
from bridge.storage.orders.tables import order_lines, orders
from bridge.storage.portal import tables as portal_tables
from bridge.storage.shop.tables import deliveries
from bridge.storage.sites import tables as sites_tables

PAGE = 500
"""How many rows are read at a time."""
_BODIES = 20

LISTS: Mapping[str, Table] = {
    "profiles": accounts_tables.accounts,
    "former_contacts": accounts_tables.former_contacts,
    "earlier_roles": accounts_tables.role_changes,
    "merges": accounts_tables.merges,
    "erasures": accounts_tables.erasures,
    "entries": accounts_tables.entries,
    "orders": orders,
    "order_lines": order_lines,
    "plans": metering_tables.plan_terms,
    "plan_use": metering_tables.plan_uses,
    "spends": metering_tables.spends,
    "refunds": metering_tables.refunds,
    "holds": metering_tables.holds,
    "usage": metering_tables.usage_days,
    "free_use": metering_tables.window_uses,
    "carried_use": metering_tables.carried_uses,
    "guest_use": metering_tables.guest_uses,
    "own_limits": metering_tables.limit_overrides,
    "limit_resets": metering_tables.limit_resets,
    "confirmations": metering_tables.paid_confirmations,
    "linked_sites": sites_tables.sites,
    "link_codes": sites_tables.link_codes,
    "bulk_changes": admin_tables.bulk_rows,
    "events": events_tables.outbox,
    "portal_sessions": portal_tables.portal_sessions,
    "passes": portal_tables.passes,
    "webhooks": deliveries,
}
"""The lists of an export by name, in their order, each with its table."""

OTHERS = frozenset(
    {
        # Copies of what is in a list, for sorting and searching.
        "account_figures",
        # Parts of rows in a list: the month of a site, the sending of an event, the hash of a site's key.
        *("site_uses", "event_deliveries", "access_keys"),
        # Responses that repeat entries, spends and holds; changes of settings by admins; the settings themselves.
        *("idempotency_keys", "changes", "bulk_changes", "stores", "packages", "modules", "limits", "limit_rules"),
        *("second_limit_rules", "operations", "store_days", "store_uses", "store_figures", "window_runs", "shop_reads"),
        *("event_endpoints", "key_requests", "rollups", "service_state", "leases", "runs", "link_guesses"),
        *("admins", "admin_roles", "admin_sessions", "connect_codes"),
    }
)
"""Tables with nothing more about a person than the lists."""

_INTERNAL = frozenset(
    {"store_id", "email_key", "name_key", "search_key", "key_hash", "code_hash", "id_hash", "token_hash"}
)
_INTERNAL_OF = {"accounts": {"id", "guest_hash", "alert"}, "deliveries": {"digest"}, "erasures": {"terms", "position"}}


@dataclass(frozen=True, slots=True)
class Person:
    """The accounts and users of one person in a store."""

    store_id: int
    account_ids: tuple[int, ...]
    user_ids: tuple[int, ...]


def columns_of(name: str) -> list[str]:
    """Return the columns of a list, without internal ones."""
    table = LISTS[name]
    hidden = _INTERNAL | _INTERNAL_OF.get(table.name, set())
    return [column.name for column in table.columns if column.name not in hidden]


def rows(connection: Connection, name: str, person: Person) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a list in the order of their keys; memory does not grow with their number."""
    table = LISTS[name]
    size = _BODIES if table is deliveries else PAGE
    key = list(table.primary_key.columns)
    for condition in _conditions(connection, table, person):
        page = select(*(table.c[column] for column in {*columns_of(name), *(one.name for one in key)}))
        page = page.where(condition).order_by(*key).limit(size)
        after: Sequence[Any] | None = None
        while True:
            found = connection.execute(page if after is None else page.where(tuple_(*key) > tuple_(*after))).all()
            for row in found:
                yield dict(row._mapping)
            if len(found) < size:
                break
            after = [found[-1]._mapping[column.name] for column in key]


def _conditions(connection: Connection, table: Table, person: Person) -> list[ColumnElement[bool]]:
    """Return the conditions under which rows of a table are the person's, one after the other."""
    ids, users, store = list(person.account_ids), list(person.user_ids), person.store_id
    mine = or_(orders.c.account_id.in_(ids), orders.c.claimed_by.in_(ids), orders.c.customer_id.in_(users))
    numbers = select(orders.c.number).where(orders.c.store_id == store, mine)
    if table is accounts_tables.accounts:
        return [table.c.id.in_(ids)]
    if table is orders:
        return [and_(orders.c.store_id == store, mine)]
    if table is order_lines:
        return [and_(table.c.store_id == store, table.c.order_number.in_(numbers))]
    if table is deliveries:
        about_order = and_(table.c.resource_id.in_(numbers), table.c.topic.like("order.%"))
        about_user = and_(table.c.resource_id.in_(users), table.c.topic.like("customer.%"))
        return [and_(table.c.store_id == store, or_(about_order, about_user))]
    if table is metering_tables.spends:
        # The key does not begin with the account: the days with usage say where to look.
        of_account = table.c.account_id.in_(ids)
        return [and_(of_account, table.c.id.between(low, high)) for low, high in spend_spans(connection, ids)]
    if "account_id" in table.c:
        return [table.c.account_id.in_(ids)]
    return [and_(table.c.store_id == store, table.c.user_id.in_(users))]
