"""Reset the limits of a user or of many from the form of an admin, once for each form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime

from bridge.domain.admin.admins import Admin
from bridge.domain.metering.limits import Period
from bridge.domain.stores.principals import Caller
from bridge.domain.stores.stores import Store
from bridge.rendering.documents import Document
from bridge.rendering.settings import reset_document
from bridge.services.metering import manual_resets
from bridge.services.metering.idempotency import once
from bridge.services.transactions import Transaction, in_transaction
from bridge.storage.engine.database import Connection


def reset(
    transaction: Transaction,
    store: Store,
    user_id: int,
    module: str | None,
    period: Period | None = None,
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> None:
    """Begin a new window of one module, or of all for None, once for each form `key`.

    With a period, only windows of this period begin again. A form that is sent twice
    resets once. Raises `UnknownUser`, `UnknownModule`, `InvalidRequest` for a period
    that the module's limit does not have, and `KeyReused` for a form that was sent
    before for another module or period.
    """

    def write(connection: Connection) -> Document:
        made = manual_resets.reset_account(
            connection, store.id, user_id, module, period=period, actor=admin.email, now=now
        )
        return {"user": user_id, **reset_document(made)}

    stated = ["reset", user_id, module, period, admin.id]
    _once(transaction, store, stated, write, key=key, admin=admin, now=now)


def reset_many(
    transaction: Transaction,
    store: Store,
    module: str | None,
    role: str | None,
    period: Period | None,
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> None:
    """Begin new windows for all users, or those of a role, once for each form `key`.

    `module` is None for all modules. Raises `UnknownModule`, `InvalidRequest` and
    `KeyReused` as `reset` does.
    """

    def write(connection: Connection) -> Document:
        made = manual_resets.reset_many(
            connection, store.id, module=module, role=role, period=period, actor=admin.email, now=now
        )
        return reset_document(made)

    stated = ["reset many", role, module, period, admin.id]
    _once(transaction, store, stated, write, key=key, admin=admin, now=now)


def _once(
    transaction: Transaction,
    store: Store,
    stated: Sequence[object],
    write: Callable[[Connection], Document],
    *,
    key: str,
    admin: Admin,
    now: datetime,
) -> None:
    fingerprint = hashlib.sha256(json.dumps(stated).encode()).hexdigest()
    in_transaction(
        transaction,
        lambda connection: once(
            connection,
            Caller(store.id, admin.email),
            key=f"admin:{key}",
            fingerprint=fingerprint,
            create=lambda: write(connection),
            now=now,
        ),
    )
