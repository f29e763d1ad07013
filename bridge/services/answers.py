"""The documents callers get: built here, since they are stored under their key and replayed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bridge.domain.accounts import Standing
from bridge.domain.limits import Allows, Limit, Verdict, Window, left_of
from bridge.domain.spending import Decision, Refusal
from bridge.domain.stores import Rulebook
from bridge.storage.spends import Spend

Document = dict[str, Any]

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_LOW_SHARE = 10
"""An allowance is low once less than a tenth of it is left."""


def opaque(prefix: str, number: int) -> str:
    """An id as callers see it: a prefix that says what it is, and letters that sort as the number does."""
    letters = []
    for _ in range(13):
        number, digit = divmod(number, 32)
        letters.append(_CROCKFORD[digit])
    return f"{prefix}_{''.join(reversed(letters))}"


def number_of(prefix: str, opaque_id: str) -> int | None:
    """The number behind an id made by `opaque`; None when it is none."""
    head, _, tail = opaque_id.partition("_")
    if head != prefix or len(tail) != 13 or any(letter not in _CROCKFORD for letter in tail):
        return None
    number = 0
    for letter in tail:
        number = number * 32 + _CROCKFORD.index(letter)
    return number if number < 2**63 else None


def instant(moment: datetime | None) -> str | None:
    """A moment as RFC 3339 in UTC."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def standing_document(standing: Standing) -> Document:
    """A balance: whole tokens, none below zero."""
    return {
        "balance": standing.balance,
        "held": standing.held,
        "available": standing.available,
        "debt": standing.debt,
    }


def state_of(verdict: Verdict, *, used: int) -> str:
    """How an allowance stands: `ok`, `low`, `exhausted`, `unlimited` or `disabled`."""
    rule = verdict.rule
    if rule.allows is not Allows.AMOUNT:
        return rule.allows.value
    left = left_of(rule, used=used) or 0
    if left == 0:
        return "exhausted"
    return "low" if left * _LOW_SHARE < rule.tokens else "ok"


def allowance_document(limit: Limit, verdict: Verdict, window: Window, *, used: int) -> Document:
    """What is left for free of one module: `limit` is a number, `unlimited` or `disabled`."""
    return {
        "module": limit.module,
        "limit": verdict.rule.document,
        "used": used,
        "remaining": left_of(verdict.rule, used=used),
        "period": limit.period.value,
        "resets_at": instant(window.ends_at),
        "state": state_of(verdict, used=used),
    }


def spend_document(spend: Spend, *, standing: Standing, allowance: Document | None) -> Document:
    """A spend that was paid."""
    return {
        "id": opaque("sp", spend.id),
        "module": spend.module,
        "operation": spend.operation,
        "quantity": spend.units,
        "tokens": spend.tokens,
        "paid_by": {"plan": spend.from_plan, "balance": spend.from_balance, "allowance": spend.from_allowance},
        "uncovered": 0,
        "balance": standing_document(standing),
        "allowance": allowance,
        "source": spend.source,
        "reference": spend.reference,
        "created_at": instant(spend.created_at),
    }


def refusal_document(
    rulebook: Rulebook,
    decision: Decision,
    *,
    module: str,
    price: int,
    standing: Standing,
    allowance: Document | None,
) -> Document:
    """A refusal: what was asked, what is missing and where to buy it; nothing was charged."""
    disabled = decision.refusal is Refusal.MODULE_DISABLED
    label = rulebook.label_of(module)
    limit = rulebook.limits.get(module)
    default = (
        f"{label} is not available to you."
        if disabled
        else f"You need {decision.shortfall:,} more tokens for this. Nothing was charged."
    )
    return {
        "type": "about:blank",
        "title": "Module disabled" if disabled else "Not enough tokens",
        "status": 403 if disabled else 402,
        "detail": f"{price} tokens are needed and {price - decision.shortfall} can be paid. Nothing was charged.",
        "code": str(decision.refusal),
        "required": price,
        "available": price - decision.shortfall,
        "shortfall": decision.shortfall,
        "balance": standing_document(standing),
        "allowance": allowance,
        "resets_at": allowance["resets_at"] if allowance else None,
        "purchase_url": rulebook.store.purchase_url,
        "message": (limit.message if limit else "") or default,
    }
