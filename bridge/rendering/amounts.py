"""Texts about amounts of tokens, including those that cannot be read."""

from __future__ import annotations

from bridge.domain.accounts.amounts import Reason, Unreadable

_SENTENCES = {
    Reason.MISSING: "{key} has no value; enter a whole number of tokens",
    Reason.ZERO: "{key} is {value}; enter how many tokens the product grants, or remove the mark from the product",
    Reason.NEGATIVE: "{key} is {value}, a negative number; enter a whole number of tokens",
    Reason.FRACTION: "{key} is {value}, which is not a whole number; enter a whole number",
    Reason.TOO_LARGE: "{key} is {value}, which is too large; the most is 9007199254740991",
    Reason.AMBIGUOUS: "{key} is {value}, which can be read in two ways; write the number without separators",
    Reason.NO_NUMBER: "{key} is {value}, which is not a number; enter a whole number such as 5000",
    Reason.FLAG: "{key} is {value}, which is neither yes nor no; enter yes or no",
    Reason.TOO_LONG: "{key} is {value}; a plan lasts 1 to 120 months",
    Reason.UNMARKED: "{value} is set but {key} is not; set {key} to yes, or remove {value}",
}


def describe(amount: Unreadable) -> str:
    """Return the value, why it cannot be read, and what to enter, for the shop's owner."""
    return _SENTENCES[amount.reason].format(key=amount.key, value=amount.value)


def name_product(product_id: int, variation_id: int, name: str) -> str:
    """Return a product with its IDs and name, as messages show it."""
    key = f"{product_id}/{variation_id}" if variation_id else str(product_id)
    return f"product {key} ({name})" if name else f"product {key}"


def count_tokens(count: int) -> str:
    """Return a number of tokens as text: `1 token`, `1,200 tokens`."""
    return f"{count:,} token" if count == 1 else f"{count:,} tokens"
