"""Refunds of spends that a merged account made: the tokens go to the account that the person has now."""

from __future__ import annotations

from bridge.domain.accounts.accounts import Account
from bridge.domain.accounts.ledger import Entry, Kind, credit
from bridge.domain.accounts.merging import REASON, transfer_reference
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.storage.accounts import merges
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.metering import carried_uses
from bridge.storage.metering.carried_uses import CarriedKey


def read(connection: Connection, work: UnitOfWork) -> None:
    """Read what belongs to the merges of the batch's accounts, some of which were merged."""
    into = {id_: account.merged_into for id_, account in work.accounts.items() if account.merged_into is not None}
    work.carried |= carried_uses.uses(connection, into.values())
    work.merge_ids = merges.ids_of(connection, into)


def pass_on(work: UnitOfWork, account_id: int, *, actor: str) -> None:
    """Move the balance that a refund left on a merged account to the account of the person, as two entries.

    It pays debt first, like any tokens that come in. The caller has checked that
    the balance stays in its range.
    """
    account = work.accounts[account_id]
    if account.merged_into is None or not account.balance:
        return
    target = work.accounts[account.merged_into]
    moved = credit(tokens=account.balance, balance=target.balance, debt=target.debt)
    for one, tokens, debt in ((account, -account.balance, 0), (target, moved.tokens, moved.debt)):
        _transfer(work, one, work.merge_ids[account_id], tokens=tokens, debt=debt, actor=actor)


def _transfer(work: UnitOfWork, account: Account, merge_id: int, *, tokens: int, debt: int, actor: str) -> None:
    after = account.moved(tokens=tokens, debt=debt)
    work.accounts[account.id] = after
    # A merged account has no balance and no alert.
    if after.merged_into is None:
        work.changed_accounts.add(account.id)
    entry = Entry(
        id=new_id(),
        account_id=account.id,
        kind=Kind.ADJUSTMENT,
        tokens=tokens,
        debt=debt,
        balance_after=after.balance,
        debt_after=after.debt,
        actor=actor,
        reason=REASON,
        created_at=work.now,
        reference=transfer_reference(merge_id),
    )
    work.new_entries.append(entry)


def give_back_use(work: UnitOfWork, account: Account, module: str, tokens: int) -> None:
    """Give back, in the running windows of the person, what a refund gave back of a merged account's free use."""
    target = work.person_of(account)
    if target.id == account.id:
        return
    for key, ends_at in work.window_keys(target, module).items():
        _, _, starts_at, counter = key
        given = _lower(work, (target.id, module, 0, starts_at, counter), tokens)
        if given:
            work.use_window(key, ends_at, -given)


def give_back_plan(work: UnitOfWork, account: Account, product_id: int, tokens: int) -> None:
    """Give back the same in the running window of a plan."""
    target = work.person_of(account)
    for allotment in work.allotments.get(target.id, ()) if target.id != account.id else ():
        if allotment.product_id == product_id:
            starts_at = allotment.window.starts_at
            given = _lower(work, (target.id, "", product_id, starts_at, 0), tokens)
            if given:
                key = (target.id, product_id, starts_at)
                work.plan_uses[key] = work.plan_uses.get(key, 0) - given
                work.changed_plan_uses[key] = allotment.window.ends_at or allotment.ends_at


def _lower(work: UnitOfWork, key: CarriedKey, tokens: int) -> int:
    """Count less as carried, down to 0; return how much less."""
    given = min(tokens, work.carried.get(key, 0))
    if given:
        work.carried[key] -= given
        work.changed_carried.add(key)
    return given
