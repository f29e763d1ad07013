"""JSON documents of a store's rules: modules, limits, prices, users' own limits and resets."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.domain.metering.limits import Limit, Override, Reset, Rule
from bridge.domain.metering.pricing import Operation
from bridge.domain.stores.stores import Module
from bridge.rendering.documents import Document, format_timestamp


def module_document(module: Module) -> Document:
    """Return a module as JSON."""
    return {
        "key": module.key,
        "label": module.label,
        "metered": module.is_metered,
        "labels": dict(sorted(module.labels.items())),
    }


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
