"""The views of the pages on which a shop is connected, before there is a store."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from zoneinfo import available_timezones

from bridge.domain.metering.limits import WEEKDAYS
from bridge.domain.shop.authorization import LIFE, authorize_url, callback_fault
from bridge.domain.stores.stores import Store
from bridge.services.stores.settings import NewStore

_REGIONS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@dataclass(frozen=True, slots=True)
class ConnectPage:
    """The form for a new shop with whatever was typed; `error` is about the field of that name.

    `ask_fault` says why a shop would not send its keys by itself, empty where
    it would.
    """

    form: NewStore
    zones: tuple[str, ...]
    weekdays: tuple[str, ...]
    ask_fault: str
    is_first: bool
    error: str = ""
    error_field: str = ""


@dataclass(frozen=True, slots=True)
class GoPage:
    """The step to the shop: its page on which the owner approves, and for how many minutes that is worth something.

    `store` is the one that gets new keys; None for a shop that is new.
    `zone_source` says which time zone the store gets, and why.
    """

    name: str
    shop_url: str
    authorize_url: str
    minutes: int
    store: Store | None
    zone_source: str = ""


def build(form: NewStore, *, public_url: str, is_first: bool, error: str = "", error_field: str = "") -> ConnectPage:
    """The form to connect a shop."""
    return ConnectPage(
        form=form,
        zones=_zones(),
        weekdays=WEEKDAYS,
        ask_fault=callback_fault(public_url),
        is_first=is_first,
        error=error,
        error_field=error_field,
    )


def build_go_page(
    *,
    name: str,
    shop_url: str,
    state: str,
    return_url: str,
    callback_url: str,
    store: Store | None = None,
    zone_source: str = "",
) -> GoPage:
    """The step to the shop with a fresh state."""
    there = authorize_url(shop_url, state=state, return_url=return_url, callback_url=callback_url)
    return GoPage(name, shop_url, there, int(LIFE.total_seconds()) // 60, store, zone_source)


@functools.cache
def _zones() -> tuple[str, ...]:
    """The time zones worth suggesting: those of places, and UTC."""
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(_REGIONS)))
