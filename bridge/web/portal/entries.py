"""The movements of a balance in the words of a buyer."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.accounts.ledger import Entry, Kind
from bridge.domain.stores.stores import Policy
from bridge.web.i18n.formatting import LocalTime, isolate, local_time, number
from bridge.web.i18n.messages import Texts


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One movement: `tokens` with its sign, `kind` for its color. `note` is what it did to a debt, or empty."""

    at: LocalTime
    kind: str
    label: str
    tokens: str
    balance_after: str
    note: str


def row(entry: Entry, policy: Policy, texts: Texts) -> EntryRow:
    """Return a movement as a row. The reason that an admin noted is for admins and stays out."""
    language = texts.language
    return EntryRow(
        at=local_time(entry.created_at, policy.calendar.zone, language),
        kind="in" if entry.tokens > 0 else "out",
        label=label_of(entry, policy, texts),
        tokens=signed(entry.tokens, texts),
        balance_after=number(entry.balance_after, language),
        note=_note(entry, texts),
    )


def label_of(entry: Entry, policy: Policy, texts: Texts) -> str:
    """Return what moved the balance."""
    language = texts.language
    order = isolate("" if entry.order_number is None else str(entry.order_number), language)
    # The reason of a spend is the key of its module.
    module = isolate(policy.label_of(entry.reason), language) if entry.reason in policy.module_keys else ""
    match entry.kind:
        case Kind.GRANT:
            return texts.gettext("Purchase, order {number}", number=order)
        case Kind.REVERSAL:
            return texts.gettext("Order {number} refunded", number=order)
        case Kind.SPEND:
            return texts.gettext("Used: {module}", module=module) if module else texts.gettext("Used")
        case Kind.REFUND:
            return texts.gettext("Use refunded: {module}", module=module) if module else texts.gettext("Use refunded")
    return texts.gettext("Correction by the shop")


def signed(tokens: int, texts: Texts) -> str:
    """Return an amount with its sign."""
    shown = number(tokens, texts.language)
    return f"+{shown}" if tokens > 0 else shown


def _note(entry: Entry, texts: Texts) -> str:
    if entry.debt < 0:
        return texts.ngettext("{n} token paid what was owed", "{n} tokens paid what was owed", -entry.debt)
    if entry.debt > 0:
        return texts.ngettext("{n} token is owed", "{n} tokens are owed", entry.debt)
    return ""
