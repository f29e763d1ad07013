"""The page of one user: balance, limits, ledger and purchases, as an admin sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from bridge.domain.accounts.ledger import Entry, Kind
from bridge.domain.stores.stores import Store
from bridge.rendering.ids import encode_id
from bridge.services.accounts import profiles
from bridge.services.metering.overview import get_overview
from bridge.services.orders import purchases
from bridge.services.orders.purchases import Purchase
from bridge.storage.engine.database import Connection
from bridge.web import allowances
from bridge.web.admin import users_view
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.users_view import UserRow
from bridge.web.allowances import AllowanceRow
from bridge.web.i18n.formatting import Language, LocalTime, local_time, shortened, zone_name

ENTRIES = 25
PURCHASES = 10

_KINDS = {
    Kind.GRANT: "Grant",
    Kind.SPEND: "Spend",
    Kind.REFUND: "Refund",
    Kind.REVERSAL: "Reversal",
    Kind.ADJUSTMENT: "Adjustment",
}


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One line of the ledger; `tokens` and `debt` are signed."""

    at: LocalTime
    kind: str
    label: str
    tokens: int
    debt: int
    balance_after: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    """One purchase; `total` is money as the shop writes it."""

    order_number: str
    at: LocalTime | None
    status: str
    lines: tuple[str, ...]
    total: str
    tokens: int
    reversed: int


@dataclass(frozen=True, slots=True)
class UserPage:
    """The contents of the page of one user; `older` and `earlier` are where the next pages begin."""

    store: Store
    user: UserRow
    available: int
    zone: str
    plan: AllowanceRow | None
    limits: tuple[AllowanceRow, ...]
    entries: tuple[EntryRow, ...]
    older: str | None
    is_first_page: bool
    purchases: tuple[PurchaseRow, ...]
    earlier: int | None
    is_latest_purchases: bool
    open_questions: str


def user_page(
    connection: Connection,
    store: Store,
    user_id: int,
    *,
    before: int | None = None,
    orders_before: int | None = None,
    now: datetime,
) -> UserPage:
    """Return the page of one user: entries older than id `before`, orders below `orders_before`.

    Raises `UnknownUser`.
    """
    account = profiles.get_account(connection, store.id, user_id)
    known = get_overview(connection, account, now=now)
    user = users_view.user_row(connection, store, user_id, now=now)
    entries = profiles.list_entries(connection, account, before=before, limit=ENTRIES + 1)
    bought = purchases.list_purchases(connection, account, before=orders_before, limit=PURCHASES)
    zone = store.calendar.zone
    return UserPage(
        store=store,
        user=user,
        available=known.balance.available,
        zone=zone_name(zone),
        plan=allowances.plan_row(known.policy, known.plan, Language.ENGLISH, now=now),
        limits=allowances.rows(known.policy, known.allowances, known.policy.module_keys, Language.ENGLISH, now=now),
        entries=tuple(_entry(entry, zone) for entry in entries[:ENTRIES]),
        older=encode_id("en", entries[ENTRIES - 1].id) if len(entries) > ENTRIES else None,
        is_first_page=before is None,
        purchases=tuple(purchase_row(purchase, zone) for purchase in bought.purchases),
        earlier=bought.next_before,
        is_latest_purchases=orders_before is None,
        open_questions=count_exceptions(connection, store),
    )


def _entry(entry: Entry, zone: tzinfo) -> EntryRow:
    return EntryRow(
        at=local_time(entry.created_at, zone),
        kind=entry.kind.value,
        label=_KINDS[entry.kind],
        tokens=entry.tokens,
        debt=entry.debt,
        balance_after=entry.balance_after,
        actor=entry.actor,
        reason=entry.reason,
    )


def purchase_row(purchase: Purchase, zone: tzinfo) -> PurchaseRow:
    """Return a purchase as a row of a table."""
    return PurchaseRow(
        order_number=purchase.shown_number,
        at=local_time(purchase.placed_at, zone) if purchase.placed_at else None,
        status=purchase.status,
        lines=shortened((f"{line.name} × {line.quantity}" for line in purchase.lines), len(purchase.lines)),
        total=f"{purchase.total} {purchase.currency}".strip(),
        tokens=purchase.tokens,
        reversed=purchase.reversed,
    )
