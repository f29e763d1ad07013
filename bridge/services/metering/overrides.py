"""Overrides: an account's own rule for a module, in place of the rules of its audiences."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.metering.errors import UnknownLimit
from bridge.domain.metering.limits import Override
from bridge.rendering.settings import override_document
from bridge.services.accounts.profiles import get_account
from bridge.services.stores import changes
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
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
    """Remove an account's own rule; raises `UnknownUser` and `UnknownLimit`."""
    account = get_account(connection, store_id, user_id)
    stores.touch(connection, store_id)
    before = overrides.overrides(connection, [account.id], now=now).get((account.id, module))
    if not overrides.drop_override(connection, account.id, module):
        raise UnknownLimit(f"user {user_id} has no rule of their own for {module}")
    _record_override(connection, store_id, user_id, before, None, actor=actor, now=now)


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
