"""The text of review items: a label, a sentence, and a label for each choice."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.orders.review_items import APPLY, GRANT, KEEP, LEAVE, PIECES, REPLACE, Question, ReviewItem

_TEXTS: dict[Question, tuple[str, str]] = {
    Question.NO_BUYER: (
        "No buyer",
        "No account has the guest’s email, so the tokens wait."
        " Assign the order to a user, or wait until the account exists.",
    ),
    Question.UNKNOWN_PRODUCT: (
        "Unknown product",
        "The tokens of {products} are not known. Set the amount here, or on the Packages page for all orders.",
    ),
    Question.UNCLEAR_AMOUNT: (
        "Amount not readable",
        "The amount cannot be read: {products}. Correct it in the shop or on the Packages page, or set it here.",
    ),
    Question.STAMP_UNCLEAR: (
        "Amount on the order not readable",
        "The amount that the shop wrote on {name} (line {line}) cannot be read: {stamp}. The {granted} tokens already"
        " granted stay. Correct the order in the shop, or leave it.",
    ),
    Question.SAME_SKU: (
        "Several packages",
        "Several packages with different amounts have the SKU of {products}. Set the amount here.",
    ),
    Question.PAID_LATER: (
        "Paid later",
        "The order was placed before the shop was connected and paid afterwards. Grant it, or leave it.",
    ),
    Question.REFUNDS_UNREADABLE: (
        "Refunds not readable",
        "The shop sent refunds of this order that cannot be read, so no tokens were removed for them: {refunds}."
        " Check the order again, or correct the balance if needed and mark this as reviewed.",
    ),
    Question.PLACED_UNCLEAR: (
        "Placed before or after connecting",
        "By the shop’s clock the order was placed before the shop was connected, but the shop sent it afterwards and"
        " dated it before. The shop’s clock is probably behind. Compare the order in the shop: grant it, or leave it.",
    ),
    Question.UNREAD_REFUNDS: (
        "Refund details missing",
        "The shop did not say which items were refunded, so tokens were removed in proportion to the money."
        " Check again, or mark it as reviewed.",
    ),
    Question.UNALLOCATED_REFUND: (
        "Refund without items",
        "The refund names no items, so tokens were removed in proportion to the money."
        " Correct the balance if needed, and mark it as reviewed.",
    ),
    Question.OTHER_ORDER: (
        "Another order with this number",
        "The shop sent another order with the same ID ({status}, {buyer}). The first order ({first_buyer}) keeps its"
        " tokens. Keep the first order, or replace it with the new order: then the tokens of the first are removed.",
    ),
    Question.RELATED_ORDER: (
        "Same product in a related order",
        "Order {order} belongs to the same purchase and grants the same product, so line {line} grants nothing here.",
    ),
    Question.SAME_PAYMENT: (
        "Same payment as another order",
        "The order has the same transaction ID as {orders}. All of them are granted.",
    ),
    Question.LINES_UNCLEAR: (
        "Products not stated",
        "The shop sent this order without a readable list of its products, so nothing was reversed. Check the order"
        " again, or correct the balance.",
    ),
    Question.QUANTITY_UNCLEAR: (
        "Quantity not readable",
        "The quantity of {name} (line {line}) cannot be read, so it changes nothing. Correct the order in the shop.",
    ),
    Question.TOO_LARGE: (
        "More tokens than a balance can hold",
        "{name} (line {line}) would grant more than 9,007,199,254,740,991 tokens, so it changes nothing.",
    ),
    Question.BALANCE_FULL: (
        "Balance is full",
        "{name} (line {line}) grants {tokens} tokens, but the buyer’s balance can hold at most 9,007,199,254,740,991."
        " These tokens wait. Lower the balance if it is wrong, then check the order again.",
    ),
    Question.NO_TOKENS: (
        "Less than one token",
        "The quantity of {name} (line {line}) is so small that it grants less than one token.",
    ),
    Question.DATE_UNCLEAR: (
        "Date not clear",
        "The shop sent the order as {status}, dated {dated}, with {refunded} refunded. Either the shop’s clock was"
        " set back, or a document arrived late, so it is not clear which is newer. The order still counts as {current}."
        " Compare it with the order in the shop: apply the document, or leave it.",
    ),
    Question.SENT_AFTER_DELETION: (
        "Sent after it was deleted",
        "The shop sent the order as {status}, dated {dated}, with {refunded} refunded. When it was last asked, it no"
        " longer had this order, and it cannot be asked now. The order still counts as deleted. Look for it in the"
        " shop: apply the document if the order is there, or leave it.",
    ),
    Question.NOT_GRANTED: (
        "Finished but not granted",
        "The order was completed and has the status {status}, which grants nothing in this store’s settings.",
    ),
    Question.UNPAID: (
        "Granted but unpaid",
        "The order was granted and has had the status {status} for a day. Its tokens stay until the order is"
        " cancelled or refunded in the shop.",
    ),
    Question.REFUND_UNCLEAR: (
        "Refund for another price",
        "{pieces} units of line {line} were refunded for {money}, which is not their price."
        " Tokens were removed in proportion to the money. Leave it, or remove the tokens of these units.",
    ),
}
"""A label and a sentence for each kind; the item's parameters fill the sentence."""

_CHOICES: dict[tuple[Question | None, str], str] = {
    (None, LEAVE): "Leave it",
    (None, GRANT): "Grant it",
    (None, KEEP): "Keep the first order",
    (None, REPLACE): "Replace with the new order",
    (None, PIECES): "Remove by units",
    (None, APPLY): "Apply the document",
}

_ONLY_CHOICE = {LEAVE: "Mark as reviewed"}
"""Labels of choices where the item has no other choice; they close the item only."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice and the label of its button."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class ReviewText:
    """The text of a review item on a page."""

    label: str
    sentence: str
    choices: tuple[Choice, ...]


def describe(item: ReviewItem) -> ReviewText:
    """Return the text of a review item."""
    label, sentence = _TEXTS.get(
        item.kind, (item.kind.value.replace("_", " ").capitalize(), "This order needs attention.")
    )
    shown = {name: _shown(name, value) for name, value in item.parameters.items()}
    labels = _ONLY_CHOICE if len(item.choices) == 1 else {}
    choices = (
        Choice(value, labels.get(value) or _CHOICES.get((item.kind, value)) or _CHOICES.get((None, value), value))
        for value in item.choices
    )
    return ReviewText(label, sentence.format_map(_Blank(shown)), tuple(choices))


class _Blank(dict[str, str]):
    """Parameters in which a missing one is an empty text."""

    def __missing__(self, key: str) -> str:
        return ""


_AMOUNTS = frozenset({"granted", "tokens"})
"""The parameters that are numbers of tokens; other numbers are ids."""


def _shown(name: str, value: object) -> str:
    if name in _AMOUNTS:
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
