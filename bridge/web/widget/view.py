"""The usage widget, an HTML fragment for a page of another site: the route and what the fragment shows."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import StrEnum

from flask import Blueprint, Response, render_template, request

from bridge.domain.accounts.accounts import Profile, Visitor, Who
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.stores.shortcode import Shortcode
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.metering.overview import get_or_make_account, get_overview
from bridge.services.orders import purchases
from bridge.services.orders.purchases import Purchase, PurchasePage
from bridge.storage.engine.database import Connection
from bridge.web import allowances
from bridge.web.allowances import AllowanceRow
from bridge.web.api.auth import caller, store_key
from bridge.web.api.operations import Parameter, operation
from bridge.web.api.parsing import path_module, path_number
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import (
    Language,
    LocalTime,
    isolate,
    local_time,
    number,
    shortened,
    zone_name,
)
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.widget import look as look_parameters
from bridge.web.widget.look import Look, read_look
from bridge.web.widget.shell import fragment

bp = Blueprint("widget", __name__, url_prefix="/v1/widget")

_MAX_GUEST = 255
_MAX_MODULES = 50
PURCHASES = 10
"""How many purchases the widget lists."""


class View(StrEnum):
    """How much of the widget to show."""

    FULL = "full"
    SUMMARY = "summary"


@bp.get("")
@store_key
@operation(
    "Get the usage widget",
    tag="Widget",
    answer=None,
    query=(
        Parameter("user_id", "ID of the user in the shop.", {"type": "string"}, "42"),
        Parameter("guest_id", "ID of a guest, in place of a user.", {"type": "string"}, ""),
        Parameter("modules", "Keys of modules, separated by commas.", {"type": "string"}, "chat"),
        Parameter("view", "What to show.", {"type": "string", "enum": [view.value for view in View]}, "full"),
        *look_parameters.PARAMETERS,
    ),
    media=("text/html",),
)
def show() -> Response:
    """Return the balance, limits and purchases of a user as an HTML fragment."""
    view, modules, store_id = read_view(), read_modules(), caller().store_id
    look = read_look(request.args)
    with reading() as connection:
        card = usage_card(
            connection,
            store_id,
            _who(connection, store_id),
            modules=modules,
            view=view,
            language=look.language,
            now=utcnow(),
        )
    response = Response(render(card, look), content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Language"] = look.language.value
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response


def render(card: UsageCard, look: Look) -> str:
    """Return the fragment of a widget."""
    content = render_template("_widget.html", card=card, words=card.words)
    return fragment(look, kind=card.view.value, label=card.words.title, content=content, sheets=("usage",))


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
    removed: str


@dataclass(frozen=True, slots=True)
class UsageCard:
    """The contents of the widget; an empty text is not shown."""

    view: View
    language: Language
    words: Words
    is_guest: bool
    balance: str
    held: str
    debt: str
    purchase_url: str
    shows_purchases: bool
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
    modules: Sequence[str] | None,
    view: View | None,
    language: Language,
    now: datetime,
) -> UsageCard:
    """Return the widget of one user or guest.

    Without an account, it shows a balance of 0 and the free allowances that apply
    to everyone. `modules` are the ones to show, in order; empty for all of the
    store. The store's own shortcode decides where they or `view` are None.
    """
    account = get_or_make_account(connection, store_id, who)
    known = get_overview(connection, account, now=now)
    texts, policy, balance = texts_of(language), known.policy, known.balance
    default = policy.store.shortcode
    view = View(default.view) if view is None else view
    modules = default.modules if modules is None else modules
    bought = PurchasePage([], None)
    if view is View.FULL and default.shows_purchases and not account.is_guest:
        bought = purchases.list_purchases(connection, account, before=None, limit=PURCHASES)
    return UsageCard(
        view=view,
        language=language,
        words=_words_of(default, language),
        is_guest=account.is_guest,
        balance=number(balance.balance, language),
        held=_held(texts, balance.held) if balance.held else "",
        debt=_debt(texts, balance.debt) if balance.debt else "",
        purchase_url=policy.store.purchase_url if default.shows_buy else "",
        shows_purchases=view is View.FULL and default.shows_purchases and not account.is_guest,
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


def _who(connection: Connection, store_id: int) -> Who:
    user, guest = request.args.get("user_id"), request.args.get("guest_id")
    if (user is None) == (guest is None):
        raise InvalidRequest(fields=[FieldError("user_id", "send exactly one of user_id and guest_id")])
    if user is not None:
        return Profile(path_number(user, "user_id"))
    if not guest or len(guest) > _MAX_GUEST:
        raise InvalidRequest(fields=[FieldError("guest_id", f"send 1 to {_MAX_GUEST} characters")])
    return Visitor(secrets.hash_guest(guest, salt=profiles.guest_salt(connection, store_id)))


def read_view() -> View | None:
    """Return the requested view; None without the parameter. Raises `InvalidRequest`."""
    text = request.args.get("view")
    if text is None:
        return None
    if text not in set(View):
        raise InvalidRequest(fields=[FieldError("view", f"use one of {', '.join(View)}")])
    return View(text)


def read_modules() -> list[str] | None:
    """Return the requested modules, each once, in the given order; None without the parameter."""
    if "modules" not in request.args:
        return None
    keys = [key.strip() for key in request.args.get("modules", "").split(",") if key.strip()]
    if len(keys) > _MAX_MODULES:
        raise InvalidRequest(fields=[FieldError("modules", f"send at most {_MAX_MODULES} modules")])
    try:
        return [path_module(key) for key in dict.fromkeys(keys)]
    except InvalidRequest as error:
        raise InvalidRequest(fields=[FieldError("modules", fault.message) for fault in error.fields]) from error


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


def _words_of(shortcode: Shortcode, language: Language) -> Words:
    words = _words(language)
    return replace(words, title=shortcode.title or words.title, buy=shortcode.buy_label or words.buy)


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
        order=texts.gettext("Order {number}", number=isolate(purchase.shown_number, language)),
        at=local_time(purchase.placed_at, zone, language) if purchase.placed_at else None,
        lines=shortened((f"{line.name} × {line.quantity}" for line in purchase.lines), len(purchase.lines), language),
        tokens=texts.ngettext("{n} token", "{n} tokens", purchase.tokens),
        removed=texts.ngettext("{n} removed", "{n} removed", removed) if removed else "",
    )
