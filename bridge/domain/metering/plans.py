"""Plans: tokens a month for a paid term, in windows that begin on the day of the purchase."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from bridge.domain.metering.limits import Window

MAX_TERM_MONTHS = 1200
"""The most months that one order line grants."""
_LAST_YEAR = 9998


@dataclass(frozen=True, slots=True)
class Term:
    """The term of one order line: `tokens` a month for `months` months; 0 months once it was reversed."""

    order_number: int
    line_id: int
    product_id: int
    name: str
    tokens: int
    months: int
    bought_at: datetime


@dataclass(frozen=True, slots=True)
class Allotment:
    """The amount of a plan in the window that holds an instant, and the end of the whole plan."""

    product_id: int
    name: str
    tokens: int
    window: Window
    ends_at: datetime


def add_months(anchor: datetime, months: int, zone: tzinfo) -> datetime:
    """Return the same local day and time this many months later, or the month's last day, in UTC.

    Many terms together may be longer than the calendar: they end in its last year.
    """
    local = anchor.astimezone(zone)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = min(local.year + years, _LAST_YEAR), month + 1
    day = min(local.day, monthrange(year, month)[1])
    return local.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)


def allotments_at(terms: Iterable[Term], now: datetime, zone: tzinfo) -> list[Allotment]:
    """Return an account's plan windows at this moment, the first to end in front.

    A term bought during an earlier one of the same plan extends it: it begins where
    that one ends, and the windows continue from the day of the first purchase. A
    term bought after the end starts a new series of windows.
    """
    by_product: dict[int, list[Term]] = {}
    for term in sorted(terms, key=lambda term: (term.bought_at, term.order_number, term.line_id)):
        if term.months > 0:
            by_product.setdefault(term.product_id, []).append(term)
    found = [allotment for chain in by_product.values() if (allotment := _current(chain, now, zone)) is not None]
    return sorted(found, key=lambda allotment: (allotment.window.ends_at or allotment.ends_at, allotment.product_id))


def _current(chain: list[Term], now: datetime, zone: tzinfo) -> Allotment | None:
    anchor, months = chain[0].bought_at, 0
    months_of: list[tuple[int, Term]] = []
    for term in chain:
        if term.bought_at >= add_months(anchor, months, zone):
            # The plan had ended: this purchase starts a new one.
            if now < term.bought_at:
                break
            anchor, months, months_of = term.bought_at, 0, []
        months += term.months
        months_of.append((months, term))
    ends_at = add_months(anchor, months, zone)
    if not anchor <= now < ends_at:
        return None
    position = _months_between(anchor, now, zone)
    term = next(term for until, term in months_of if position < until)
    window = Window(add_months(anchor, position, zone), add_months(anchor, position + 1, zone))
    return Allotment(term.product_id, term.name, term.tokens, window, ends_at)


def _months_between(anchor: datetime, now: datetime, zone: tzinfo) -> int:
    first, last = anchor.astimezone(zone), now.astimezone(zone)
    months = (last.year - first.year) * 12 + last.month - first.month
    return months if add_months(anchor, months, zone) <= now else months - 1
