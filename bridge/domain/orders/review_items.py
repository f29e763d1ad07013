"""Review items: the points of an order that need a person, and the decisions about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

LEAVE = "leave"
"""The choice that changes nothing: the item is closed until its subject changes."""
GRANT = "grant"
"""The choice that grants what is withheld."""
KEEP = "keep"
"""The choice that keeps the first of two orders with one number."""
APPLY = "apply"
"""The choice that applies the document an item is about as the newest."""
PIECES = "pieces"
"""The choice that reverses by a refund's quantity instead of its money."""
REPLACE = "replace"
"""The choice that replaces the first of two orders with one number by the second."""


class Question(StrEnum):
    """The kinds of review items, the most urgent first; to add a kind, add it here and in `review_items`."""

    NONE = ""
    OTHER_ORDER = "other_order"
    UNKNOWN_PRODUCT = "unknown_product"
    UNCLEAR_AMOUNT = "unclear_amount"
    SAME_SKU = "same_sku"
    STAMP_UNCLEAR = "stamp_unclear"
    NO_BUYER = "no_buyer"
    RELATED_ORDER = "related_order"
    LINES_UNCLEAR = "lines_unclear"
    QUANTITY_UNCLEAR = "quantity_unclear"
    TOO_LARGE = "too_large"
    BALANCE_FULL = "balance_full"
    NO_TOKENS = "no_tokens"
    DATE_UNCLEAR = "date_unclear"
    SENT_AFTER_DELETION = "sent_after_deletion"
    SAME_PAYMENT = "same_payment"
    NOT_GRANTED = "not_granted"
    PAID_LATER = "paid_later"
    PLACED_UNCLEAR = "placed_unclear"
    UNPAID = "unpaid"
    REFUNDS_UNREADABLE = "refunds_unreadable"
    UNREAD_REFUNDS = "unread_refunds"
    UNALLOCATED_REFUND = "loose_refund"
    REFUND_UNCLEAR = "refund_unclear"


_URGENCY = {kind: place for place, kind in enumerate(Question)}

Parameter = str | int | list[int] | list[str]
"""A value that the text of a review item shows."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One point about an order that needs a person.

    `subject` names the facts it is about: a decision holds for them, and other
    facts ask again. `parameters` fill its text; `choices` are what a person can
    decide through `decide`, empty where another form answers.
    """

    kind: Question
    subject: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about a review item, by whom and when."""

    kind: Question
    subject: str
    choice: str
    by: str
    at: datetime


def open_items(items: Iterable[ReviewItem], decisions: Iterable[Decision]) -> tuple[ReviewItem, ...]:
    """Return the items without a decision, the most urgent first."""
    decided = {(decision.kind, decision.subject) for decision in decisions}
    return tuple(
        sorted(
            (item for item in items if (item.kind, item.subject) not in decided),
            key=lambda item: (_URGENCY[item.kind], item.subject),
        )
    )


def choice_of(decisions: Iterable[Decision], kind: Question, subject: str) -> str:
    """Return the last choice a person made for a kind and subject; empty for none."""
    made = [one.choice for one in decisions if (one.kind, one.subject) == (kind, subject)]
    return made[-1] if made else ""
