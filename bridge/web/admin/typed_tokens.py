"""Tokens as they are typed into a form."""

from __future__ import annotations

from bridge.domain.accounts.amounts import Reason, read_amount

_FAULTS = {
    Reason.AMBIGUOUS: "Can be read in two ways: write it without separators.",
    Reason.FRACTION: "Enter a whole number.",
    Reason.NEGATIVE: "Enter 0 or more.",
    Reason.TOO_LARGE: "The most is 9,007,199,254,740,991.",
}


def read_tokens(text: str, *, fault: str) -> int | str:
    """Return the number that was typed, or what to correct; `fault` if the text is not a number."""
    tokens = read_amount(text)
    if isinstance(tokens, int):
        return tokens
    return fault if tokens is None else _FAULTS.get(tokens, fault)
