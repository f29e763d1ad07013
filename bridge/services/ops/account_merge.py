"""Merge two accounts of one person: everything that can still move goes to one of them.

The other keeps its ledger, its spends and its usage as they are, with a balance
of 0, and points to the account that pays. See docs/decisions/0034.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from bridge.domain.accounts.accounts import Account, Balance
from bridge.domain.accounts.ledger import Entry, Kind, Movement
from bridge.domain.accounts.merging import AlreadyMerged, UserErased, transfer_of, transfer_reference
from bridge.domain.admin.admins import Admin
from bridge.domain.errors import BalanceOutOfRange, FieldError, InvalidRequest, UnknownUser
from bridge.domain.events.events import EventType
from bridge.domain.metering.plans import allotments_at
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Policy, Store
from bridge.rendering.documents import Document
from bridge.rendering.event_payloads import merged_payload
from bridge.services.accounts.profiles import get_account, get_own_account
from bridge.services.metering.idempotency import once
from bridge.services.metering.overview import AccountOverview, get_overview
from bridge.services.metering.unit_of_work import UnitOfWork, Wanted, close_unit, open_unit
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.accounts import accounts, merges
from bridge.storage.accounts.merges import Merge as Merge
from bridge.storage.accounts.merges import MergedUser as MergedUser
from bridge.storage.engine.database import Connection, TryAgain
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import carried_uses, guest_uses, plans, policies
from bridge.storage.metering.carried_uses import CarriedKey
from bridge.storage.ops import account_moves
from bridge.storage.stores import stores


@dataclass(frozen=True, slots=True)
class Side:
    """One of two accounts before they are merged, with what it owns."""

    overview: AccountOverview
    orders: int
    holds: int
    sites: int
    overrides: int
    merged: int


@dataclass(frozen=True, slots=True)
class Preview:
    """Two accounts before a merge, and the balance and debt of the one that stays after it."""

    source: Side
    target: Side
    after: Balance


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge that was done: its record, its users, and the account that stays."""

    merge: Merge
    from_user_id: int
    into: Account


def preview(connection: Connection, store_id: int, into_user: int, from_user: int, *, now: datetime) -> Preview:
    """Return what a merge would do; raises what `merge` raises."""
    source, target = _sides(connection, store_id, into_user, from_user)
    sides = [
        Side(get_overview(connection, one, now=now), **account_moves.count_owned(connection, store_id, one.id))
        for one in (source, target)
    ]
    received = _transfer(source, target)[1]
    held = sum(side.overview.balance.held for side in sides)
    after = Balance(target.balance + received.tokens, held, target.debt + received.debt)
    return Preview(sides[0], sides[1], after)


def merge(
    connection: Connection,
    store_id: int,
    into_user: int,
    from_user: int,
    *,
    actor: str,
    reason: str = "",
    now: datetime,
) -> Merged:
    """Merge the account of one user into that of another.

    Locks the orders, then all accounts in id order. Raises `UnknownUser`,
    `AlreadyMerged`, `BalanceOutOfRange`, and `InvalidRequest` for one account.
    """
    source, target = _sides(connection, store_id, into_user, from_user)
    account_moves.lock_orders(connection, store_id, source.id)
    members = merges.list_members(connection, source.id)
    locked = accounts.lock(connection, {source.id, target.id, *members}, with_merged=True)
    source, target = locked[source.id], locked[target.id]
    if source.merged_into is not None or target.merged_into is not None:
        raise TryAgain("an account was merged into another one meanwhile")
    policy = policies.for_store(connection, store_id)
    work = open_unit(
        connection,
        Wanted(
            account_ids=[],
            accounts={source.id: source, target.id: target},
            policies_by_store={store_id: policy},
            modules=[(store_id, module) for module in policy.limits],
        ),
        now=now,
    )
    work.carried = carried_uses.uses(connection, [target.id])
    _carry_windows(connection, work, policy, source, target)
    orders = account_moves.move_orders(connection, store_id, source.id, into_id=target.id)
    _carry_plans(connection, work, policy, source, target)
    merged = _move_balance(connection, work, source, target, actor=actor, reason=reason, now=now)
    _finish(connection, work, merged, orders=orders)
    return Merged(merged, source.user_id or 0, work.accounts[target.id])


