"""The rules of a store at an earlier moment: those of now, with each recorded change since taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.domain.metering.funding import Source
from bridge.domain.metering.limits import (
    WEEKDAYS,
    Allows,
    Limit,
    LimitWindow,
    Override,
    Period,
    Rule,
    keep_counters,
)
from bridge.domain.stores.stores import Module, Policy
from bridge.rendering.documents import Document
from bridge.services.stores.changes import Subject
from bridge.storage.engine.database import Connection
from bridge.storage.engine.json_times import unpack_time
from bridge.storage.metering import overrides, policies
from bridge.storage.stores import changes
from bridge.storage.stores.changes import Change

MOST_CHANGES = 5_000
"""The most recorded changes that are taken back."""
_SUBJECTS = (Subject.STORE, Subject.MODULE, Subject.LIMIT, Subject.OVERRIDE)


@dataclass(frozen=True, slots=True)
class PastRules:
    """The policy of a store and an account's own limits just before a moment.

    `recorded_since` is the first moment from which changes are known, None if no
    change was ever recorded; before it, rules may have been others. `is_cut` means
    that more changes followed than were taken back.
    """

    policy: Policy
    overrides: dict[str, Override]
    recorded_since: datetime | None
    is_cut: bool


def rules_at(connection: Connection, store_id: int, *, user_id: int, account_id: int, at: datetime) -> PastRules:
    """Return the rules that applied to a user just before a moment."""
    policy = policies.for_store(connection, store_id)
    subjects = [subject.value for subject in _SUBJECTS]
    found = changes.list_since(connection, store_id, subjects, since=at, limit=MOST_CHANGES + 1)
    own = {module: override for (_, module), override in overrides.overrides(connection, [account_id], now=at).items()}
    policy, own = _without(policy, own, found[:MOST_CHANGES], user_id)
    own = {module: override for module, override in own.items() if override.ends_at is None or override.ends_at > at}
    first = changes.first_of(connection, store_id)
    return PastRules(policy, own, None if first is None else first.created_at, len(found) > MOST_CHANGES)


def _without(
    policy: Policy, own: dict[str, Override], found: Sequence[Change], user_id: int
) -> tuple[Policy, dict[str, Override]]:
    """Return the rules before these changes, which are the newest first."""
    modules, limits, store = dict(policy.modules), dict(policy.limits), policy.store
    for change in found:
        if change.subject == Subject.STORE.value:
            store = _store_before(store, change)
        elif change.subject == Subject.MODULE.value:
            _put(modules, change.name, None if change.before is None else read_module(change.before))
        elif change.subject == Subject.LIMIT.value:
            # Windows keep the counter of their period in both directions.
            before = None if change.before is None else read_limit(change.before)
            _put(limits, change.name, before and keep_counters(before, limits.get(change.name)))
        elif change.name == f"user {user_id}":
            module = (change.before or change.after)["module"]
            _put(own, module, None if change.before is None else read_override(change.before))
    return replace(policy, store=store, calendar=store.calendar, modules=modules, limits=limits), own


def _put(found: dict[str, Any], key: str, value: Module | Limit | Override | None) -> None:
    if value is None:
        found.pop(key, None)
    else:
        found[key] = value


def _store_before(store: Any, change: Change) -> Any:
    """Return the store with the settings that decide spends as they were before a change."""
    before = change.before if isinstance(change.before, dict) else {}
    values: dict[str, Any] = {}
    if "time_zone" in before:
        values["time_zone"] = before["time_zone"]
    if "week_start" in before:
        values["week_start"] = WEEKDAYS.index(before["week_start"])
    if "spend_order" in before:
        values["spend_order"] = tuple(Source(name) for name in before["spend_order"])
    return replace(store, **values) if values else store


def read_module(document: Document) -> Module:
    """Return the module of a document that `module_document` of `bridge.rendering.settings` makes."""
    return Module(document["key"], document["label"], document["metered"], document.get("labels") or {})


def read_limit(document: Document) -> Limit:
    """Return the limit of a document that `limit_document` of `bridge.rendering.settings` makes."""
    second = document.get("second")
    return Limit(
        document["module"],
        Period(document["period"]),
        _read_rules(document["rules"]),
        document["message"],
        None if second is None else LimitWindow(Period(second["period"]), _read_rules(second["rules"])),
    )


def read_override(document: Document) -> Override:
    """Return the user's own limit of a document that `override_document` makes."""
    second = document.get("second_limit")
    return Override(
        document["module"],
        _read_rule(document["limit"]),
        None if document["ends_at"] is None else unpack_time(document["ends_at"]),
        None if second is None else _read_rule(second),
    )


def _read_rules(rules: Document) -> dict[str, Rule]:
    return {audience: _read_rule(value) for audience, value in rules.items()}


def _read_rule(value: int | str) -> Rule:
    return Rule(Allows.AMOUNT, value) if isinstance(value, int) else Rule(Allows(value))
