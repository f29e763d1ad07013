"""The contents of the widget: balance, free allowances and purchases of a user or guest."""

from __future__ import annotations

import functools
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
from bridge.web.i18n.formatting import Language, LocalTime, direction, isolate, local_time, number, shortened, zone_name
from bridge.web.i18n.messages import Texts, texts_of

PURCHASES = 10
"""How many purchases the widget lists."""


class View(StrEnum):
    """How much of the widget to show."""

    FULL = "full"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Words:
    """The texts without values, as the fragment prints them in one language."""

    title: str
    guest: str
    balance: str
    buy: str
    free_use: str
    no_modules: str
    purchases: str
    no_purchases: str


@dataclass(frozen=True, slots=True)
class CardPurchase:
    """One purchase: its packages, and the tokens it granted."""

    order: str
    at: LocalTime | None
    lines: tuple[str, ...]
    tokens: str
    taken_back: str


@dataclass(frozen=True, slots=True)
class UsageCard:
    """The contents of the widget; an empty text is not shown."""

    view: View
    language: Language
    direction: str
    words: Words
    is_guest: bool
    balance: str
    held: str
    debt: str
    purchase_url: str
    zone: str
    plan: AllowanceRow | None
    rows: tuple[AllowanceRow, ...]
    purchases: tuple[CardPurchase, ...]
    latest_purchases: str


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
    """Return the widget of one user or guest.

    Without an account, it shows a balance of 0 and the free allowances that apply
    to everyone. `modules` are the ones to show, in order; empty for all of the
    store.
    """
    account = get_or_make_account(connection, store_id, who)
    known = get_overview(connection, account, now=now)
    texts, policy, balance = texts_of(language), known.policy, known.balance
    bought = PurchasePage([], None)
    if view is View.FULL and not account.is_guest:
        bought = purchases.list_purchases(connection, account, before=None, limit=PURCHASES)
    return UsageCard(
        view=view,
        language=language,
        direction=direction(language),
        words=_words(language),
        is_guest=account.is_guest,
        balance=number(balance.balance, language),
        held=_held(texts, balance.held) if balance.held else "",
        debt=_debt(texts, balance.debt) if balance.debt else "",
        purchase_url=policy.store.purchase_url,
        zone=zone_name(policy.calendar.zone),
        plan=allowances.plan_row(policy, known.plan, language, now=now),
        rows=allowances.rows(
            policy,
            known.allowances,
            modules or policy.module_keys,
            language,
            # A guest has no balance that could pay instead.
            without="disabled" if account.is_guest else "none",
            now=now,
        ),
        purchases=tuple(_purchase(purchase, policy.calendar.zone, texts) for purchase in bought.purchases),
        latest_purchases="" if bought.next_before is None else _latest(texts, len(bought.purchases)),
    )


@functools.cache
def _words(language: Language) -> Words:
    texts = texts_of(language)
    return Words(
        title=texts.gettext("Your tokens"),
        guest=texts.gettext("You are not signed in: what is free for visitors is shown here."),
        balance=texts.gettext("Balance"),
        buy=texts.gettext("Buy tokens"),
        free_use=texts.gettext("Free use"),
        no_modules=texts.gettext("There is nothing to show here."),
        purchases=texts.gettext("Purchases"),
        no_purchases=texts.gettext("No purchases yet."),
    )


def _latest(texts: Texts, count: int) -> str:
    return texts.ngettext("The latest purchase is shown.", "The latest {n} purchases are shown.", count)


def _held(texts: Texts, count: int) -> str:
    return texts.ngettext(
        "{n} of them set aside for work in progress", "{n} of them set aside for work in progress", count
    )


def _debt(texts: Texts, count: int) -> str:
    return texts.ngettext(
        "{n} token is owed and comes off your next purchase",
        "{n} tokens are owed and come off your next purchase",
        count,
    )


def _purchase(purchase: Purchase, zone: tzinfo, texts: Texts) -> CardPurchase:
    language, taken_back = texts.language, purchase.reversed
    return CardPurchase(
        order=texts.gettext("Order {number}", number=isolate(purchase.shown_number, language)),
        at=local_time(purchase.placed_at, zone, language) if purchase.placed_at else None,
        lines=shortened((f"{line.name} × {line.quantity}" for line in purchase.lines), len(purchase.lines), language),
        tokens=texts.ngettext("{n} token", "{n} tokens", purchase.tokens),
        taken_back=texts.ngettext("{n} taken back", "{n} taken back", taken_back) if taken_back else "",
    )
