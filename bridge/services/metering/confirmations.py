"""The confirmation that a user wants to give before tokens of their balance are taken.

It is asked for once in each window of the module's free limit, or in each month of
the store where the module has no limit. See docs/decisions/0038.
"""

from __future__ import annotations

from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.domain.metering.funding import Decision, Refusal
from bridge.services.accounts.profiles import get_account
from bridge.services.metering.unit_of_work import UnitOfWork
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.metering import confirmations


def read(connection: Connection, work: UnitOfWork) -> None:
    """Read the confirmations of the batch's accounts; no statement where no user wants to confirm."""
    asked = [account.id for account in work.accounts.values() if account.confirm_paid]
    if asked:
        work.confirmations = confirmations.list_of(connection, asked)


def write(connection: Connection, work: UnitOfWork) -> None:
    """Write the confirmations that were given in the batch."""
    confirmations.put(connection, work.new_confirmations, now=work.now)


def is_missing(work: UnitOfWork, account: Account, module: str) -> bool:
    """Return whether tokens of the balance may not pay for a module yet: the user wants to confirm that first."""
    if not account.confirm_paid:
        return False
    confirmed_at = work.confirmations.get((account.id, module))
    return confirmed_at is None or confirmed_at < asks_since(work, account, module)


def check(work: UnitOfWork, account: Account, module: str, decision: Decision, *, confirmed: bool) -> Decision:
    """Return the decision, refused if it takes tokens of the balance and the confirmation is missing."""
    if confirmed or not decision.balance or not is_missing(work, account, module):
        return decision
    return decision._replace(refusal=Refusal.CONFIRMATION_REQUIRED)


def keep(work: UnitOfWork, account: Account, module: str) -> None:
    """Record that the user confirmed; nothing while an earlier confirmation counts, or where none is wanted."""
    if is_missing(work, account, module):
        work.confirmations[account.id, module] = work.now
        work.new_confirmations.add((account.id, module))


def set_wanted(connection: Connection, store_id: int, user_id: int, wanted: bool, *, actor: str, now: datetime) -> None:
    """Store whether a user wants to confirm; a change ends earlier confirmations. Raises `UnknownUser`."""
    found = get_account(connection, store_id, user_id)
    account = accounts.lock(connection, [found.id])[found.id]
    if account.confirm_paid == wanted or account.is_erased:
        return
    accounts.set_confirm_paid(connection, account.id, wanted, now=now)
    confirmations.drop(connection, account.id)
    before, after = {"confirm_paid": account.confirm_paid}, {"confirm_paid": wanted}
    name = f"user {account.user_id}"
    changes.record(connection, store_id, Subject.USER, name, before=before, after=after, actor=actor, now=now)


def asks_since(work: UnitOfWork, account: Account, module: str) -> datetime:
    """Return the moment from which a confirmation counts: the start of the running window that began last."""
    if module in work.policy_of(account).limits:
        return max(window.starts_at for window in work.windows_of(account, module))
    return work.month_of(account, work.now)
