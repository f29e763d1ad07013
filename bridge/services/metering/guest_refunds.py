"""Refunds of what a guest used before they signed in: it counts less toward the user as well."""

from __future__ import annotations

from collections.abc import Collection

from bridge.domain.metering.limits import WindowKey
from bridge.domain.metering.spends import Spend
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.engine.database import Connection, TryAgain
from bridge.storage.metering import carried_uses, guest_uses, limits
from bridge.storage.metering.guest_uses import GuestUse


def read(connection: Connection, work: UnitOfWork, account_ids: Collection[int]) -> None:
    """Read what was counted toward users of the use of those of these accounts that are of guests.

    Raises `TryAgain` if a user is not locked: the guest has just signed in.
    """
    guests = {id_ for id_ in account_ids if work.accounts[id_].is_guest}
    if not guests:
        return
    work.guest_uses = guest_uses.read(connection, guests)
    uses = work.guest_uses.uses.values()
    users = {use.account_id for use in uses}
    if not users <= work.accounts.keys():
        raise TryAgain("a guest has signed in meanwhile")
    modules, starts = {use.module for use in uses}, {use.into_starts_at for use in uses}
    work.uses = limits.uses(connection, users, modules, starts) | work.uses
    work.carried |= carried_uses.uses(connection, users)


def is_open(work: UnitOfWork, spend: Spend) -> bool:
    """Return whether some use of the spend's windows counts in a window of a user that is still running."""
    return any(
        use.tokens and use.window in work.window_keys(work.accounts[use.account_id], use.module)
        for key in spend.window_keys
        for use in _uses_of(work, key)
    )


def give_back_use(work: UnitOfWork, spend: Spend, key: WindowKey, tokens: int) -> None:
    """Count less of a guest's window toward users; call it before the guest's own count is lowered.

    It is taken from the first sign-in after the spend, which brought it along. Toward
    users never counts more than the guest has used.
    """
    known = work.guest_uses
    if key not in known.passed:
        return
    uses, used = _uses_of(work, key), work.uses.get(key, 0)
    given = 0
    brought = next((use for use in uses if use.created_at >= spend.created_at), None)
    if brought is not None:
        given = _lower(work, brought, tokens)
    excess = known.passed[key] - given - (used - tokens)
    for use in reversed(_uses_of(work, key)):
        if excess > 0:
            lowered = _lower(work, use, excess)
            given, excess = given + lowered, excess - lowered
    known.passed[key] = max(0, min(known.passed[key] - given, used - tokens))
    known.changed_windows.add(key)


def _uses_of(work: UnitOfWork, key: WindowKey) -> list[GuestUse]:
    return [use for use in work.guest_uses.uses.values() if use.guest_window == key]


def _lower(work: UnitOfWork, use: GuestUse, tokens: int) -> int:
    """Let less of a guest's use count toward the user, down to 0; return how much less."""
    tokens = min(tokens, use.tokens)
    if tokens:
        work.guest_uses.uses[use.id] = use._replace(tokens=use.tokens - tokens)
        work.guest_uses.changed.add(use.id)
        carried = (use.account_id, use.module, 0, use.into_starts_at, use.counter)
        # A window that closed long ago may be pruned.
        lowered = min(tokens, work.carried.get(carried, 0), work.uses.get(use.window, 0))
        if lowered:
            work.carried[carried] -= lowered
            work.changed_carried.add(carried)
            running = work.window_keys(work.accounts[use.account_id], use.module)
            work.use_window(use.window, running.get(use.window, work.now), -lowered)
    return tokens
