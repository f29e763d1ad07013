"""The settings of a store whose values are checked or converted before they are stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.funding import Source
from bridge.domain.metering.limits import WEEKDAYS
from bridge.domain.stores.thresholds import in_order, read_threshold
from bridge.domain.stores.zones import canonical_zone

_STATUS = re.compile(r"[a-z0-9_-]{1,64}")


def read_time_zone(name: str) -> str:
    """Return a time zone by its canonical name; raises `InvalidRequest` for an unknown one."""
    found = canonical_zone(name)
    if found is None:
        message = f"{name!r} is neither a time zone such as Europe/Paris nor an offset such as +05:30"
        raise InvalidRequest(fields=[FieldError("time_zone", message)])
    return found


def read_week_start(day: str) -> int:
    """Return the number of a weekday, 0 for Monday; raises `InvalidRequest` for an unknown one."""
    if day.casefold() not in WEEKDAYS:
        raise InvalidRequest(fields=[FieldError("week_start", f"use one of {', '.join(WEEKDAYS)}")])
    return WEEKDAYS.index(day.casefold())


def _spend_order(names: list[str]) -> list[str]:
    if sorted(names) != sorted(source.value for source in Source):
        raise InvalidRequest(
            fields=[
                FieldError("spend_order", "list plan, balance and allowance, each once, in the order in which they pay")
            ]
        )
    return names


def _grant_statuses(statuses: list[str]) -> list[str]:
    clean = [status.removeprefix("wc-") for status in statuses]
    if not clean or not all(_STATUS.fullmatch(status) for status in clean):
        raise InvalidRequest(fields=[FieldError("grant_statuses", "list at least one order status, such as completed")])
    return clean


def _thresholds(values: list[int | str]) -> list[int | str]:
    found = [read_threshold(value) for value in values]
    return [each.document for each in in_order(each for each in found if each is not None)]


def _lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _one_line(text: str) -> str:
    return " ".join(text.split())


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "time_zone": read_time_zone,
    "week_start": read_week_start,
    "spend_order": _spend_order,
    "grant_statuses": _grant_statuses,
    "low_balance_thresholds": _thresholds,
    "seller_name": _one_line,
    "seller_address": _lines,
    "seller_vat_id": _one_line,
}
"""The settings whose values are checked and converted before they are stored."""
