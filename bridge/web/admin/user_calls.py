"""The calls of the API that do the same as the page of one user, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.domain.metering.limits import Allows
from bridge.web.admin.curl import Calls, Query, call
from bridge.web.admin.explain_view import Explained, ExplainForm
from bridge.web.admin.user_limits_view import LimitCard
from bridge.web.admin.user_sites_view import SitesOfUser
from bridge.web.admin.users_view import UserRow
from bridge.web.api.parsing import typed_amount

DAY = 86_400
_MODULE = "chat"
"""The module of the examples where a store has none."""
_KEY = "one-key-for-each-change"


def user_calls(
    user: UserRow,
    limits: tuple[LimitCard, ...],
    explain: ExplainForm,
    explanation: Explained | None,
    linked: SitesOfUser,
    *,
    days: int,
) -> Calls:
    """Return the calls of every section and form of the page, in its order, with the values it shows."""
    path = f"/v1/users/{user.user_id}"
    adjustment = {"balance": user.balance + 500, "expected_balance": user.balance, "reason": "Counted again"}
    return (
        call("Balance, plan and limits", "GET", path),
        call("Set the balance", "POST", f"{path}/adjustments", adjustment, key=_KEY),
        call("Add or subtract tokens", "POST", f"{path}/adjustments", {"tokens": 500, "reason": "Goodwill"}, key=_KEY),
        *_limit_calls(path, limits),
        call("Explain a decision", "GET", f"{path}/explain", query=_question(limits, explain, explanation)),
        call("Usage", "GET", f"{path}/usage", query={"days": days}),
        call("Ledger", "GET", f"{path}/entries"),
        call("Purchases", "GET", f"{path}/purchases"),
        call("Open holds", "GET", "/v1/holds", query={"state": "open", "user_id": user.user_id}),
        *(call("Release a hold", "POST", f"/v1/holds/{hold.id}/release") for hold in linked.holds[:1]),
        *_site_calls(path, linked),
        call("Export everything", "GET", f"{path}/export"),
    )


def closed_calls(user_id: int, *, days: int) -> Calls:
    """Return the calls for a user who was merged into another: the ledger and the usage from before."""
    path = f"/v1/users/{user_id}"
    return (
        call("Ledger from before the merge", "GET", f"{path}/entries", query={"merged": "true"}),
        call("Usage from before the merge", "GET", f"{path}/usage", query={"days": days, "merged": "true"}),
    )


def _limit_calls(path: str, limits: tuple[LimitCard, ...]) -> Calls:
    card = next((each for each in limits if each.own), next(iter(limits), None))
    module = card.row.module if card else _MODULE
    reset = {"module": module}
    return (
        call("Set an own limit", "PUT", f"{path}/limits/{module}", _own_limit(card)),
        call("Remove an own limit", "DELETE", f"{path}/limits/{module}"),
        call("Reset a limit", "POST", f"{path}/limits/reset", reset),
        call("Reset all limits", "POST", f"{path}/limits/reset", {"all": True}),
    )


def _own_limit(card: LimitCard | None) -> Mapping[str, Any]:
    if card is None or card.own is None:
        return {"limit": 50_000}
    form = card.form
    return {"limit": (typed_amount(form.tokens) or 0) if form.allows == Allows.AMOUNT.value else form.allows}


def _question(limits: tuple[LimitCard, ...], form: ExplainForm, explanation: Explained | None) -> Query:
    module = form.module or (limits[0].row.module if limits else _MODULE)
    at = explanation.at.iso if explanation and explanation.at else None
    return {"module": module, "tokens": typed_amount(form.tokens) or 1, "at": at}


def _site_calls(path: str, linked: SitesOfUser) -> Calls:
    site = next((each for each in linked.sites if each.unlinked is None), None)
    first = (
        call("Create a link code", "POST", f"{path}/link-codes"),
        call("Linked sites", "GET", f"{path}/sites"),
    )
    if site is None:
        return first
    return (
        *first,
        call("Change the cap of a site", "PATCH", f"/v1/sites/{site.id}", {"monthly_cap": site.cap}),
        call("Rotate the key of a site", "POST", f"/v1/sites/{site.id}/rotate", {"grace_seconds": DAY}),
        call("Unlink a site", "DELETE", f"/v1/sites/{site.id}"),
    )
