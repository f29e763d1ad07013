"""The views of the pages that connect a shop, before there is a store."""

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
    """The form for a new shop with the typed values; `error` is about the field `error_field`.

    `ask_fault` is why the shop would not send its keys automatically; empty if it
    would.
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
    """The page before the shop's approval page, and the minutes in which the approval must happen.

    `store` is the store that gets new keys; None for a new shop. `zone_source`
    says which time zone the store gets, and why.
    """

    name: str
    shop_url: str
    authorize_url: str
    minutes: int
    store: Store | None
    zone_source: str = ""


def build(form: NewStore, *, public_url: str, is_first: bool, error: str = "", error_field: str = "") -> ConnectPage:
    """Return the form to connect a shop."""
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
    """Return the page before the shop's approval page, with a new state."""
    there = authorize_url(shop_url, state=state, return_url=return_url, callback_url=callback_url)
    return GoPage(name, shop_url, there, int(LIFE.total_seconds()) // 60, store, zone_source)


@functools.cache
def _zones() -> tuple[str, ...]:
    """Return the time zones to suggest: those of places, and UTC."""
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(_REGIONS)))
