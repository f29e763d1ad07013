"""The view of a store's Connection page: the steps of connecting, the problems, and the sync."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.shop.authorization import callback_fault
from bridge.domain.stores.stores import Store
from bridge.services.secrets import Vault
from bridge.services.shop import connection as connections
from bridge.services.shop import subscriptions
from bridge.services.stores import access_keys as keys
from bridge.storage.engine.database import Connection
from bridge.web.admin.navigation import count_exceptions
from bridge.web.connection_steps import FaultRow, State, Step, build_steps, fault_rows, store_time
from bridge.web.i18n.formatting import LocalTime, zone_name

_UNAPPLIED = 10
"""How many of the orders that could not be applied are listed."""


@dataclass(frozen=True, slots=True)
class SyncView:
    """The progress of the sync: every change up to `cursor` is applied; `unapplied` lists what stops it."""

    polled: LocalTime | None
    cursor: LocalTime | None
    last_full_scan: LocalTime | None
    unapplied: tuple[str, ...]
    unapplied_more: int


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """The contents of the Connection page."""

    store: Store
    open_questions: str
    zone: str
    steps: tuple[Step, ...]
    done: int
    faults: tuple[FaultRow, ...]
    faults_since: LocalTime | None
    looked: LocalTime | None
    reading: SyncView
    webhook_url: str
    ask_fault: str
    has_keys: bool
    other_site: str
    delivery_fault: str
    is_local_trial: bool
    error: str = ""


def build(connection: Connection, store: Store, *, public_url: str, vault_: Vault, error: str = "") -> ConnectionPage:
    """Return the page from stored data; the shop is not called."""
    state, zone = connections.describe(connection, store, public_url=public_url, vault_=vault_), store.calendar.zone
    known, access_keys = state.known, keys.list_keys(connection, store)
    faults = fault_rows(state)
    ask_fault = callback_fault(public_url, shop_url=store.url)
    used = [key.last_used_at for key in access_keys]
    steps = build_steps(store, state, faults, keys_used=used, is_by_hand=bool(ask_fault))
    return ConnectionPage(
        store=store,
        open_questions=count_exceptions(connection, store),
        zone=zone_name(zone),
        steps=steps,
        done=sum(step.state is State.DONE for step in steps),
        faults=faults,
        faults_since=store_time(store, known.faults_at) if faults else None,
        looked=store_time(store, known.looked_at),
        reading=SyncView(
            polled=store_time(store, known.polled_at),
            cursor=store_time(store, known.cursor_at),
            last_full_scan=store_time(store, known.swept_at),
            unapplied=known.unapplied[:_UNAPPLIED],
            unapplied_more=max(0, len(known.unapplied) - _UNAPPLIED),
        ),
        webhook_url=f"{public_url}{subscriptions.PATH}{store.slug}",
        ask_fault=ask_fault,
        has_keys=bool(state.key_ending),
        other_site=state.other_site,
        delivery_fault=state.address_fault,
        is_local_trial=state.is_local_trial,
        error=error,
    )
