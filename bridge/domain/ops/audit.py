"""The results of an audit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A contradiction in the data: the check that found it, and a message about it."""

    check: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Extent:
    """The number of rows an audit checked."""

    accounts: int
    entries: int
    spends: int
    orders: int
