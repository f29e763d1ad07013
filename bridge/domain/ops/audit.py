"""What an audit of the books finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the books contradict themselves: the check that found it, and a sentence that says what."""

    check: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there was to look at."""

    accounts: int
    entries: int
    spends: int
    orders: int
