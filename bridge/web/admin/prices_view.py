"""The views of the Prices page: the price list, the form of one operation and its preview."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.metering.pricing import Operation
from bridge.domain.stores.stores import Store
from bridge.rendering.settings import operation_document
from bridge.services.admin.price_settings import Conflict, version_of
from bridge.services.admin.what_if import PriceReplay
from bridge.services.metering import limits, prices
from bridge.storage.engine.database import Connection
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.prices_form import PriceForm
from bridge.web.i18n.formatting import day, local_time, number


@dataclass(frozen=True, slots=True)
class PriceRow:
    """An operation of the price list."""

    key: str
    module: str
    price: str
    is_free: bool
    max_units: str
    parts: str
    version: str


@dataclass(frozen=True, slots=True)
class CostRow:
    """The use of an operation last month, what it cost, what it would have cost, and the difference."""

    operation: str
    units: int
    tokens: int
    new_tokens: int
    difference: int


@dataclass(frozen=True, slots=True)
class PricePreview:
    """The result of a preview; `is_cut` means that the store has more users than were read."""

    month: str
    users_read: str
    is_cut: bool
    rows: tuple[CostRow, ...]


@dataclass(frozen=True, slots=True)
class PricesPage:
    """The contents of the Prices page; `modules` are key and label."""

    store: Store
    open_questions: str
    rows: tuple[PriceRow, ...]
    modules: tuple[tuple[str, str], ...]
    form: PriceForm
    preview: PricePreview | None
    error: str
    calls: Calls


def build(
    connection: Connection,
    store: Store,
    form: PriceForm,
    *,
    preview: PricePreview | None = None,
    error: str = "",
) -> PricesPage:
    """Return the page with a form."""
    labels = {module.key: module.label for module in limits.list_modules(connection, store.id)}
    operations = prices.list_operations(connection, store.id)
    known = dict.fromkeys(labels) | {operation.module: None for operation in operations}
    if form.module:
        known[form.module] = None
    return PricesPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        rows=tuple(_row(operation, labels) for operation in operations),
        modules=tuple((key, labels.get(key, key)) for key in known),
        form=form,
        preview=preview,
        error=error,
        calls=_calls(operations, form.key),
    )


def build_preview(replay: PriceReplay) -> PricePreview:
    """Return the result of a replay for display."""
    month = f"{day(replay.month.first)} to {day(replay.month.last)}"
    rows = tuple(
        CostRow(cost.operation, cost.units, cost.tokens, cost.new_tokens, cost.new_tokens - cost.tokens)
        for cost in replay.costs
    )
    return PricePreview(month, number(replay.accounts), replay.is_cut, rows)


def conflict_sentence(store: Store, conflict: Conflict) -> str:
    """Return who changed the operation meanwhile, and what it is now."""
    change, current = conflict.change, conflict.current
    who = change.actor if change else "Another admin or the API"
    when = f" on {local_time(change.created_at, store.calendar.zone).text}" if change else ""
    if current is None:
        return f"{who} deleted this operation{when}. Save again to add it, or reload the page."
    made = f", made of {', '.join(current.parts)}" if current.parts else ""
    most = "" if current.max_units is None else f", at most {number(current.max_units)} units"
    return (
        f"{who} changed this operation{when}. It is now: {current.module}, "
        f"{number(current.tokens_per_unit)} tokens per unit{made}{most}. Save again to replace that."
    )[:600]


def _row(operation: Operation, labels: dict[str, str]) -> PriceRow:
    return PriceRow(
        key=operation.key,
        module=labels.get(operation.module, operation.module),
        price=number(operation.tokens_per_unit),
        is_free=operation.tokens_per_unit == 0,
        max_units="" if operation.max_units is None else number(operation.max_units),
        parts=", ".join(operation.parts),
        version=version_of(operation),
    )


def _calls(operations: list[Operation], key: str) -> Calls:
    example = Operation("chat.message", "chat", 1)
    shown = next((each for each in operations if each.key == key), operations[0] if operations else example)
    document = operation_document(shown)
    document.pop("key")
    document.pop("tokens_per_unit" if shown.parts else "parts")
    path = f"/v1/operations/{shown.key}"
    return (
        call("Save a price", "PUT", path, document),
        call("Preview a price on last month’s use", "POST", f"{path}/preview", document),
        call("Remove a price", "DELETE", path),
    )
