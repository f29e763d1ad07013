"""The fragment on somebody's page: what they have, what is free, what they bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from bridge.domain.accounts.accounts import Who
from bridge.services.metering.overview import get_or_make_account, get_overview
from bridge.services.orders import purchases
from bridge.services.orders.purchases import Purchase, PurchasePage
from bridge.storage.engine.database import Connection
from bridge.web import allowances
from bridge.web.allowances import AllowanceRow
from bridge.web.i18n.formatting import Language, LocalTime, local_time, number, zone_name
from bridge.web.i18n.messages import PHRASES, Phrases

PURCHASES = 10
"""How many purchases the fragment lists; the portal has them all."""


class View(StrEnum):
    """How much of the fragment is wanted."""

    FULL = "full"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class CardPurchase:
    """One purchase: what it was, and the tokens it brought."""

    order: str
    at: LocalTime | None
    lines: tuple[str, ...]
    tokens: str
    taken_back: str


@dataclass(frozen=True, slots=True)
class UsageCard:
    """Everything the fragment prints; an empty text is something it does not show."""

    view: View
    language: Language
    words: Phrases
    is_guest: bool
    balance: str
    held: str
    debt: str
    purchase_url: str
    zone: str
    plan: AllowanceRow | None
    rows: tuple[AllowanceRow, ...]
    purchases: tuple[CardPurchase, ...]
    has_more_purchases: bool


def usage_card(
    connection: Connection,
    store_id: int,
    who: Who,
    *,
    modules: Sequence[str],
    view: View,
    language: Language,
    now: datetime,
) -> UsageCard:
    """The card of one person; of somebody never heard of it shows a balance of 0 and what is free for anybody.

    `modules` are the ones to show, in order; none means all the store has.
    """
    account = get_or_make_account(connection, store_id, who)
    known = get_overview(connection, account, now=now)
    policy, words, balance = known.policy, PHRASES[language], known.balance
    bought = PurchasePage([], None)
    if view is View.FULL and not account.is_guest:
        bought = purchases.list_purchases(connection, account, before=None, limit=PURCHASES)
    return UsageCard(
        view=view,
        language=language,
        words=words,
        is_guest=account.is_guest,
        balance=number(balance.balance, language),
        held=words.held.format(n=number(balance.held, language)) if balance.held else "",
        debt=words.debt.format(n=number(balance.debt, language)) if balance.debt else "",
        purchase_url=policy.store.purchase_url,
        zone=zone_name(policy.calendar.zone),
        plan=allowances.plan_row(policy, known.plan, language, now=now),
        rows=allowances.rows(
            policy,
            known.allowances,
            modules or policy.module_keys,
            language,
            # A visitor has no balance that could pay instead.
            without="disabled" if account.is_guest else "none",
            now=now,
        ),
        purchases=tuple(_purchase(purchase, policy.calendar.zone, language) for purchase in bought.purchases),
        has_more_purchases=bought.next_before is not None,
    )


def _purchase(purchase: Purchase, zone: tzinfo, language: Language) -> CardPurchase:
    words = PHRASES[language]
    return CardPurchase(
        order=words.order.format(n=purchase.shown_number),
        at=local_time(purchase.placed_at, zone, language) if purchase.placed_at else None,
        lines=purchases.shown_lines(purchase),
        tokens=words.bought.format(n=number(purchase.tokens, language)),
        taken_back=words.taken_back.format(n=number(purchase.reversed, language)) if purchase.reversed else "",
    )
