"""The confirmation step: what a run costs, what pays for it, and the button that agrees to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import render_template

from bridge.domain.stores.stores import Policy, label_of
from bridge.services.metering.charge import Priced
from bridge.services.metering.quotes import Quote
from bridge.web.i18n.formatting import isolate, number
from bridge.web.i18n.messages import Texts, texts_of
from bridge.web.widget.look import Look
from bridge.web.widget.shell import fragment, heading

ITEMS = 50
"""How many different items are listed; the others are one line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the step: what it is, and its tokens."""

    label: str
    tokens: str


@dataclass(frozen=True, slots=True)
class ConfirmCard:
    """The contents of the confirmation step; an empty text is not shown.

    `note` says why the user is asked, `after` what is left, `shortfall` what is missing.
    The button sends `fields` to `action`, by default to the page that shows it.
    """

    title: str
    cost: str
    items: tuple[Line, ...]
    total: Line
    pays: str
    sources: tuple[Line, ...]
    after: Line | None
    held: str
    note: str
    shortfall: str
    buy: str
    purchase_url: str
    button: str
    is_payable: bool
    action: str
    fields: tuple[tuple[str, str], ...]


def confirm_card(
    quoted: Quote, look: Look, *, is_guest: bool, action: str = "", fields: Mapping[str, str] | None = None
) -> ConfirmCard:
    """Return the confirmation step of a quote; a guest has no balance to show."""
    texts = texts_of(look.language)
    cost, is_payable = sum(item.tokens for item in quoted.items), not quoted.shortfall
    return ConfirmCard(
        title=texts.gettext("Please confirm"),
        cost=texts.gettext("Cost"),
        items=_items(quoted.items, quoted.policy, texts),
        total=Line(texts.gettext("Total"), _tokens(cost, texts)),
        pays=texts.gettext("Paid with"),
        sources=_sources(quoted, texts) if is_payable else (),
        after=_after(quoted, texts) if is_payable and not is_guest else None,
        held=_held(quoted, texts) if is_payable and quoted.balance.held else "",
        note=_note(quoted, texts),
        shortfall="" if is_payable else _shortfall(quoted, texts),
        buy=texts.gettext("Buy tokens"),
        purchase_url="" if is_payable else quoted.purchase_url or "",
        button=texts.ngettext("Use {n} token", "Use {n} tokens", cost) if cost else texts.gettext("Continue"),
        is_payable=is_payable,
        action=action,
        fields=tuple((fields or {}).items()),
    )


def render(card: ConfirmCard, look: Look) -> str:
    """Return the confirmation step as a fragment."""
    content = heading(look, card.title) + render_template("_confirm.html", card=card)
    return fragment(look, kind="confirm", label=card.title, content=content, sheets=("confirm",))


def _items(priced: Sequence[Priced], policy: Policy, texts: Texts) -> tuple[Line, ...]:
    """Return a line for each kind of item; equal ones are added up."""
    units, tokens = Counter[tuple[str, str | None]](), Counter[tuple[str, str | None]]()
    for item in priced:
        key = (item.module, item.operation)
        units[key] += item.units if item.operation else 1
        tokens[key] += item.tokens
    lines = [Line(_label(key, units[key], policy, texts), _tokens(tokens[key], texts)) for key in list(tokens)[:ITEMS]]
    rest = list(tokens)[ITEMS:]
    if rest:
        more = texts.ngettext("{n} more item", "{n} more items", len(rest))
        lines.append(Line(more, _tokens(sum(tokens[key] for key in rest), texts)))
    return tuple(lines)


def _label(key: tuple[str, str | None], units: int, policy: Policy, texts: Texts) -> str:
    module, operation = key
    name = policy.label_of(module, texts.language) if operation is None else label_of(operation.replace(".", " "))
    shown = isolate(name, texts.language)
    return shown if units == 1 else f"{shown} × {number(units, texts.language)}"


def _sources(quoted: Quote, texts: Texts) -> tuple[Line, ...]:
    paid = quoted.paid
    named = {
        "plan": (texts.gettext("Your plan"), paid.plan),
        "balance": (texts.gettext("Your balance"), paid.balance),
        "allowance": (texts.gettext("Free of charge"), paid.allowance),
    }
    order = [source.value for source in quoted.policy.spend_order]
    return tuple(Line(named[name][0], _tokens(named[name][1], texts)) for name in order if named[name][1])


def _after(quoted: Quote, texts: Texts) -> Line:
    return Line(texts.gettext("Balance afterwards"), _tokens(quoted.balance.balance - quoted.paid.balance, texts))


def _held(quoted: Quote, texts: Texts) -> str:
    return texts.ngettext(
        "{n} of them set aside for work in progress",
        "{n} of them set aside for work in progress",
        quoted.balance.held,
    )


def _note(quoted: Quote, texts: Texts) -> str:
    return texts.gettext("You want to be asked before your balance is used.") if quoted.confirmation_required else ""


def _shortfall(quoted: Quote, texts: Texts) -> str:
    if quoted.purchase_url is None:
        return texts.gettext("This site may not use so many tokens this month.")
    return texts.ngettext("{n} token is missing.", "{n} tokens are missing.", quoted.shortfall)


def _tokens(count: int, texts: Texts) -> str:
    return texts.ngettext("{n} token", "{n} tokens", count)
