"""The controls above the user list: filters, roles, the order and the size of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain.admin.user_list import INACTIVE_DAYS, PAGES, Filter, Listing, Sort

SORTS = {
    Sort.USER: "User ID",
    Sort.NAME: "Name",
    Sort.EMAIL: "Email",
    Sort.ROLES: "Roles",
    Sort.BALANCE: "Balance",
    Sort.HELD: "Held",
    Sort.DEBT: "Debt",
    Sort.USED: "Used, 30 days",
    Sort.PURCHASED: "Purchased",
    Sort.ACTIVE: "Last activity",
}
FILTERS = {
    Filter.HAS_BALANCE: "Has tokens",
    Filter.EXHAUSTED: "Used up",
    Filter.OVER_LIMIT: "Over a limit",
    Filter.IN_DEBT: "In debt",
    Filter.WAITING: "Waiting",
    Filter.HAS_PLAN: "Has a plan",
    Filter.INACTIVE: f"Inactive for {INACTIVE_DAYS} days",
}
_HINTS = {
    Filter.HAS_BALANCE: "The balance is above 0.",
    Filter.EXHAUSTED: "Bought tokens before, and has none left.",
    Filter.OVER_LIMIT: "Has used up the free limit of a module.",
    Filter.IN_DEBT: "Owes tokens that were refunded after they were used.",
    Filter.WAITING: "Has an order that needs attention, or is not paid.",
    Filter.HAS_PLAN: "Has a plan that runs now.",
    Filter.INACTIVE: f"No activity in the last {INACTIVE_DAYS} days.",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter: its link switches it, and `filters` are those that are on afterwards."""

    label: str
    hint: str
    is_on: bool
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select field."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FilterBar:
    """The controls of the list; `conditions` has in words what a user must fulfil to be listed."""

    chips: tuple[Chip, ...]
    on: tuple[str, ...]
    roles: tuple[Choice, ...]
    sorts: tuple[Choice, ...]
    directions: tuple[Choice, ...]
    sizes: tuple[Choice, ...]
    conditions: tuple[str, ...]


def filter_bar(listing: Listing, roles: Sequence[str]) -> FilterBar:
    """Return the controls, with the choices of the listing; `roles` are those to choose from."""
    on = listing.filters
    offered = sorted({*roles, listing.role} - {None, ""}, key=str)
    conditions = [FILTERS[each] for each in Filter if each in on]
    if listing.role:
        conditions.append(f"role {listing.role}")
    if listing.search:
        conditions.append(f"“{listing.search}” in the name, email, user ID or an order number")
    return FilterBar(
        chips=tuple(
            Chip(FILTERS[each], _HINTS[each], each in on, tuple(sorted(other.value for other in on ^ {each})))
            for each in Filter
        ),
        on=tuple(sorted(each.value for each in on)),
        roles=tuple(Choice(str(role), str(role), role == listing.role) for role in offered),
        sorts=tuple(Choice(each.value, label, each is listing.sort) for each, label in SORTS.items()),
        directions=(
            Choice("asc", "Ascending", not listing.is_descending),
            Choice("desc", "Descending", listing.is_descending),
        ),
        sizes=tuple(Choice(str(size), f"{size} users", size == listing.page) for size in PAGES),
        conditions=tuple(conditions),
    )
