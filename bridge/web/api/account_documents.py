"""JSON documents of an account: profile, balance, plan and allowances."""

from __future__ import annotations

from bridge.rendering import documents
from bridge.rendering.documents import Document
from bridge.rendering.receipts import allowance_document, balance_document
from bridge.services.metering.overview import AccountOverview, PlanStatus


def account_document(overview: AccountOverview) -> Document:
    """Return an account as the API shows it to its store."""
    account = overview.account
    return {
        "id": account.user_id,
        "email": account.email,
        "name": account.name,
        "roles": list(account.roles),
        "confirm_paid": account.confirm_paid,
        **funds_document(overview),
    }


def funds_document(overview: AccountOverview) -> Document:
    """Return the balance, the plan and the allowances of an account, without its profile."""
    return {
        "balance": balance_document(overview.balance),
        "plan": None if overview.plan is None else _plan_document(overview.plan),
        "limits": [allowance_document(allowance) for allowance in overview.allowances],
    }


def _plan_document(plan: PlanStatus) -> Document:
    return {
        "name": plan.name,
        "tokens": plan.tokens,
        "used": plan.used,
        "remaining": plan.remaining,
        "resets_at": documents.format_timestamp(plan.resets_at),
        "ends_at": documents.format_timestamp(plan.ends_at),
    }
