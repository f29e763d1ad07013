"""Bounds of what is counted: no window, month or day of history counts past 2^53-1."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain.accounts.accounts import MAX_TOKENS, Account
from bridge.domain.metering.commands import AnyRequest, CaptureRequest, SpendRequest
from bridge.domain.metering.errors import UseOutOfRange
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.engine.database import Connection
from bridge.storage.metering import spends
from bridge.storage.metering.spends import Spend

_LARGE = 2**32
"""Smaller amounts reach no bound of a day: it would take two million of them."""


def read_days(connection: Connection, work: UnitOfWork, requests: Iterable[AnyRequest]) -> None:
    """Read what today's history of the accounts counts where a large amount is asked for; nothing otherwise."""
    if any(_is_large(work, request) for request in requests):
        today = {(id_, work.day_of(account, work.now)) for id_, account in work.accounts.items()}
        found = spends.usage_totals(connection, work.accounts.keys(), {day for _, day in today})
        work.day_totals = {place: found.get(place, (0, 0)) for place in today}


def check(work: UnitOfWork, account: Account, taken: Spend) -> None:
    """Raise `UseOutOfRange` where a payment would pass a bound; to be asked before anything of it is counted."""
    if taken.from_allowance and taken.window_starts_at is not None:
        used = work.uses.get((account.id, taken.module, taken.window_starts_at), 0)
        _check("the window", used + taken.from_allowance)
    if taken.site_id:
        used = work.site_uses.get((taken.site_id, work.month_of(account, taken.created_at)), 0)
        _check("the linked site's month", used + taken.tokens - taken.uncovered)
    day = work.day_of(account, taken.created_at)
    units, tokens = work.day_totals.get((account.id, day), (0, 0))
    _check("the account's day", max(units + taken.units, tokens + taken.tokens))


def _check(counted_in: str, total: int) -> None:
    if total > MAX_TOKENS:
        raise UseOutOfRange(f"{counted_in} would count more than 2^53-1; nothing was charged")


def _is_large(work: UnitOfWork, request: AnyRequest) -> bool:
    if isinstance(request, SpendRequest):
        name, units, tokens = request.operation, request.units, request.tokens or 0
    elif isinstance(request, CaptureRequest):
        hold = work.holds.get(request.hold_id)
        units = (hold.units if hold else 0) if request.units is None else request.units
        name, tokens = hold.operation if hold else None, request.tokens or 0
    else:
        return False
    operation = work.policies_by_store[request.caller.store_id].operations.get(name or "")
    price = operation.tokens_per_unit if operation else 0
    return max(units, tokens, units * price) >= _LARGE