def merge_from_form(
    transaction: Transaction,
    store: Store,
    into_user: int,
    from_user: int,
    *,
    reason: str,
    key: str,
    admin: Admin,
    now: datetime,
) -> None:
    """Merge two accounts in the name of an admin, once for each form `key`.

    Raises what `merge` raises, and `KeyReused`.
    """

    def write(connection: Connection) -> Document:
        done = merge(connection, store.id, into_user, from_user, actor=admin.email, reason=reason, now=now)
        return {"merge": str(done.merge.id)}

    stated = json.dumps(["merge", into_user, from_user, reason, admin.id])
    in_transaction(
        transaction,
        lambda connection: once(
            connection,
            Caller(store.id, admin.email),
            key=f"admin:{key}",
            fingerprint=hashlib.sha256(stated.encode()).hexdigest(),
            create=lambda: write(connection),
            now=now,
        ),
    )


def list_merged(connection: Connection, account: Account, *, before: int | None = None, limit: int) -> list[MergedUser]:
    """Return the merges into an account, the newest first, older than the id `before`."""
    return merges.list_into(connection, account, before=before, limit=limit)


def find_merge(connection: Connection, account: Account) -> MergedUser | None:
    """Return the merge that closed an account; None for an account of its own."""
    return None if account.merged_into is None else merges.find_of(connection, account)


def get_member(connection: Connection, store_id: int, user_id: int, merged_user: int) -> Account:
    """Return the account of a user who was merged into another one; raises `UnknownUser`."""
    account = get_account(connection, store_id, user_id)
    member = get_own_account(connection, store_id, merged_user)
    if member.merged_into != account.id:
        raise UnknownUser(f"user {merged_user} was not merged into user {account.user_id}")
    return member


def _sides(connection: Connection, store_id: int, into_user: int, from_user: int) -> tuple[Account, Account]:
    target = get_account(connection, store_id, into_user)
    source = get_own_account(connection, store_id, from_user)
    if source.merged_into is not None:
        raise AlreadyMerged(
            f"user {from_user} was already merged into user {accounts.get(connection, source.merged_into).user_id}"
        )
    if source.is_erased or target.is_erased:
        raise UserErased()
    if source.id == target.id:
        raise InvalidRequest(fields=[FieldError("from", "name a user with another account")])
    return source, target


def _transfer(source: Account, target: Account) -> tuple[Movement, Movement]:
    try:
        given, received = transfer_of(
            balance=source.balance, debt=source.debt, into_balance=target.balance, into_debt=target.debt
        )
    except OverflowError as error:
        raise BalanceOutOfRange() from error
    return given, received


def _carry_windows(connection: Connection, work: UnitOfWork, policy: Policy, source: Account, target: Account) -> None:
    """Count what the merged account used for free in its running windows in those of the other one."""
    for module in policy.limits:
        both = zip(work.window_keys(target, module).items(), work.window_keys(source, module), strict=True)
        for (ours, ends_at), theirs in both:
            _, _, starts_at, counter = ours
            used = work.uses.get(theirs, 0)
            if used:
                work.use_window(ours, ends_at, used)
                _carry(work, (target.id, module, 0, starts_at, counter), used)
            guest_uses.move(connection, theirs, into=ours)
            if starts_at != theirs[2]:
                account_moves.move_hold_windows(connection, theirs, into=starts_at)
    guest_uses.drop(connection, source.id)


