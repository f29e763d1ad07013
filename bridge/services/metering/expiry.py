"""Expiry of holds: many in one transaction, by the rules that one of them follows."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from bridge.domain.errors import Unavailable
from bridge.services.metering.unit_of_work import Wanted, close_unit, open_unit
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.accounts import accounts
from bridge.storage.engine.database import Connection
from bridge.storage.metering import holds, policies

log = logging.getLogger(__name__)

ExpiredHold = tuple[int, int]
"""A hold past its expiry: its account and its id."""


class Expired(NamedTuple):
    """The result of one batch: how many holds it found, and the ids of those that could not be expired."""

    found: int
    failed: frozenset[int]


def expire_due(transaction: Transaction, *, now: datetime, limit: int, skip: Collection[int] = ()) -> Expired:
    """Mark up to `limit` holds past their expiry in one transaction, without those in `skip`.

    It changes no balance: an expired hold stopped counting at its instant. It
    adds the event, where a balance is available again. Where the batch fails,
    each hold gets a transaction of its own, so that one broken hold stops no
    other. Raises `Unavailable`.
    """
    with transaction() as connection:
        due = holds.list_expired(connection, now=now, limit=limit, skip=skip)
    if not due or _expire(transaction, due, now=now):
        return Expired(len(due), frozenset())
    return Expired(len(due), frozenset(hold[1] for hold in due if not _expire(transaction, [hold], now=now)))


def _expire(transaction: Transaction, due: Sequence[ExpiredHold], *, now: datetime) -> bool:
    """Mark these holds in one transaction; False where it failed, and nothing was written."""
    try:
        in_transaction(transaction, partial(_mark, due=due, now=now))
    except Unavailable:
        raise
    except Exception as error:
        # A line each: there may be a thousand, and the batch's line has the trace of one.
        if len(due) == 1:
            log.warning("hold %d of account %d could not be expired: %r", due[0][1], due[0][0], error)
        else:
            log.warning("a batch of %d holds could not be expired; each is tried alone", len(due), exc_info=True)
        return False
    return True


def _mark(connection: Connection, *, due: Sequence[ExpiredHold], now: datetime) -> None:
    """Mark the holds, and compare the balances of their accounts with what was last announced.

    The accounts are locked before the holds are looked at again: one that was
    captured or released meanwhile stays as it is.
    """
    locked = accounts.lock(connection, {account_id for account_id, _ in due})
    changed = holds.mark_expired(connection, [hold_id for _, hold_id in due], now=now)
    stores = {locked[account_id].store_id for account_id in changed}
    work = open_unit(connection, Wanted(changed, policies.for_stores(connection, stores)), now=now)
    work.changed_accounts.update(changed)
    close_unit(connection, work)
