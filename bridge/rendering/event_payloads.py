"""The payload of each type of event: stored with the event when it happens, and sent as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from bridge.domain.accounts.accounts import Balance
from bridge.domain.accounts.ledger import Entry
from bridge.domain.metering.limits import Period, Reset, Rule, Window
from bridge.domain.shop.issues import Issue
from bridge.domain.stores.thresholds import Line
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.issues import describe_with_command


def grant_payload(entry: Entry) -> Document:
    """Return the payload of `grant.created` and `grant.reversed`: an order line, and what its tokens did."""
    return {
        "order": entry.order_number,
        "line": entry.line_id,
        "tokens": entry.tokens - entry.debt - entry.forgiven,
        "balance": entry.balance_after,
        "debt": entry.debt_after,
    }


def balance_payload(balance: Balance, below: Line | None) -> Document:
    """Return the payload of the `balance` events; `below` is the level of a low one."""
    payload: Document = {"balance": balance.balance, "available": balance.available}
    if below is not None:
        payload |= {"threshold": below.tokens, "percent": below.percent}
    return payload


def exhausted_payload(module: str, window: Window, period: Period | None) -> Document:
    """Return the payload of `allowance.exhausted`; `period` is stated where the limit has two windows."""
    payload: Document = {"module": module, "resets_at": format_timestamp(window.ends_at)}
    if period is not None:
        payload["period"] = period.value
    return payload


def opened_payload(
    module: str, rule: Rule, period: Period, *, starts_at: datetime, ends_at: datetime | None
) -> Document:
    """Return the payload of `allowance.reset` of a window that began by itself."""
    return {
        "module": module,
        "limit": rule.document,
        "period": period.value,
        "started_at": format_timestamp(starts_at),
        "resets_at": format_timestamp(ends_at),
    }


def reset_payload(reset: Reset) -> Document:
    """Return the payload of `allowance.reset` of a manual reset; the period is left out if it is of all."""
    payload: Document = {"module": reset.module, "reset_at": format_timestamp(reset.reset_at), "by_hand": True}
    if reset.period is not None:
        payload["period"] = reset.period.value
    return payload


def merged_payload(*, from_user: int | None, balance: int, debt: int) -> Document:
    """Return the payload of `user.merged`: the user who was merged, and what their account brought."""
    return {"from": from_user, "balance": balance, "debt": debt}


def erased_payload() -> Document:
    """Return the payload of `user.erased`, which states nothing about the person."""
    return {}


def silent_payload(stopping: Iterable[Issue], *, slug: str, remaining: Collection[str]) -> Document:
    """Return the payload of `store.webhook_silent`: the problems, those in `remaining` not repaired."""
    return {
        "faults": [
            {
                "code": issue.code.value,
                "topics": list(issue.topics),
                "sentence": describe_with_command(issue, slug=slug),
                "repaired": issue.key not in remaining,
            }
            for issue in stopping
        ]
    }
