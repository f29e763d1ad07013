"""The page of one user: balance, limits, usage, ledger, purchases, holds and sites, as an admin sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bridge.domain.accounts.ledger import Entry, Kind
from bridge.domain.metering.spends import Spend
from bridge.domain.stores.stores import Policy, Store
from bridge.rendering.documents import format_timestamp
from bridge.rendering.ids import encode_id
from bridge.services.accounts import profiles
from bridge.services.metering import quotes
from bridge.services.metering.overview import get_overview
from bridge.services.orders import comparisons, purchases
from bridge.services.orders.purchases import Purchase
from bridge.storage.engine.database import Connection
from bridge.web import allowances
from bridge.web.admin import shop_links, user_receipt, users_view
from bridge.web.admin.curl import Calls
from bridge.web.admin.explain_view import Explained as Explained
from bridge.web.admin.explain_view import ExplainForm as ExplainForm
from bridge.web.admin.explain_view import explain
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.sync_view import SyncBadge, badge
from bridge.web.admin.usage_chart import PERIODS
from bridge.web.admin.user_calls import closed_calls, user_calls
from bridge.web.admin.user_erase_view import ErasedNote, erased_note
from bridge.web.admin.user_limits_view import LimitCard, LimitForm, limit_cards, module_choices
from bridge.web.admin.user_merge_view import MergeNote, closed_note, member_notes
from bridge.web.admin.user_sites_view import CapForm, NewKey, SitesOfUser, sites_of_user
from bridge.web.admin.user_usage_view import UserUsage, user_usage
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
class Asked:
    """A spend as a question to explain: its module, its price, and its moment with an offset."""

    module: str
    tokens: int
    at: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One line of the ledger; `tokens` and `debt` are signed. `asked` explains a spend, None for other entries."""

    at: LocalTime
    kind: str
    label: str
    tokens: int
    debt: int
    balance_after: int
    actor: str
    reason: str
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    """One purchase; `total` is money as the shop writes it, `url` its page in WooCommerce, `sync` its comparison.

    `receipt` is the path of its receipt.
    """

    order_number: str
    url: str
    at: LocalTime | None
    status: str
    lines: tuple[str, ...]
    total: str
    tokens: int
    reversed: int
    sync: SyncBadge
    receipt: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The requested part of the page: entries older than id `before`, orders below `orders_before`.

    `explain` is a question to answer, `limit_form` or `cap_form` a form that is
    shown again, `new_key` a key that was just made, `days` the days of the usage.
    """

    before: int | None = None
    orders_before: int | None = None
    explain: ExplainForm | None = None
    limit_form: LimitForm | None = None
    cap_form: CapForm | None = None
    new_key: NewKey | None = None
    days: int = PERIODS[0]


@dataclass(frozen=True, slots=True)
class UserPage:
    """The contents of the page of one user; `older` and `earlier` are where the next pages begin.

    `closed` is where a merged user went, `members` are the users who were merged
    into this one, `erased` is when the person was erased. `confirm_paid` is the
    user's setting to be asked before tokens of the balance are taken.
    """

    store: Store
    user: UserRow
    available: int
    zone: str
    plan: AllowanceRow | None
    limits: tuple[LimitCard, ...]
    explain: ExplainForm
    explanation: Explained | None
    modules: Sequence[tuple[str, str]]
    usage: UserUsage
    linked: SitesOfUser
    new_key: NewKey | None
    entries: tuple[EntryRow, ...]
    older: str | None
    is_first_page: bool
    purchases: tuple[PurchaseRow, ...]
    earlier: int | None
    is_latest_purchases: bool
    open_questions: str
    shop_url: str
    closed: MergeNote | None
    members: tuple[MergeNote, ...]
    erased: ErasedNote | None
    confirm_paid: bool
    calls: Calls


def user_page(
    connection: Connection,
    store: Store,
    user_id: int,
    shown: Shown,
    *,
    now: datetime,
) -> UserPage:
    """Return the page of one user; raises `UnknownUser`."""
    account = profiles.get_own_account(connection, store.id, user_id)
    known = get_overview(connection, account, now=now)
    user = users_view.user_row(connection, store, user_id, now=now)
    entries = profiles.list_entries(connection, account, before=shown.before, limit=ENTRIES + 1)
    bought = purchases.list_purchases(connection, account, before=shown.orders_before, limit=PURCHASES)
    zone = store.calendar.zone
    asked, explanation = explain(connection, known, shown.explain, now=now)
    limits = limit_cards(connection, known, form=shown.limit_form, now=now)
    linked = sites_of_user(connection, known.policy, account, form=shown.cap_form, now=now)
    closed, days = closed_note(connection, store, account), shown.days
    return UserPage(
        store=store,
        user=user,
        available=known.balance.available,
        zone=zone_name(zone),
        plan=allowances.plan_row(known.policy, known.plan, Language.ENGLISH, now=now),
        limits=limits,
        explain=asked,
        explanation=explanation,
        modules=module_choices(known.policy),
        usage=user_usage(connection, store, known.policy, account, days=days, now=now),
        linked=linked,
        new_key=shown.new_key,
        entries=_entries(connection, entries[:ENTRIES], known.policy, zone),
        older=encode_id("en", entries[ENTRIES - 1].id) if len(entries) > ENTRIES else None,
        is_first_page=shown.before is None,
        purchases=purchase_rows(connection, store, user_id, bought.purchases),
        earlier=bought.next_before,
        is_latest_purchases=shown.orders_before is None,
        open_questions=count_exceptions(connection, store),
        shop_url=shop_links.user_url(store, user_id),
        closed=closed,
        members=member_notes(connection, store, account),
        erased=erased_note(connection, store, account),
        confirm_paid=account.confirm_paid,
        calls=closed_calls(user_id, days=days)
        if closed
        else user_calls(user, limits, asked, explanation, linked, days=days),
    )


def _entries(connection: Connection, entries: Sequence[Entry], policy: Policy, zone: tzinfo) -> tuple[EntryRow, ...]:
    spent = quotes.find_spends(connection, [entry.spend_id for entry in entries if entry.kind is Kind.SPEND])
    return tuple(_entry(entry, spent.get(entry.spend_id or 0), policy, zone) for entry in entries)


def _asked(spend: Spend | None) -> Asked | None:
    return None if spend is None else Asked(spend.module, spend.tokens, format_timestamp(spend.created_at))


def _entry(entry: Entry, spend: Spend | None, policy: Policy, zone: tzinfo) -> EntryRow:
    # The reason of a spend is the key of its module.
    is_module = entry.kind in {Kind.SPEND, Kind.REFUND} and entry.reason in policy.module_keys
    return EntryRow(
        at=local_time(entry.created_at, zone),
        kind=entry.kind.value,
        label=_KINDS[entry.kind],
        tokens=entry.tokens,
        debt=entry.debt,
        balance_after=entry.balance_after,
        actor=entry.actor,
        reason=policy.label_of(entry.reason) if is_module else entry.reason,
        asked=_asked(spend if entry.kind is Kind.SPEND else None),
    )


def purchase_rows(
    connection: Connection, store: Store, user_id: int, bought: Sequence[Purchase]
) -> tuple[PurchaseRow, ...]:
    """Return purchases of a user as rows of a table."""
    compared = comparisons.find(connection, store.id, [purchase.order_number for purchase in bought])
    zone = store.calendar.zone
    return tuple(_purchase(store, user_id, each, badge(compared.get(each.order_number), zone)) for each in bought)


def _purchase(store: Store, user_id: int, purchase: Purchase, sync: SyncBadge) -> PurchaseRow:
    return PurchaseRow(
        order_number=purchase.shown_number,
        url=shop_links.order_url(store, purchase.order_number),
        at=local_time(purchase.placed_at, store.calendar.zone) if purchase.placed_at else None,
        status=purchase.status,
        lines=shortened((f"{line.name} × {line.quantity}" for line in purchase.lines), len(purchase.lines)),
        total=f"{purchase.total} {purchase.currency}".strip(),
        tokens=purchase.tokens,
        reversed=purchase.reversed,
        sync=sync,
        receipt=user_receipt.url_of(store.slug, user_id, purchase.order_number),
    )
