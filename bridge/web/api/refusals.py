"""Refusals as problem+json: what is missing, when the same request can succeed, and whether buying helps."""

from __future__ import annotations

from bridge.domain.metering.funding import Refusal
from bridge.domain.metering.limits import Period
from bridge.rendering.amounts import count_tokens
from bridge.rendering.documents import Document, format_timestamp
from bridge.rendering.receipts import allowance_document, balance_document, paid_by_document
from bridge.services.metering.refusals import RefusedRequest
from bridge.web.errors import problem_type, status_of_code

_TITLES = {
    Refusal.INSUFFICIENT_TOKENS: "Not enough tokens",
    Refusal.MODULE_DISABLED: "Module disabled",
    Refusal.SITE_CAP_REACHED: "Monthly cap reached",
    Refusal.CONFIRMATION_REQUIRED: "Confirmation required",
}

_WINDOWS = {
    Period.DAILY: "today's",
    Period.WEEKLY: "this week's",
    Period.MONTHLY: "this month's",
    Period.NEVER: "the total",
}


def refusal_document(refused: RefusedRequest) -> Document:
    """Return a refusal; its `status` is the HTTP status."""
    remedy = _remedy(refused)
    code = refused.reason.value
    windows = refused.allowance.windows if refused.allowance else ()
    refused_by = {"refused_by": [one.period.value for one in refused.refused_by]} if len(windows) > 1 else {}
    return {
        "type": problem_type(code),
        "title": _TITLES[refused.reason],
        "status": status_of_code(code),
        "detail": f"It costs {count_tokens(refused.price)}, and {refused.payable:,} can be paid."
        f" Nothing was charged. {remedy}",
        "code": code,
        "required": refused.price,
        "available": refused.payable,
        "shortfall": refused.shortfall,
        "balance": balance_document(refused.balance),
        "allowance": allowance_document(refused.allowance),
        **refused_by,
        **({} if refused.would_pay is None else {"paid_by": paid_by_document(refused.would_pay)}),
        "resets_at": format_timestamp(refused.resets_at),
        "purchase_url": refused.purchase_url,
        "message": refused.message or (_sentence(refused) if refused.would_pay else f"{_sentence(refused)} {remedy}"),
    }


def _remedy(refused: RefusedRequest) -> str:
    """Return how and when the same request can succeed, as a sentence."""
    ways = []
    if refused.resets_at is not None:
        local = refused.resets_at.astimezone(refused.zone)
        ways.append(f"from {local:%Y-%m-%d %H:%M} ({local:%Z}) on")
    if refused.purchase_url is not None:
        missing = refused.shortfall
        ways.append("after 1 more token is bought" if missing == 1 else f"after {missing:,} more tokens are bought")
    if refused.reason is Refusal.SITE_CAP_REACHED:
        ways.append("after the site's monthly cap is raised")
    if refused.would_pay is not None:
        ways.insert(0, "with confirmed set to true once the user has confirmed")
    return f"The same request can succeed {', or '.join(ways)}."


def _sentence(refused: RefusedRequest) -> str:
    missing = count_tokens(refused.shortfall)
    match refused.reason:
        case Refusal.MODULE_DISABLED:
            return f"{refused.module_label} is not available to you."
        case Refusal.CONFIRMATION_REQUIRED:
            paid = refused.would_pay.balance if refused.would_pay else 0
            return f"This takes {count_tokens(paid)} from your balance. Please confirm it first. Nothing was charged."
        case Refusal.SITE_CAP_REACHED:
            return f"This site has reached its cap for the month: {missing} too many. Nothing was charged."
    if refused.refused_by and refused.allowance is not None and len(refused.allowance.windows) > 1:
        names = " and ".join(_WINDOWS[one.period] for one in refused.refused_by)
        used_up = "free limit does" if len(refused.refused_by) == 1 else "free limits do"
        return f"{names[0].upper()}{names[1:]} {used_up} not cover this: you are {missing} short. Nothing was charged."
    return f"You are {missing} short of this. Nothing was charged."
