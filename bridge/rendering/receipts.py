"""JSON documents of spends, holds and refunds, with what the account has after them."""

from __future__ import annotations

from bridge.domain.accounts.accounts import Balance
from bridge.domain.metering.funding import Decision
from bridge.domain.metering.holds import Hold
from bridge.domain.metering.limits import Allowance, WindowAllowance
from bridge.domain.metering.spends import Receipt, Refund, Spend
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.ids import encode_id


def receipt_document(receipt: Receipt) -> Document:
    """Return the result of a request as its caller gets it."""
    after: Document = {
        "balance": balance_document(receipt.balance),
        "allowance": allowance_document(receipt.allowance),
    }
    match receipt.item:
        case Spend() as spend:
            return _spend_document(spend, after)
        case Hold() as hold:
            return hold_document(hold, after)
        case Refund() as refund:
            return _refund_document(refund, after)


def balance_document(balance: Balance) -> Document:
    """Return a balance: whole tokens, none below zero."""
    return {
        "balance": balance.balance,
        "held": balance.held,
        "available": balance.available,
        "debt": balance.debt,
    }


def paid_by_document(decision: Decision) -> Document:
    """Return the tokens that each source pays."""
    return {"plan": decision.plan, "balance": decision.balance, "allowance": decision.allowance}


def allowance_document(allowance: Allowance | None) -> Document | None:
    """Return an allowance: `limit` is a number, `unlimited` or `disabled`; None where there is none.

    `remaining` is less what open holds set aside, None for unlimited.
    `last_reset_at` is when the current window opened, None for one that never ends.
    Of two windows it is the strictest, and `windows` has both.
    """
    if allowance is None:
        return None
    if len(allowance.windows) == 1:
        return {"module": allowance.module, **_window_document(allowance.windows[0])}
    documents = [_window_document(window) for window in allowance.windows]
    strictest = documents[0 if allowance.strictest is allowance.windows[0] else 1]
    return {"module": allowance.module, **strictest, "windows": documents}


def _window_document(window: WindowAllowance) -> Document:
    return {
        "limit": window.matched.rule.document,
        "used": window.used,
        "held": window.held,
        "remaining": window.remaining,
        "period": window.period.value,
        "resets_at": format_timestamp(window.window.ends_at),
        "last_reset_at": format_timestamp(window.window.opened_at),
        "state": window.state.value,
    }


def _spend_document(spend: Spend, after: Document) -> Document:
    return {
        "id": encode_id("sp", spend.id),
        "module": spend.module,
        "operation": spend.operation,
        "quantity": spend.units,
        "tokens": spend.tokens,
        "paid_by": {"plan": spend.from_plan, "balance": spend.from_balance, "allowance": spend.from_allowance},
        "uncovered": spend.uncovered,
        **after,
        "hold": None if spend.hold_id is None else encode_id("ho", spend.hold_id),
        "source": spend.source,
        "reference": spend.reference,
        "created_at": format_timestamp(spend.created_at),
    }


def hold_document(hold: Hold, after: Document | None = None) -> Document:
    """Return a hold, with what its account has `after` it."""
    return {
        "id": encode_id("ho", hold.id),
        "state": hold.state.value,
        "module": hold.module,
        "operation": hold.operation,
        "quantity": hold.units,
        "tokens": hold.tokens,
        "paid_by": {"plan": hold.from_plan, "balance": hold.from_balance, "allowance": hold.from_allowance},
        **(after or {}),
        "source": hold.source,
        "reference": hold.reference,
        "created_at": format_timestamp(hold.created_at),
        "expires_at": format_timestamp(hold.expires_at),
    }


def _refund_document(refund: Refund, after: Document) -> Document:
    """Return a refund; `lapsed` is what could not go back, since its window has closed."""
    return {
        "id": encode_id("rf", refund.id),
        "spend": encode_id("sp", refund.spend_id),
        "tokens": refund.to_plan + refund.to_balance + refund.to_allowance,
        "paid_by": {"plan": refund.to_plan, "balance": refund.to_balance, "allowance": refund.to_allowance},
        "lapsed": refund.lapsed,
        "reason": refund.reason,
        **after,
        "created_at": format_timestamp(refund.created_at),
    }
