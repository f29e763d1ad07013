"""The text of review items: a label, a sentence, and a label for each choice."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.domain.reviews import GRANT, KEEP, LEAVE, REPLACE, Question, ReviewItem

_TEXTS: dict[Question, tuple[str, str]] = {
    Question.NO_BUYER: (
        "No buyer",
        "No account has the guest’s email, so the tokens wait. Give the order to a user, or wait until one appears.",
    ),
    Question.UNKNOWN_PRODUCT: (
        "Unknown product",
        "It is not known how many tokens a piece brings: {products}."
        " Set the amount here, or on the Packages page for all orders.",
    ),
    Question.UNCLEAR_AMOUNT: (
        "Amount not readable",
        "The amount cannot be read: {products}. Correct it in the shop or on the Packages page, or set it here.",
    ),
    Question.SAME_SKU: (
        "Several packages",
        "Packages with different amounts have the SKU of {products}. Set the amount here.",
    ),
    Question.UNREAD_REFUNDS: (
        "Refund not read",
        "It is not known which lines were refunded, so tokens went back by the share of the money."
        " Check again, or mark it as seen.",
    ),
    Question.LOOSE_REFUND: (
        "Refund of no line",
        "The refund names no line, so tokens went back by the share of the money."
        " Correct the balance if needed, and mark it as seen.",
    ),
}
"""A label and a sentence for each kind; the item's parameters fill the sentence."""

_CHOICES: dict[tuple[Question | None, str], str] = {
    (None, LEAVE): "Leave it",
    (None, GRANT): "Grant it",
    (None, KEEP): "Keep the first",
    (None, REPLACE): "Take the new one",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice and the label of its button."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class ReviewText:
    """What a page shows of a review item."""

    label: str
    sentence: str
    choices: tuple[Choice, ...]


def describe(item: ReviewItem) -> ReviewText:
    """The text of a review item."""
    label, sentence = _TEXTS.get(item.kind, (item.kind.value.replace("_", " ").capitalize(), "This order needs you."))
    shown = {name: _shown(value) for name, value in item.parameters.items()}
    choices = (
        Choice(value, _CHOICES.get((item.kind, value)) or _CHOICES.get((None, value), value)) for value in item.choices
    )
    return ReviewText(label, sentence.format_map(_Blank(shown)), tuple(choices))


class _Blank(dict[str, str]):
    """Parameters of which a missing one shows as nothing."""

    def __missing__(self, key: str) -> str:
        return ""


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
