"""The movements of a balance in the words of a buyer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.domain.accounts.ledger import Entry, Kind
from bridge.domain.accounts.merging import is_merge
from bridge.domain.stores.stores import Policy
from bridge.services.orders import purchases
from bridge.storage.engine.database import Connection
from bridge.web.i18n.formatting import LocalTime, isolate, local_time, number
from bridge.web.i18n.messages import Texts, marked

HEADINGS = (marked("When"), marked("What"), marked("Tokens"), marked("Balance after"), marked("Owed after"))
"""The columns of the file."""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One movement: `tokens` with its sign, `kind` for its color. `note` is what it did to a debt, or empty."""

    at: LocalTime
    kind: str
    label: str
    tokens: str
    balance_after: str
    note: str


def rows(connection: Connection, found: Sequence[Entry], policy: Policy, texts: Texts) -> tuple[EntryRow, ...]:
    """Return movements of one store as rows. The reason that an admin noted is for admins and stays out."""
    numbers, language = shown_numbers(connection, found, policy.store.id), texts.language
    return tuple(
        EntryRow(
            at=local_time(entry.created_at, policy.calendar.zone, language),
            kind="in" if entry.tokens > 0 else "out",
            label=label_of(entry, policy, texts, numbers),
            tokens=f"+{number(entry.tokens, language)}" if entry.tokens > 0 else number(entry.tokens, language),
            balance_after=number(entry.balance_after, language),
            note=_note(entry, texts),
        )
        for entry in found
    )


def shown_numbers(connection: Connection, found: Sequence[Entry], store_id: int) -> Mapping[int, str]:
    """Return the numbers that the shop shows for the orders of these entries."""
    orders = {entry.order_number for entry in found if entry.order_number is not None}
    return purchases.shown_numbers(connection, store_id, orders) if orders else {}


def label_of(entry: Entry, policy: Policy, texts: Texts, numbers: Mapping[int, str]) -> str:
    """Return what moved the balance."""
    language, order = texts.language, entry.order_number
    shown = "" if order is None else isolate(numbers.get(order, str(order)), language)
    # The reason of a spend is the key of its module.
    module = isolate(policy.label_of(entry.reason, language), language) if entry.reason in policy.module_keys else ""
    match entry.kind:
        case Kind.GRANT:
            return texts.gettext("Purchase, order {number}", number=shown)
        case Kind.REVERSAL:
            return texts.gettext("Order {number} refunded", number=shown)
        case Kind.SPEND:
            return texts.gettext("Used: {module}", module=module) if module else texts.gettext("Used")
        case Kind.REFUND:
            return texts.gettext("Use refunded: {module}", module=module) if module else texts.gettext("Use refunded")
    if is_merge(entry.reference):
        return texts.gettext("Moved from another account of yours")
    return texts.gettext("Correction by the shop")


def _note(entry: Entry, texts: Texts) -> str:
    if entry.debt < 0:
        return texts.ngettext("{n} token paid what was owed", "{n} tokens paid what was owed", -entry.debt)
    if entry.debt > 0:
        return texts.ngettext("{n} token is owed", "{n} tokens are owed", entry.debt)
    return ""
