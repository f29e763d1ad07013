"""JSON documents of a store's rules: modules, limits, prices, users' own limits and resets."""

from __future__ import annotations

from bridge.domain.metering.limits import Limit, Override, Reset
from bridge.domain.metering.pricing import Operation
from bridge.domain.stores.stores import Module
from bridge.rendering.documents import Document, format_timestamp


def module_document(module: Module) -> Document:
    """Return a module as JSON."""
    return {"key": module.key, "label": module.label, "metered": module.is_metered}


def limit_document(limit: Limit) -> Document:
    """Return a limit as JSON; each rule is a number, `unlimited` or `disabled`."""
    return {
        "module": limit.module,
        "period": limit.period.value,
        "rules": {audience: rule.document for audience, rule in limit.rules.items()},
        "message": limit.message,
    }


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
    """Return a user's own limit as JSON."""
    return {
        "user": user_id,
        "module": override.module,
        "limit": override.rule.document,
        "ends_at": format_timestamp(override.ends_at),
    }


def reset_document(reset: Reset) -> Document:
    """Return a reset as JSON; `module` is null for all modules, `role` for all roles."""
    return {"module": reset.module, "role": reset.role, "reset_at": format_timestamp(reset.reset_at)}
