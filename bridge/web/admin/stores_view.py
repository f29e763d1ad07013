"""The view of the Stores page: per store its tokens, use, connection, exceptions and last sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.stores.stores import Store
from bridge.services.admin import store_stats
from bridge.services.admin.store_stats import Summary
from bridge.services.secrets import Vault
from bridge.services.shop import connection as shop_connection
from bridge.services.shop.connection import ConnectionState
from bridge.storage.engine.database import Connection
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.sync_view import StoreBadge, store_badge
from bridge.web.i18n.formatting import LocalTime, local_time, number


@dataclass(frozen=True, slots=True)
class StoreCard:
    """One store; `tone` is the class of its state. Times are on the store's own clock."""

    slug: str
    name: str
    url: str
    users: int
    balance: int
    used: int
    state: str
    tone: str
    exceptions: str
    sync: StoreBadge
    last_sync: LocalTime | None
    last_delivery: LocalTime | None
    as_of: LocalTime | None


def cards(
    connection: Connection, found: Sequence[Store], *, public_url: str, vault: Vault, now: datetime
) -> list[StoreCard]:
    """Return a card for each store."""
    return [
        _card(
            store,
            store_stats.summary(connection, store, now=now),
            shop_connection.describe(connection, store, public_url=public_url, vault_=vault),
            exceptions=count_exceptions(connection, store),
            sync=store_badge(connection, store),
        )
        for store in found
    ]


def _card(store: Store, summary: Summary, state: ConnectionState, *, exceptions: str, sync: StoreBadge) -> StoreCard:
    text, tone = _state(state)
    return StoreCard(
        slug=store.slug,
        name=store.name,
        url=store.url,
        users=summary.users,
        balance=summary.balance,
        used=summary.used,
        state=text,
        tone=tone,
        exceptions=exceptions,
        sync=sync,
        last_sync=_time(store, state.known.polled_at),
        last_delivery=_time(store, state.last_delivery_at),
        as_of=_time(store, summary.as_of),
    )


def _state(state: ConnectionState) -> tuple[str, str]:
    problems = len(state.issues) + len(state.notices) + bool(state.address_fault)
    if problems:
        return ("1 problem" if problems == 1 else f"{number(problems)} problems"), "bad"
    if state.known.looked_at is None:
        return "Not checked yet", "quiet"
    return "Connected", "good"


def _time(store: Store, moment: datetime | None) -> LocalTime | None:
    return None if moment is None else local_time(moment, store.calendar.zone)
