"""The view of a store's settings page: each setting with its options in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.domain.metering.limits import WEEKDAYS
from bridge.domain.stores.stores import Store
from bridge.domain.stores.zones import list_zones
from bridge.storage.engine.database import Connection
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.api.settings import StoreIn
from bridge.web.i18n.formatting import number

SOURCES = {"plan": "Plan", "balance": "Balance", "allowance": "Free limit"}
"""The sources of tokens, and their names on the page."""

PLACES = ("First", "then", "last")


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a setting; `help` says in a sentence what it does."""

    value: str
    label: str
    help: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting with a few values to choose from."""

    name: str
    label: str
    options: tuple[Option, ...]


CHOICES = tuple(
    choice
    for choice in (
        Choice(
            "reversal_policy",
            "Refunded tokens that are already spent",
            (
                Option("debt", "Record a debt", "The user owes the spent tokens; their next package pays them first."),
                Option("forgive", "Forgive them", "The balance stops at 0; the store bears the loss."),
            ),
        ),
        Choice(
            "guest_policy",
            "Orders of guests",
            (
                Option(
                    "automatic",
                    "Assign by email",
                    "A guest’s tokens go to the user with the same email, now or when that user signs up.",
                ),
                Option("admin", "Assign by hand", "The order waits on the Exceptions page until an admin assigns it."),
            ),
        ),
        Choice(
            "past_orders_paid_later",
            "Orders placed before the connection and paid later",
            (
                Option("review", "Ask each time", "The order waits on the Exceptions page for a decision."),
                Option("grant", "Grant", "The order grants its tokens like a new one."),
            ),
        ),
        Choice(
            "accept_unknown_modules",
            "Use of a module that the store does not have",
            (
                Option("false", "Refuse", "A misspelled module key fails with an error and costs nothing."),
                Option("true", "Create the module", "The first use creates the module, up to 200 modules."),
            ),
        ),
        Choice(
            "deliveries",
            "What reports changes of the shop",
            (
                Option("webhooks", "Webhooks", "WooCommerce’s webhooks are installed, checked and repaired."),
                Option(
                    "plugin",
                    "Only the WordPress plugin",
                    "Webhooks are not expected. Choose this in the plugin’s settings, which removes them.",
                ),
            ),
        ),
        Choice(
            "require_reason",
            "Reason for a change of a balance",
            (
                Option("false", "Optional", "An admin may change a balance without a reason."),
                Option("true", "Required", "An admin must give a reason; it is shown in the ledger."),
            ),
        ),
    )
    if choice.name in StoreIn.model_fields
)


@dataclass(frozen=True, slots=True)
class StoreForm:
    """The typed values by field, the errors by setting, and the settings the admin saw as JSON."""

    values: Mapping[str, str]
    seen: str
    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoreSettingsPage:
    """The contents of the page of a store's settings."""

    store: Store
    open_questions: str
    form: StoreForm
    choices: tuple[Choice, ...]
    sources: Mapping[str, str]
    places: Sequence[str]
    weekdays: Sequence[tuple[str, str]]
    zones: Sequence[str]
    calls: Calls
    error: str


def build(connection: Connection, store: Store, form: StoreForm, *, error: str = "") -> StoreSettingsPage:
    """Return the page with this form."""
    example = {"low_balance": store.low_balance, "spend_order": [source.value for source in store.spend_order]}
    return StoreSettingsPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        form=form,
        choices=CHOICES,
        sources=SOURCES,
        places=PLACES,
        weekdays=tuple((day, day.capitalize()) for day in WEEKDAYS),
        zones=list_zones(),
        calls=(call("Change settings", "PUT", "/v1/store", example),),
        error=error,
    )


def begin(document: Mapping[str, Any]) -> StoreForm:
    """Return the form of these settings, named as the API names them."""
    values: dict[str, str] = {}
    for name in StoreIn.model_fields:
        value = document[name]
        if name == "low_balance_thresholds":
            values[name] = "\n".join(_level(each) for each in value)
        elif name == "spend_order":
            values |= {f"spend_order_{place}": source for place, source in enumerate(value)}
        else:
            values[name] = _typed(value)
    return StoreForm(values, write_seen(document), {})


def write_seen(document: Mapping[str, Any]) -> str:
    """Return the settings of the form as JSON text."""
    return json.dumps({name: document[name] for name in StoreIn.model_fields})


def describe(name: str, value: Any) -> str:
    """Return the value of a setting in words."""
    for choice in CHOICES:
        if choice.name == name:
            return next((option.label for option in choice.options if option.value == _typed(value)), _typed(value))
    if name == "spend_order":
        return ", ".join(SOURCES.get(source, source) for source in value)
    if name == "low_balance_thresholds":
        return "; ".join(_level(each) for each in value or ()) or "none"
    if name == "low_balance" and value is not None:
        return number(value)
    if name == "week_start":
        return str(value).capitalize()
    if name == "seller_address":
        return ", ".join(str(value or "").splitlines()) or "–"
    return _typed(value) or "–"


LABELS = {
    "name": "Name",
    "time_zone": "Time zone",
    "week_start": "First day of the week",
    "spend_order": "Order of paying",
    "grant_statuses": "Order statuses that grant",
    "purchase_url": "Page that sells tokens",
    "low_balance": "Low balance",
    "low_balance_thresholds": "Further alerts",
    "seller_name": "Seller on receipts",
    "seller_address": "Address on receipts",
    "seller_vat_id": "VAT ID on receipts",
} | {choice.name: choice.label for choice in CHOICES}
"""The name of each setting, as the page shows it."""


def _level(value: int | str) -> str:
    return number(value) if isinstance(value, int) else value


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)
