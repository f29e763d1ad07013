"""Free use of a guest who signs in: it counts toward the free limits of the user they are.

The guest keeps their use as well, so that signing out does not make the same use
free a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import MAX_TOKENS, Account, Profile, Visitor
from bridge.services.metering import charge
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, close_unit, open_unit
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import carried_uses, guest_uses, policies
from bridge.storage.metering.guest_uses import GuestUse


@dataclass(frozen=True, slots=True)
class PassedUse:
    """The free use of a module that now counts for the user, in tokens."""

    module: str
    tokens: int


def pass_on(connection: Connection, store_id: int, user: Profile, guest: Visitor, *, now: datetime) -> list[PassedUse]:
    """Count what a guest used for free in the running windows toward those of a user, each token once.

    What was passed on before, to this or another user, does not count again. The
    user's account is created if it does not exist; a guest who used nothing has none.
    """
    places = accounts.place_of(store_id, user), accounts.place_of(store_id, guest)
    user_id = accounts.locate_or_add(connection, [places[0]], now=now)[places[0]]
    guest_id = accounts.locate(connection, [places[1]]).get(places[1])
    if guest_id is None:
        return []
    locked = accounts.lock(connection, {user_id, guest_id})
    policy = policies.for_store(connection, store_id)
    wanted = Wanted(
        account_ids=[],
        accounts=locked,
        policies_by_store={store_id: policy},
        modules=[(store_id, module) for module in policy.limits],
    )
    work = open_unit(connection, wanted, now=now)
    work.carried = carried_uses.uses(connection, [user_id])
    work.guest_uses = guest_uses.read(connection, [guest_id])
    added: list[GuestUse] = []
    moved = [
        PassedUse(module, tokens)
        for module in policy.limits
        if (tokens := _pass_module(work, locked[user_id], locked[guest_id], module, added))
    ]
    close_unit(connection, work)
    guest_uses.add(connection, added)
    guest_uses.write(connection, work.guest_uses)
    return moved


def _pass_module(work: UnitOfWork, user: Account, guest: Account, module: str, added: list[GuestUse]) -> int:
    """Count the use of one module; return the tokens of its first window, or of the second if it has more."""
    before = work.allowance_of(user, module)
    both = zip(work.window_keys(user, module).items(), work.window_keys(guest, module).items(), strict=True)
    most = 0
    known = work.guest_uses
    for (ours, ends_at), (theirs, guest_ends_at) in both:
        used = work.uses.get(theirs, 0)
        tokens = min(used - known.passed.get(theirs, 0), MAX_TOKENS - work.uses.get(ours, 0))
        if tokens > 0:
            _, _, starts_at, counter = ours
            work.use_window(ours, ends_at, tokens)
            carried = (user.id, module, 0, starts_at, counter)
            work.carried[carried] = work.carried.get(carried, 0) + tokens
            work.changed_carried.add(carried)
            known.passed[theirs] = used
            known.changed_windows.add(theirs)
            kept = (theirs[2], guest_ends_at, starts_at)
            added.append(GuestUse(new_id(), guest.id, user.id, module, counter, *kept, tokens, work.now))
            most = max(most, tokens)
    if most:
        charge.emit_exhausted(work, user, module, before)
    return most
