"""The documents callers get: built here, since they are stored under their key and replayed."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic_core import to_json

from bridge.domain.accounts import Standing
from bridge.domain.holds import Hold
from bridge.domain.limits import FOREVER, Allows, Limit, Verdict, Window, left_of
from bridge.domain.spending import Decision, Refusal
from bridge.domain.stores import Rulebook
from bridge.storage.spends import Refund, Spend

Document = dict[str, Any]

_REFUSALS = {
    Refusal.INSUFFICIENT_TOKENS: (
        "Not enough tokens",
        "You are {shortfall} short of this. Nothing was charged.",
    ),
    Refusal.MODULE_DISABLED: ("Module disabled", "{module} is not available to you."),
    Refusal.SITE_CAP_REACHED: (
        "Monthly cap reached",
        "This site has reached its cap for the month, by {shortfall}. Nothing was charged.",
    ),
}

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in CROCKFORD for second in CROCKFORD]
_PAIR = 0x3FF
_LOW_SHARE = 10
"""An allowance is low once less than a tenth of it is left."""


def opaque(prefix: str, number: int) -> str:
    """An id as callers see it: a prefix that says what it is, and letters that sort as the number does."""
    return (
        f"{prefix}_{CROCKFORD[number >> 60]}{_PAIRS[number >> 50 & _PAIR]}{_PAIRS[number >> 40 & _PAIR]}"
        f"{_PAIRS[number >> 30 & _PAIR]}{_PAIRS[number >> 20 & _PAIR]}{_PAIRS[number >> 10 & _PAIR]}"
        f"{_PAIRS[number & _PAIR]}"
    )


def number_of(prefix: str, opaque_id: str) -> int | None:
    """The number behind an id made by `opaque`; None when it is none."""
    head, _, tail = opaque_id.partition("_")
    if head != prefix or len(tail) != 13 or any(letter not in CROCKFORD for letter in tail):
        return None
    number = 0
    for letter in tail:
        number = number * 32 + CROCKFORD.index(letter)
    return number if number < 2**63 else None


def tokens(count: int) -> str:
    """A number of tokens as a sentence says it: `1 token`, `1,200 tokens`."""
    return f"{count:,} token" if count == 1 else f"{count:,} tokens"


def quantity(pieces: int | Decimal | None) -> int | float | None:
    """A quantity as JSON shows it: whole, or a fraction."""
    return pieces if pieces is None or isinstance(pieces, int) else float(pieces)


def written(document: Document) -> str:
    """A document as JSON text, the way it is stored under its key and sent."""
    return to_json(document).decode()


@functools.lru_cache(maxsize=1024)
def instant(moment: datetime | None) -> str | None:
    """A moment as RFC 3339 in UTC; a batch says one and the same again and again."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def opened_at(window: Window) -> str | None:
    """When a window opened; None for one that was always open."""
    return instant(window.starts_at) if window.starts_at > FOREVER else None


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


def allowance_document(limit: Limit, verdict: Verdict, window: Window, *, used: int, held: int = 0) -> Document:
    """What is left for free of one module: `limit` is a number, `unlimited` or `disabled`.

    `remaining` is less what open holds set aside, None without an end.
    `last_reset_at` is when the running window opened, None for one that never does.
    """
    return {
        "module": limit.module,
        "limit": verdict.rule.document,
        "used": used,
        "held": held,
        "remaining": left_of(verdict.rule, used=used + held),
        "period": limit.period.value,
        "resets_at": instant(window.ends_at),
        "last_reset_at": opened_at(window),
        "state": state_of(verdict, used=used + held),
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
        "uncovered": spend.uncovered,
        "balance": standing_document(standing),
        "allowance": allowance,
        "hold": None if spend.hold_id is None else opaque("ho", spend.hold_id),
        "source": spend.source,
        "reference": spend.reference,
        "created_at": instant(spend.created_at),
    }


def hold_document(hold: Hold, *, standing: Standing, allowance: Document | None) -> Document:
    """Tokens set aside: `paid_by` says from which sources."""
    return {
        "id": opaque("ho", hold.id),
        "state": hold.state.value,
        "module": hold.module,
        "operation": hold.operation,
        "quantity": hold.units,
        "tokens": hold.tokens,
        "paid_by": {"plan": hold.from_plan, "balance": hold.from_balance, "allowance": hold.from_allowance},
        "balance": standing_document(standing),
        "allowance": allowance,
        "source": hold.source,
        "reference": hold.reference,
        "created_at": instant(hold.created_at),
        "expires_at": instant(hold.expires_at),
    }


def refund_document(refund: Refund, *, standing: Standing, allowance: Document | None) -> Document:
    """Tokens given back: `lapsed` is what could not go back, since its window has closed."""
    return {
        "id": opaque("rf", refund.id),
        "spend": opaque("sp", refund.spend_id),
        "tokens": refund.to_plan + refund.to_balance + refund.to_allowance,
        "paid_by": {"plan": refund.to_plan, "balance": refund.to_balance, "allowance": refund.to_allowance},
        "lapsed": refund.lapsed,
        "reason": refund.reason,
        "balance": standing_document(standing),
        "allowance": allowance,
        "created_at": instant(refund.created_at),
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
    limit = rulebook.limits.get(module)
    title, default = _REFUSALS[decision.refusal or Refusal.INSUFFICIENT_TOKENS]
    default = default.format(module=rulebook.label_of(module), shortfall=tokens(decision.shortfall))
    return {
        "type": "about:blank",
        "title": title,
        "status": 403 if disabled else 402,
        "detail": f"It costs {tokens(price)}, and {price - decision.shortfall:,} can be paid. Nothing was charged.",
        "code": str(decision.refusal),
        "required": price,
        "available": price - decision.shortfall,
        "shortfall": decision.shortfall,
        "balance": standing_document(standing),
        "allowance": allowance,
        "resets_at": allowance["resets_at"] if allowance else None,
        "purchase_url": rulebook.store.purchase_url,
        "message": _own_message(decision, limit) or default,
    }


def _own_message(decision: Decision, limit: Limit | None) -> str:
    """What the owner wrote for when the module's limit is used up; a site's cap is another matter."""
    if limit is None or decision.refusal is Refusal.SITE_CAP_REACHED:
        return ""
    return limit.message
