"""The badge that says whether an order, or a store, agrees with the shop, and the values that differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from bridge.domain.orders.comparing import Compared, Comparison, Difference, SyncState
from bridge.domain.stores.stores import Store
from bridge.services.orders import comparisons
from bridge.storage.engine.database import Connection
from bridge.web.admin import shop_links
from bridge.web.admin.curl import Calls, call
from bridge.web.admin.navigation import count_exceptions
from bridge.web.i18n.formatting import LocalTime, local_time, number, zone_name

PAGE = 50
_LABELS = {
    SyncState.IN_SYNC: ("In sync", "good", "The shop and Token Bridge agree."),
    SyncState.WARNING: (
        "Warning",
        "warn",
        "Values differ, or tokens wait for a decision. No token is wrong by itself.",
    ),
    SyncState.MISMATCH: ("Mismatch", "bad", "The tokens granted are not those that the shop’s order grants."),
}
_NAMES = {
    Compared.EXISTS: "Order",
    Compared.STATUS: "Status",
    Compared.CUSTOMER: "Customer",
    Compared.TOTAL: "Total",
    Compared.REFUNDED: "Refunded",
    Compared.QUANTITY: "Quantity",
    Compared.TOKENS: "Tokens",
}


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A value that differs: its name, and both values as they are shown."""

    name: str
    shop: str
    stored: str


@dataclass(frozen=True, slots=True)
class SyncBadge:
    """The result of the last comparison of an order in words; `compared` is None for an order never compared."""

    label: str
    tone: str
    sentence: str
    compared: LocalTime | None
    rows: tuple[DifferenceRow, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreBadge:
    """The state of all orders of a store in words; `is_link` means that there are orders to list."""

    label: str
    tone: str
    is_link: bool


@dataclass(frozen=True, slots=True)
class DifferingRow:
    """An order that differs from the shop."""

    number: int
    shown: str
    status: str
    url: str
    sync: SyncBadge


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """The orders that differ; `next` is the id the next page begins below, None at the end."""

    store: Store
    open_questions: str
    zone: str
    rows: tuple[DifferingRow, ...]
    is_first: bool
    next: int | None
    has_compared: bool
    calls: Calls


def badge(found: Comparison | None, zone: tzinfo) -> SyncBadge:
    """Return the badge of an order with this comparison; None for one that was never compared."""
    if found is None:
        sentence = "The order was not read from the shop yet. Check the order on the Exceptions page to compare it."
        return SyncBadge("Not compared", "quiet", sentence, None)
    compared = local_time(found.compared_at, zone)
    if found.state is None:
        sentence = "The order has changed since the last comparison. The next sync compares it again."
        return SyncBadge("Changed since", "quiet", sentence, compared)
    label, tone, sentence = _LABELS[found.state]
    return SyncBadge(label, tone, sentence, compared, tuple(_row(each) for each in found.differences))


def store_badge(connection: Connection, store: Store) -> StoreBadge:
    """Return the badge of a store: the worst state of its orders, and how many have it."""
    for state, found in comparisons.count(connection, store.id).items():
        if found:
            shown = f"{comparisons.COUNTED}+" if found > comparisons.COUNTED else str(found)
            plural = "" if found == 1 else "es" if state is SyncState.MISMATCH else "s"
            return StoreBadge(f"{shown} {_LABELS[state][0].lower()}{plural}", _LABELS[state][1], is_link=True)
    if comparisons.has_any(connection, store.id):
        return StoreBadge("In sync", "good", is_link=True)
    return StoreBadge("Not compared", "quiet", is_link=False)


def build(connection: Connection, store: Store, *, before: int | None) -> ComparisonPage:
    """Return a page of the orders of a store that differ from the shop."""
    found = comparisons.list_differing(connection, store.id, before=before, limit=PAGE + 1)
    zone = store.calendar.zone
    return ComparisonPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        zone=zone_name(zone),
        rows=tuple(
            DifferingRow(
                each.number,
                each.shown_number,
                each.status,
                shop_links.order_url(store, each.number),
                badge(each.comparison, zone),
            )
            for each in found[:PAGE]
        ),
        is_first=before is None,
        next=found[PAGE - 1].number if len(found) > PAGE else None,
        has_compared=comparisons.has_any(connection, store.id),
        calls=_calls(found[0].number if found else None, before=before),
    )


def _calls(number: int | None, *, before: int | None) -> Calls:
    query = {"limit": PAGE, "cursor": before}
    listed = call("Orders that differ from the shop", "GET", "/v1/orders/differing", query=query)
    if number is None:
        return (listed,)
    path = f"/v1/orders/{number}"
    return (listed, call("One order", "GET", path), call("Compare it again", "POST", f"{path}/check"))


def _row(found: Difference) -> DifferenceRow:
    name = _NAMES[found.value]
    if found.line:
        name = f"{name} of line {found.line}"
    return DifferenceRow(name, _shown(found, found.shop), _shown(found, found.stored))


def _shown(found: Difference, value: str) -> str:
    if found.value is Compared.TOKENS and value.isdigit():
        return number(int(value))
    if found.value is Compared.CUSTOMER:
        return "guest" if value in {"", "0"} else f"user {value}"
    return value or "–"
