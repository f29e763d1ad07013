"""The contents of the widget as texts in the user's language."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from decimal import Decimal

from bridge.domain.accounts.accounts import Balance
from bridge.domain.events.events import Alert
from bridge.domain.stores.stores import Store
from bridge.services.metering.overview import AccountOverview
from bridge.services.orders.purchases import Purchase
from bridge.services.portal.widget import OFFERS, Awaited, Offer, WidgetState
from bridge.web import allowances
from bridge.web.allowances import AllowanceRow
from bridge.web.i18n.formatting import (
    Language,
    LocalTime,
    isolate,
    local_time,
    money,
    number,
    shortened,
    zone_name,
)
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.return_links import with_return
from bridge.web.spend_order import spend_order
from bridge.web.widget.options import Options, View, known_modules
from bridge.web.widget.recent_use import RecentUse, recent_use

BARS = 5
"""How many modules with a limit have a bar; further ones have one line each."""
MAX_NAME = 40
"""The longest name of a module or product that is shown; a longer one is cut."""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts without values, as the fragment prints them in one language."""

    title: str
    guest: str
    sign_in: str
    balance: str
    buy: str
    all_packages: str
    free_use: str
    no_modules: str
    purchases: str
    no_purchases: str
    all_purchases: str


@dataclass(frozen=True, slots=True)
class CardPurchase:
    """One purchase: its packages, its price, and the tokens it granted."""

    order: str
    at: LocalTime | None
    lines: tuple[str, ...]
    price: str
    tokens: str
    removed: str


@dataclass(frozen=True, slots=True)
class CardOffer:
    """One package for sale, and the link that puts it into the shop's cart."""

    label: str
    price: str
    url: str


@dataclass(frozen=True, slots=True)
class UsageCard:
    """The contents of the widget; an empty text is not shown.

    `state` is `low` or `exhausted`, with `state_text`, or both are empty. `rows` are
    modules with a bar, `lines` those with one line, `groups` sentences about modules
    without free use.
    """

    view: View
    words: Words
    heading: str
    intro: str
    is_guest: bool
    balance: str
    state: str
    state_text: str
    held: str
    debt: str
    order: str
    waiting: tuple[str, ...]
    buy_url: str
    signin_url: str
    offers: tuple[CardOffer, ...]
    zone: str
    plan: AllowanceRow | None
    rows: tuple[AllowanceRow, ...]
    lines: tuple[AllowanceRow, ...]
    groups: tuple[str, ...]
    use: RecentUse | None
    shows_purchases: bool
    purchases: tuple[CardPurchase, ...]
    latest_purchases: str
    account_url: str


def usage_card(state: WidgetState, options: Options, language: Language, *, titled: bool, now: datetime) -> UsageCard:
    """Return the widget of one user or guest at a moment.

    Without an account, it shows a balance of 0 and the free allowances that apply to
    everyone. `options` have no None; see `Options.over`. `titled` shows a title also
    where none is given. `now` is used for texts only.
    """
    texts, known, account = texts_of(language), state.overview(), state.account
    policy, is_full = known.policy, options.view is View.FULL
    rows, lines, groups = _modules(known, options, texts, now=now)
    words = _words(language)
    bought = state.purchases()
    shows_purchases = is_full and bool(options.shows_purchases) and not account.is_guest
    offers = _offers(state, options, texts) if options.shows_buy and not options.buy_url else ()
    low, low_text = balance_state(known, texts)
    return UsageCard(
        view=options.view or View.FULL,
        words=_with_labels(words, options),
        heading=options.title or (words.title if titled else ""),
        intro=options.intro or "",
        is_guest=account.is_guest,
        balance=number(known.balance.balance, language),
        state=low,
        state_text=low_text,
        held=_held(texts, known.balance.held) if known.balance.held else "",
        debt=_debt(texts, known.balance.debt) if known.balance.debt else "",
        order=spend_order(texts, known),
        waiting=_waiting(state, texts),
        buy_url=_buy_url(policy.store, options) if options.shows_buy else "",
        signin_url=options.signin_url,
        offers=offers,
        zone=zone_name(policy.calendar.zone),
        plan=allowances.plan_row(policy, known.plan, language, now=now),
        rows=rows,
        lines=lines,
        groups=groups,
        use=recent_use(state.uses(), state.today, policy, options.labels, texts),
        shows_purchases=shows_purchases,
        purchases=tuple(_purchase(each, policy.calendar.zone, texts) for each in bought.purchases)
        if shows_purchases
        else (),
        latest_purchases="" if bought.next_before is None else _latest(texts, len(bought.purchases)),
        account_url=options.account_url,
    )


def balance_state(known: AccountOverview, texts: Texts) -> tuple[str, str]:
    """Return whether a balance is `low` or `exhausted`, with a text; empty texts for a balance with enough tokens.

    A user who never had a balance has not used it up.
    """
    account, balance = known.account, known.balance
    if account.is_guest or (account.alert is Alert.NEW and not balance.balance):
        return "", ""
    if not balance.available:
        return "exhausted", texts.gettext("No tokens are left")
    is_low = _is_low(known, balance)
    return ("low", texts.gettext("Only a few tokens are left")) if is_low else ("", "")


def _is_low(known: AccountOverview, balance: Balance) -> bool:
    return balance.available < known.policy.store.low_line(known.account.last_grant)


