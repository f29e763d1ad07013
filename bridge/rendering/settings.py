"""JSON documents of a store's rules: modules, limits, prices, users' own limits and resets."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.domain.metering.limits import Allows, Limit, LimitWindow, Override, Period, Reset, Rule
from bridge.domain.metering.pricing import Operation
from bridge.domain.stores.stores import Module
from bridge.rendering.documents import Document, format_timestamp, read_timestamp


def module_document(module: Module) -> Document:
    """Return a module as JSON."""
    return {"key": module.key, "label": module.label, "metered": module.is_metered}


def limit_document(limit: Limit) -> Document:
    """Return a limit as JSON; each rule is a number, `unlimited` or `disabled`. `second` only where there is one."""
    document: Document = {
        "module": limit.module,
        "period": limit.period.value,
        "rules": _rules(limit.rules),
        "message": limit.message,
    }
    if limit.second is not None:
        document["second"] = {"period": limit.second.period.value, "rules": _rules(limit.second.rules)}
    return document


def _rules(rules: Mapping[str, Rule]) -> Document:
    return {audience: rule.document for audience, rule in rules.items()}


def read_module(document: Document) -> Module:
    """Return the module of a document that `module_document` made."""
    return Module(document["key"], document["label"], document["metered"])


def read_limit(document: Document) -> Limit:
    """Return the limit of a document that `limit_document` made."""
    second = document.get("second")
    return Limit(
        document["module"],
        Period(document["period"]),
        _read_rules(document["rules"]),
        document["message"],
        None if second is None else LimitWindow(Period(second["period"]), _read_rules(second["rules"])),
    )


def read_override(document: Document) -> Override:
    """Return the user's own limit of a document that `override_document` made."""
    second = document.get("second_limit")
    return Override(
        document["module"],
        _read_rule(document["limit"]),
        read_timestamp(document["ends_at"]),
        None if second is None else _read_rule(second),
    )


def _read_rules(rules: Document) -> dict[str, Rule]:
    return {audience: _read_rule(value) for audience, value in rules.items()}


def _read_rule(value: int | str) -> Rule:
    return Rule(Allows.AMOUNT, value) if isinstance(value, int) else Rule(Allows(value))


def operation_document(operation: Operation) -> Document:
    """Return an operation as JSON."""
    return {
        "key": operation.key,
        "module": operation.module,
        "tokens_per_unit": operation.tokens_per_unit,
        "max_units": operation.max_units,
        "parts": list(operation.parts),
    }


def override_document(user_id: int, override: Override) -> Document:
    """Return a user's own limit as JSON; `second_limit` only where they have one."""
    document: Document = {
        "user": user_id,
        "module": override.module,
        "limit": override.rule.document,
        "ends_at": format_timestamp(override.ends_at),
    }
    if override.second is not None:
        document["second_limit"] = override.second.document
    return document


def reset_document(reset: Reset) -> Document:
    """Return a reset as JSON; `module` is null for all modules, `role` for all roles. `period` only where given."""
    document: Document = {"module": reset.module, "role": reset.role, "reset_at": format_timestamp(reset.reset_at)}
    if reset.period is not None:
        document["period"] = reset.period.value
    return document
