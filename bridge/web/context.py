"""What every door of the web needs: the parts of the running service, and its transactions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar, cast

from flask import current_app

from bridge.config import Config
from bridge.services import transactions
from bridge.services.admin.throttles import SignInThrottles, Throttle, unknown_id_throttle
from bridge.services.metering.batcher import GroupCommit
from bridge.services.secrets import Vault
from bridge.services.shop.rest import Shops
from bridge.storage.engine.database import Connection, Database

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What `create_app` put together."""

    config: Config
    database: Database
    vault: Vault
    shops: Shops
    group_commit: GroupCommit
    sign_ins: SignInThrottles = field(default_factory=SignInThrottles)
    unknown_ids: Throttle = field(default_factory=unknown_id_throttle)


def runtime() -> Parts:
    """The parts of the service that answers this request."""
    return cast(Parts, current_app.extensions["bridge"])


def transaction() -> AbstractContextManager[Connection]:
    """A transaction that may write; see `Database.transaction`."""
    return runtime().database.transaction()


def reading() -> AbstractContextManager[Connection]:
    """A look at the database that takes no write lock."""
    return runtime().database.reading()


def glance() -> AbstractContextManager[Connection]:
    """A connection for a single statement that only reads."""
    return runtime().database.glance()


def in_transaction(act: Callable[[Connection], T]) -> T:
    """Return what `act` returns, in a transaction that is run again when it met another one."""
    return transactions.in_transaction(transaction, act)


def utcnow() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)
