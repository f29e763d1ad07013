"""Exceptions to a limit: one account's own rule, and resets by hand."""

from __future__ import annotations

from datetime import datetime

from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.events.events import EventType, NewEvent
from bridge.domain.metering.errors import UnknownLimit
from bridge.domain.metering.limits import Override, Reset
from bridge.rendering import documents
from bridge.services.accounts.profiles import get_account
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox
from bridge.storage.metering import overrides, policies
from bridge.storage.stores import stores


def put_override(
    connection: Connection, store_id: int, user_id: int, override: Override, *, actor: str, now: datetime
) -> Override:
    """Give one account a rule of its own for a module, until its end; raises `UnknownUser`.

    The module keeps its limit's period; without a limit there is no window an
    amount could count in, and the rule rests until there is one.
    """
    if override.ends_at is not None and override.ends_at <= now:
        raise InvalidRequest(fields=[FieldError("ends_at", "give a moment that is still to come")])
    account = get_account(connection, store_id, user_id)
    policies.for_store(connection, store_id).check_module(override.module)
    stores.touch(connection, store_id)
    overrides.put_override(connection, account.id, override, actor=actor, now=now)
    return override


def drop_override(connection: Connection, store_id: int, user_id: int, module: str) -> None:
    """Take an account's own rule away; raises `UnknownUser` and `UnknownLimit`."""
    account = get_account(connection, store_id, user_id)
    stores.touch(connection, store_id)
    if not overrides.drop_override(connection, account.id, module):
        raise UnknownLimit(f"user {user_id} has no rule of his own for {module}")


def reset_account(
    connection: Connection, store_id: int, user_id: int, module: str | None, *, actor: str, now: datetime
) -> Reset:
    """Open a fresh window for one account, of one module or of all; raises `UnknownUser`.

    Nothing is zeroed: from this instant use counts in a window that begins now.
    """
    account = get_account(connection, store_id, user_id)
    _check_module(connection, store_id, module)
    reset = Reset(now, module, None, account.id)
    stores.touch(connection, store_id)
    overrides.add_reset(connection, new_id(), store_id, reset, actor=actor)
    payload = {"module": module, "reset_at": documents.format_timestamp(now), "by_hand": True}
    event = NewEvent(new_id(), store_id, account.id, EventType.ALLOWANCE_RESET, payload, now)
    outbox.add(connection, [event])
    return reset


def reset_many(
    connection: Connection, store_id: int, *, module: str | None, role: str | None, actor: str, now: datetime
) -> Reset:
    """Open a fresh window for everybody of a role, in a module, or both, at once and in one row."""
    _check_module(connection, store_id, module)
    reset = Reset(now, module, role)
    stores.touch(connection, store_id)
    overrides.add_reset(connection, new_id(), store_id, reset, actor=actor)
    return reset


def _check_module(connection: Connection, store_id: int, module: str | None) -> None:
    if module is not None:
        policies.for_store(connection, store_id).check_module(module)