def _modules(
    known: AccountOverview, options: Options, texts: Texts, *, now: datetime
) -> tuple[tuple[AllowanceRow, ...], tuple[AllowanceRow, ...], tuple[str, ...]]:
    """Return the modules with a bar, those with one line, and sentences about those without free use."""
    policy, is_guest = known.policy, known.account.is_guest
    every = allowances.rows(
        policy,
        known.allowances,
        known_modules(options.modules or (), policy.module_keys),
        texts.language,
        # A guest has no balance that could pay instead.
        without="disabled" if is_guest else "none",
        labels=options.labels,
        now=now,
    )
    free = [row for row in every if row.state not in {"none", "disabled"}]
    paid, closed = (_names(every, state, texts) for state in ("none", "disabled"))
    groups = (
        texts.gettext("Paid from your balance: {modules}", modules=paid) if paid else "",
        texts.gettext("No free use: {modules}", modules=closed) if closed else "",
    )
    return tuple(free[:BARS]), tuple(free[BARS:]), tuple(filter(None, groups))


def _names(rows: Sequence[AllowanceRow], state: str, texts: Texts) -> str:
    return ", ".join(_cut(row.label) for row in rows if row.state == state)


def _waiting(state: WidgetState, texts: Texts) -> tuple[str, ...]:
    """Return a sentence for each order that will grant tokens, and one for those whose buyer is not clear."""
    found = [_awaited(each, texts) for each in state.awaited()]
    parked = state.parked()
    if parked:
        found.append(
            texts.ngettext(
                "{n} paid order waits for the shop to confirm whose it is.",
                "{n} paid orders wait for the shop to confirm whose they are.",
                parked,
            )
        )
    return tuple(found)


def _awaited(order: Awaited, texts: Texts) -> str:
    shown = isolate(_cut(order.shown_number), texts.language)
    tokens = texts.ngettext("{n} token", "{n} tokens", order.tokens)
    if order.status == "on-hold":
        return texts.gettext("Order {number} is on hold until payment clears: {tokens}", number=shown, tokens=tokens)
    return texts.gettext("Order {number} is being processed: {tokens}", number=shown, tokens=tokens)


def _buy_url(store: Store, options: Options) -> str:
    link = options.buy_url or store.purchase_url
    return with_return(link, options.return_url, shop_url=store.url)


def _offers(state: WidgetState, options: Options, texts: Texts) -> tuple[CardOffer, ...]:
    """Return the packages to choose from; none where there are not several."""
    found = state.offers()
    if len(found) < 2:
        return ()
    shop = state.policy.store.url.rstrip("/")
    offers = (_offer(each, shop, texts) for each in found[:OFFERS])
    return tuple(replace(each, url=with_return(each.url, options.return_url, shop_url=shop)) for each in offers)


def _offer(offer: Offer, shop: str, texts: Texts) -> CardOffer:
    language = texts.language
    label = texts.ngettext("{n} token", "{n} tokens", offer.tokens)
    if offer.months:
        tokens = texts.ngettext(
            "{tokens} a month, for {n} month",
            "{tokens} a month, for {n} months",
            offer.months,
            tokens=number(offer.tokens, language),
        )
        label = f"{isolate(_cut(offer.name), language)} · {tokens}" if offer.name else tokens
    price = "" if offer.price is None else money(offer.price, offer.currency, language)
    return CardOffer(label, price, f"{shop}/?add-to-cart={offer.product_id}")


@functools.cache
def _words(language: Language) -> Words:
    texts = texts_of(language)
    return Words(
        title=texts.gettext("Your tokens"),
        guest=texts.gettext("You are not signed in: what is free for visitors is shown here."),
        sign_in=texts.gettext("Sign in"),
        balance=texts.gettext("Balance"),
        buy=texts.gettext("Buy tokens"),
        all_packages=texts.gettext("All packages"),
        free_use=texts.gettext("Free use"),
        no_modules=texts.gettext("There is nothing to show here."),
        purchases=texts.gettext("Purchases"),
        no_purchases=texts.gettext("No purchases yet."),
        all_purchases=texts.gettext("All purchases"),
    )


def _with_labels(words: Words, options: Options) -> Words:
    values = {name: getattr(words, name) for name in Words.__slots__}
    return Words(**values | {"title": options.title or words.title, "buy": options.buy_label or words.buy})


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
    language, removed = texts.language, purchase.reversed
    return CardPurchase(
        order=texts.gettext("Order {number}", number=isolate(_cut(purchase.shown_number), language)),
        at=local_time(purchase.placed_at, zone, language) if purchase.placed_at else None,
        lines=_line_names(purchase, language),
        price=money(purchase.total, purchase.currency, language) if purchase.total else "",
        tokens=texts.ngettext("{n} token", "{n} tokens", purchase.tokens),
        removed=texts.ngettext("{n} removed", "{n} removed", removed) if removed else "",
    )


def _line_names(purchase: Purchase, language: Language) -> tuple[str, ...]:
    names = (f"{_cut(line.name)} × {_quantity(line.quantity, language)}" for line in purchase.lines)
    return shortened(names, len(purchase.lines), language)


def _quantity(quantity: int | Decimal, language: Language) -> str:
    return number(quantity, language) if isinstance(quantity, int) else str(quantity)


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"
