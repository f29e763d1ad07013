"""The calls of the API that do the same as the Exceptions page."""

from __future__ import annotations

from bridge.domain.orders.merge import OrderState
from bridge.domain.orders.review import WANT_AMOUNTS, open_lines
from bridge.domain.orders.review_items import Question
from bridge.web.admin.curl import Calls, call

ABOUT_REFUNDS = frozenset({Question.UNREAD_REFUNDS, Question.UNALLOCATED_REFUND})


def exceptions_calls(known: OrderState | None, *, after: int, limit: int) -> Calls:
    """Return the calls that list the orders, and those that decide about one of them as far as they apply to it."""
    listing = {"limit": limit, "cursor": after or None}
    listed = call("Orders that need attention", "GET", "/v1/exceptions", query=listing)
    if known is None:
        return (listed,)
    path, kinds, found = f"/v1/orders/{known.number}", {item.kind for item in known.reviews}, [listed]
    found.append(call("One order", "GET", path))
    if Question.NO_BUYER in kinds:
        found.append(call("Assign to a user", "POST", f"{path}/assign", {"user": {"id": 42}}))
    if kinds & WANT_AMOUNTS:
        line = open_lines(known)[0].line
        found.append(call("Set the tokens of a line", "PUT", f"{path}/lines/{line.id}", {"tokens": 5000}))
    if kinds & ABOUT_REFUNDS:
        refunds = known.refunds
        seen = {"refunds": {"ids": list(refunds.ids), "total": f"{refunds.total:f}"}}
        found.append(call("Mark the refunds as reviewed", "POST", f"{path}/seen", seen))
    item = next((each for each in known.reviews if each.choices), None)
    if item is not None:
        body = {"kind": item.kind.value, "subject": item.subject, "choice": item.choices[0]}
        found.append(call("Decide", "POST", f"{path}/decisions", body))
    return (*found, call("Check again", "POST", f"{path}/check"))
