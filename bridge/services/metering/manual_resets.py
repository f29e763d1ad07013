"""Manual resets: begin a new window now, for one account, for a role or for everyone."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.events.events import EventType, NewEvent
from bridge.domain.metering.limits import Period, Reset
from bridge.rendering.event_payloads import reset_payload
from bridge.rendering.settings import reset_document
from bridge.services.accounts.profiles import get_account
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox
from bridge.storage.metering import manual_resets, policies
from bridge.storage.stores import stores


def reset_account(
    connection: Connection,
    store_id: int,
    user_id: int,
    module: str | None,
    *,
    period: Period | None = None,
    actor: str,
    now: datetime,
) -> Reset:
    """Begin a new window of one account, of one module or of all; raises `UnknownUser`.

    No count is changed: from now on, use counts in a window that begins now. With
    a period, only windows of this period are reset: a second window stays. Raises
    `InvalidRequest` for a period that the module's limit does not have.
    """
    account = get_account(connection, store_id, user_id)
    _check(connection, store_id, module, period)
    reset = Reset(now, module, None, account.id, period)
    stores.touch(connection, store_id)
    manual_resets.add_reset(connection, new_id(), store_id, reset, actor=actor)
    event = NewEvent(new_id(), store_id, account.id, EventType.ALLOWANCE_RESET, reset_payload(reset), now)
    outbox.add(connection, [event])
    after = {"user": user_id, **reset_document(reset)}
    changes.record(
        connection, store_id, Subject.RESET, f"user {user_id}", before=None, after=after, actor=actor, now=now
    )
    return reset


def reset_many(
    connection: Connection,
    store_id: int,
    *,
    module: str | None,
    role: str | None,
    period: Period | None = None,
    actor: str,
    now: datetime,
) -> Reset:
    """Open a new window for all users, or those of a role, in all modules or in one, with one row.

    A period restricts it as in `reset_account`.
    """
    _check(connection, store_id, module, period)
    reset = Reset(now, module, role, period=period)
    stores.touch(connection, store_id)
    manual_resets.add_reset(connection, new_id(), store_id, reset, actor=actor)
    name, after = role or module or "", reset_document(reset)
    changes.record(connection, store_id, Subject.RESET, name, before=None, after=after, actor=actor, now=now)
    return reset


def _check(connection: Connection, store_id: int, module: str | None, period: Period | None) -> None:
    if module is None:
        return
    policy = policies.for_store(connection, store_id)
    policy.check_module(module)
    limit = policy.limits.get(module)
    if period is not None and (limit is None or limit.window_of(period) is None):
        raise InvalidRequest(fields=[FieldError("period", f"the limit of {module} has no {period.value} window")])
