"""The plans of one account: those that run now, and every term that was bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from bridge.domain.accounts.accounts import Account
from bridge.domain.metering.plans import Allotment, Term, allotments_at
from bridge.storage.engine.database import Connection
from bridge.storage.metering import plans


@dataclass(frozen=True, slots=True)
class PlansOfAccount:
    """Plans that run now, the first to renew in front, and all terms, the newest first."""

    running: tuple[Allotment, ...]
    terms: tuple[Term, ...]


def of_account(connection: Connection, account: Account, zone: tzinfo, *, now: datetime) -> PlansOfAccount:
    """Return the plans of an account; `zone` is that of its store, whose days end a month."""
    found = plans.terms(connection, [account.id]).get(account.id, [])
    newest = sorted(found, key=lambda term: (term.bought_at, term.order_number, term.line_id), reverse=True)
    return PlansOfAccount(tuple(allotments_at(found, now, zone)), tuple(newest))
