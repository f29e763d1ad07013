"""The documents callers get: built here, since they are stored under their key and replayed."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic_core import to_json

from bridge.domain.accounts.accounts import Balance
from bridge.domain.metering.holds import Hold
from bridge.domain.metering.limits import FOREVER, Allows, Limit, MatchedRule, Window, left_of
from bridge.services.ids import CROCKFORD, decode_id, encode_id
from bridge.storage.metering.spends import Refund, Spend

Document = dict[str, Any]

__all__ = ["CROCKFORD", "decode_id", "encode_id"]

_LOW_SHARE = 10
"""An allowance is low once less than a tenth of it is left."""


def tokens(count: int) -> str:
    """A number of tokens as a sentence says it: `1 token`, `1,200 tokens`."""
    return f"{count:,} token" if count == 1 else f"{count:,} tokens"


def quantity(pieces: int | Decimal | None) -> int | float | None:
    """A quantity as JSON shows it: whole, or a fraction."""
    return pieces if pieces is None or isinstance(pieces, int) else float(pieces)


def shown_number(order_id: int, shop_number: str) -> int | str:
    """An order's number as JSON shows it: the shop's own where it has one, else the id."""
    return shop_number or order_id


def written(document: Document) -> str:
    """A document as JSON text, the way it is stored under its key and sent."""
    return to_json(document).decode()


@functools.lru_cache(maxsize=1024)
def format_timestamp(moment: datetime | None) -> str | None:
    """A moment as RFC 3339 in UTC; a batch says one and the same again and again."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def opened_at(window: Window) -> str | None:
    """When a window opened; None for one that was always open."""
    return format_timestamp(window.starts_at) if window.starts_at > FOREVER else None


def balance_document(account_balance: Balance) -> Document:
    """A balance: whole tokens, none below zero."""
    return {
        "balance": account_balance.balance,
        "held": account_balance.held,
        "available": account_balance.available,
        "debt": account_balance.debt,
    }


def state_of(matched: MatchedRule, *, used: int) -> str:
    """How an allowance stands: `ok`, `low`, `exhausted`, `unlimited` or `disabled`."""
    rule = matched.rule
    if rule.allows is not Allows.AMOUNT:
        return rule.allows.value
    left = left_of(rule, used=used) or 0
    if left == 0:
        return "exhausted"
    return "low" if left * _LOW_SHARE < rule.tokens else "ok"


def allowance_document(limit: Limit, matched: MatchedRule, window: Window, *, used: int, held: int = 0) -> Document:
    """Return what is left for free of one module: `limit` is a number, `unlimited` or `disabled`.

    `remaining` is less what open holds set aside, None without an end.
    `last_reset_at` is when the running window opened, None for one that never does.
    """
    return {
        "module": limit.module,
        "limit": matched.rule.document,
        "used": used,
        "held": held,
        "remaining": left_of(matched.rule, used=used + held),
        "period": limit.period.value,
        "resets_at": format_timestamp(window.ends_at),
        "last_reset_at": opened_at(window),
        "state": state_of(matched, used=used + held),
    }


def spend_document(spend: Spend, *, account_balance: Balance, allowance: Document | None) -> Document:
    """A spend that was paid."""
    return {
        "id": encode_id("sp", spend.id),
        "module": spend.module,
        "operation": spend.operation,
        "quantity": spend.units,
        "tokens": spend.tokens,
        "paid_by": {"plan": spend.from_plan, "balance": spend.from_balance, "allowance": spend.from_allowance},
        "uncovered": spend.uncovered,
        "balance": balance_document(account_balance),
        "allowance": allowance,
        "hold": None if spend.hold_id is None else encode_id("ho", spend.hold_id),
        "source": spend.source,
        "reference": spend.reference,
        "created_at": format_timestamp(spend.created_at),
    }


def hold_document(hold: Hold, *, account_balance: Balance, allowance: Document | None) -> Document:
    """Tokens set aside: `paid_by` says from which sources."""
    return {
        "id": encode_id("ho", hold.id),
        "state": hold.state.value,
        "module": hold.module,
        "operation": hold.operation,
        "quantity": hold.units,
        "tokens": hold.tokens,
        "paid_by": {"plan": hold.from_plan, "balance": hold.from_balance, "allowance": hold.from_allowance},
        "balance": balance_document(account_balance),
        "allowance": allowance,
        "source": hold.source,
        "reference": hold.reference,
        "created_at": format_timestamp(hold.created_at),
        "expires_at": format_timestamp(hold.expires_at),
    }


def refund_document(refund: Refund, *, account_balance: Balance, allowance: Document | None) -> Document:
    """Tokens given back: `lapsed` is what could not go back, since its window has closed."""
    return {
        "id": encode_id("rf", refund.id),
        "spend": encode_id("sp", refund.spend_id),
        "tokens": refund.to_plan + refund.to_balance + refund.to_allowance,
        "paid_by": {"plan": refund.to_plan, "balance": refund.to_balance, "allowance": refund.to_allowance},
        "lapsed": refund.lapsed,
        "reason": refund.reason,
        "balance": balance_document(account_balance),
        "allowance": allowance,
        "created_at": format_timestamp(refund.created_at),
    }
