"""Exceptions to a limit: one account's own rule, and resets by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.events.events import EventType, NewEvent
from bridge.domain.metering.errors import UnknownLimit
from bridge.domain.metering.limits import Override, Period, Reset
from bridge.rendering import documents
from bridge.rendering.settings import override_document, reset_document
from bridge.services.accounts.profiles import get_account
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.engine.ids import new_id
from bridge.storage.events import outbox
from bridge.storage.metering import overrides, policies
from bridge.storage.stores import stores


def put_override(
    connection: Connection,
    store_id: int,
    user_id: int,
    override: Override,
    *,
    keeps_second: bool = False,
    actor: str,
    now: datetime,
) -> Override:
    """Give one account a rule of its own for a module, until its end; raises `UnknownUser`.

    The module keeps its limit's periods; without a limit, or a second window of it,
    there is no window an amount could count in, and the rule rests until there is
    one. With `keeps_second`, an override that is given without a rule for the second
    window keeps the one it has.
    """
    if override.ends_at is not None and override.ends_at <= now:
        raise InvalidRequest(fields=[FieldError("ends_at", "give a moment that is still to come")])
    account = get_account(connection, store_id, user_id)
    policies.for_store(connection, store_id).check_module(override.module)
    stores.touch(connection, store_id)
    before = overrides.overrides(connection, [account.id], now=now).get((account.id, override.module))
    if keeps_second and override.second is None and before is not None:
        override = replace(override, second=before.second)
    overrides.put_override(connection, account.id, override, actor=actor, now=now)
    _record_override(connection, store_id, user_id, before, override, actor=actor, now=now)
    return override


def list_overrides(connection: Connection, account: Account, *, now: datetime) -> list[Override]:
    """Return the account's own rules that count at this moment."""
    return list(overrides.overrides(connection, [account.id], now=now).values())


def drop_override(
    connection: Connection, store_id: int, user_id: int, module: str, *, actor: str, now: datetime
) -> None:
    """Take an account's own rule away; raises `UnknownUser` and `UnknownLimit`."""
    account = get_account(connection, store_id, user_id)
    stores.touch(connection, store_id)
    before = overrides.overrides(connection, [account.id], now=now).get((account.id, module))
    if not overrides.drop_override(connection, account.id, module):
        raise UnknownLimit(f"user {user_id} has no rule of their own for {module}")
    _record_override(connection, store_id, user_id, before, None, actor=actor, now=now)


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
    """Open a fresh window for one account, of one module or of all; raises `UnknownUser`.

    Nothing is zeroed: from this instant use counts in a window that begins now. With
    a period, only windows of this period are reset: a second window stays. Raises
    `InvalidRequest` for a period that the module's limit does not have.
    """
    account = get_account(connection, store_id, user_id)
    _check(connection, store_id, module, period)
    reset = Reset(now, module, None, account.id, period)
    stores.touch(connection, store_id)
    overrides.add_reset(connection, new_id(), store_id, reset, actor=actor)
    payload = {"module": module, "reset_at": documents.format_timestamp(now), "by_hand": True}
    if period is not None:
        payload["period"] = period.value
    event = NewEvent(new_id(), store_id, account.id, EventType.ALLOWANCE_RESET, payload, now)
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
    overrides.add_reset(connection, new_id(), store_id, reset, actor=actor)
    name, after = role or module or "", reset_document(reset)
    changes.record(connection, store_id, Subject.RESET, name, before=None, after=after, actor=actor, now=now)
    return reset


def _record_override(
    connection: Connection,
    store_id: int,
    user_id: int,
    before: Override | None,
    after: Override | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Record an account's own rule; one that has ended counts as none."""
    documents_ = [None if rule is None else override_document(user_id, rule) for rule in (before, after)]
    name = f"user {user_id}"
    changes.record(
        connection, store_id, Subject.OVERRIDE, name, before=documents_[0], after=documents_[1], actor=actor, now=now
    )


def _check(connection: Connection, store_id: int, module: str | None, period: Period | None) -> None:
    if module is None:
        return
    policy = policies.for_store(connection, store_id)
    policy.check_module(module)
    limit = policy.limits.get(module)
    if period is not None and (limit is None or limit.window_of(period) is None):
        raise InvalidRequest(fields=[FieldError("period", f"the limit of {module} has no {period.value} window")])