def _carry_plans(connection: Connection, work: UnitOfWork, policy: Policy, source: Account, target: Account) -> None:
    """Count what either account used of its plans in the running windows of the plans they have together."""
    before = {one.id: list(work.allotments.get(one.id, ())) for one in (source, target)}
    terms = plans.terms(connection, [target.id]).get(target.id, [])
    for allotment in allotments_at(terms, work.now, policy.calendar.zone):
        starts_at = allotment.window.starts_at
        used = 0
        for account_id, earlier in before.items():
            for one in earlier:
                is_counted = account_id == target.id and one.window.starts_at == starts_at
                if one.product_id == allotment.product_id and not is_counted:
                    used += work.plan_uses.get((account_id, one.product_id, one.window.starts_at), 0)
        if used:
            key = (target.id, allotment.product_id, starts_at)
            work.plan_uses[key] = work.plan_uses.get(key, 0) + used
            work.changed_plan_uses[key] = allotment.window.ends_at or allotment.ends_at
            _carry(work, (target.id, "", allotment.product_id, starts_at, 0), used)


def _carry(work: UnitOfWork, key: CarriedKey, used: int) -> None:
    work.carried[key] = work.carried.get(key, 0) + used
    work.changed_carried.add(key)


def _move_balance(
    connection: Connection,
    work: UnitOfWork,
    source: Account,
    target: Account,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> Merge:
    """Write the two entries and the record of the merge."""
    given, received = _transfer(source, target)
    merged = Merge(
        id=new_id(),
        store_id=source.store_id,
        account_id=source.id,
        into_id=target.id,
        balance=source.balance,
        debt=source.debt,
        purchased=merges.purchased_of(connection, source.id),
        actor=actor,
        reason=reason,
        created_at=now,
    )
    notes = (f"Merged into user {target.user_id}", f"Merged from user {source.user_id}")
    for account, movement, note in zip((source, target), (given, received), notes, strict=True):
        after = account.moved(tokens=movement.tokens, debt=movement.debt)
        after = after._replace(last_grant=after.last_grant or source.last_grant)
        work.accounts[account.id] = after
        work.new_entries.append(_entry(after, movement, merged, f"{note}: {reason}" if reason else note))
    merges.add(connection, merged)
    return merged


def _entry(after: Account, movement: Movement, merged: Merge, reason: str) -> Entry:
    return Entry(
        id=new_id(),
        account_id=after.id,
        kind=Kind.ADJUSTMENT,
        tokens=movement.tokens,
        debt=movement.debt,
        balance_after=after.balance,
        debt_after=after.debt,
        actor=merged.actor,
        reason=reason[:500],
        created_at=merged.created_at,
        reference=transfer_reference(merged.id),
    )


def _finish(connection: Connection, work: UnitOfWork, merged: Merge, *, orders: int) -> None:
    """Move what is left, write the rows, the event and the change."""
    source, target = work.accounts[merged.account_id], work.accounts[merged.into_id]
    moved = {
        "orders": orders,
        "holds": account_moves.move_holds(connection, source.id, into_id=target.id),
        "sites": account_moves.move_sites(connection, source.id, into_id=target.id),
        "own_limits": account_moves.move_overrides(connection, source.id, into_id=target.id),
    }
    held = work.held_balances.pop(source.id, 0)
    work.held_balances[target.id] = work.held_balances.get(target.id, 0) + held
    account_moves.drop_figures(connection, [source.id])
    work.changed_accounts = {target.id}
    amounts = {"balance": merged.balance, "debt": merged.debt}
    work.announce(target, EventType.USER_MERGED, merged_payload(from_user=source.user_id, **amounts))
    close_unit(connection, work)
    # Own limits may have moved, and policies say whether any account has one.
    stores.touch(connection, merged.store_id)
    changes.record(
        connection,
        merged.store_id,
        Subject.USER,
        f"user {source.user_id}",
        before=None,
        after={"merged_into": target.user_id, **amounts, **moved, "reason": merged.reason},
        actor=merged.actor,
        now=merged.created_at,
    )
