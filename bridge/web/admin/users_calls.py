"""The calls of the API that do the same as the credits page and bulk changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bridge.domain.admin.balance_edits import Mode
from bridge.domain.admin.bulk_changes import BulkRow
from bridge.domain.admin.user_list import Listing, write_place
from bridge.web.admin.balance_form import EditForm
from bridge.web.admin.curl import Call, Calls, Query, call
from bridge.web.api.parsing import typed_amount
from bridge.web.api.user_list import SORT_NAMES

_KEY = "one-key-for-each-change"
_ROWS = 3
"""The most rows of a bulk change in its call."""


def list_calls(listing: Listing, edit: EditForm | None, *, first: date, days: int) -> Calls:
    """Return the calls for the shown part of the list, the chart that begins on a day, and the opened form."""
    sign = "-" if listing.is_descending else ""
    conditions = sorted(each.value for each in listing.filters)
    if listing.role:
        conditions.append(f"role:{listing.role}")
    users: Query = {
        "q": listing.search,
        "filter": ",".join(conditions),
        "sort": f"{sign}{SORT_NAMES[listing.sort]}",
        "limit": listing.page,
        "cursor": write_place(listing.after, listing.sort) if listing.after else None,
    }
    last = first + timedelta(days=days - 1)
    usage: dict[str, str | int | None] = {"from": first.isoformat(), "to": last.isoformat(), "by": "day,module"}
    return (
        *((_edit_call(edit),) if edit else ()),
        call("Users of this list", "GET", "/v1/users", query=users),
        call("Usage by day and module", "GET", "/v1/usage", query=usage),
        call("Usage by site, source and operation", "GET", "/v1/usage", query=usage | {"by": "site,source,operation"}),
    )


def _edit_call(edit: EditForm) -> Call:
    amount = typed_amount(edit.balance)
    change: dict[str, object]
    if edit.mode is Mode.SET:
        change = {"balance": amount or 0, "expected_balance": edit.expected_balance}
    else:
        change = {"tokens": (amount or 1) * (1 if edit.mode is Mode.ADD else -1)}
    body = {**change, "reason": edit.reason or "Counted again"}
    label = f"Change the balance of user {edit.user_id}"
    return call(label, "POST", f"/v1/users/{edit.user_id}/adjustments", body, key=_KEY)


def bulk_calls(rows: Sequence[BulkRow] = ()) -> Calls:
    """Return the call that makes a bulk change: its first rows that can be applied, or an example."""
    shown = [row for row in rows if row.user_id is not None and row.tokens and not row.error][:_ROWS]
    stated = [(row.user_id, row.tokens, row.reason) for row in shown] or [(42, 500, "Goodwill")]
    adjustments = [
        {"key": f"change-{user_id}", "user": {"id": user_id}, "tokens": tokens, "reason": reason or "Bulk change"}
        for user_id, tokens, reason in stated
    ]
    label = "Change many balances, up to 1,000 in a request"
    return (call(label, "POST", "/v1/adjustments/bulk", {"adjustments": adjustments}),)
