"""Thresholds of a balance: the levels below which a store announces that a balance is low."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_THRESHOLDS = 10
"""The most further thresholds of one store."""

_MAX_TOKENS = 2**53 - 1
_PERCENT = re.compile(r"([1-9][0-9]?)%", re.ASCII)


class Line(NamedTuple):
    """A level in whole tokens; `percent` is the share of the last grant it comes from, None for a number of tokens."""

    tokens: int
    percent: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number of tokens (1 to 2^53-1), or a share of an account's last grant in percent (1 to 99)."""

    tokens: int | None = None
    percent: int | None = None

    @property
    def document(self) -> int | str:
        """Return the threshold as the API writes it: a number, or a share such as `20%`."""
        return f"{self.percent}%" if self.tokens is None else self.tokens

    def line_for(self, last_grant: int) -> Line:
        """Return the level for an account whose last grant had so many tokens; 0 for a share of nothing."""
        if self.tokens is not None:
            return Line(self.tokens)
        # Rounded up: fewer than a fifth of 4 tokens is fewer than 1.
        return Line(-(-last_grant * (self.percent or 0) // 100), self.percent)


def read_threshold(value: object) -> Threshold | None:
    """Return the threshold that a JSON value states; None if it states none."""
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value)
        return None if found is None else Threshold(percent=int(found[1]))
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return Threshold(tokens=value) if 1 <= value <= _MAX_TOKENS else None


def in_order(thresholds: Iterable[Threshold]) -> list[Threshold]:
    """Return each threshold once: numbers of tokens first, the highest in front, then shares."""
    return sorted(set(thresholds), key=lambda each: (each.tokens is None, -(each.tokens or each.percent or 0)))


def lines_of(low_balance: int, thresholds: Sequence[Threshold], last_grant: int) -> tuple[Line, ...]:
    """Return the levels of an account, the highest first and each number of tokens once; 0 is no level.

    Where a number and a share come to the same, the number counts.
    """
    if not thresholds:
        return (Line(low_balance),) if low_balance else ()
    found = {line.tokens: line for each in reversed(thresholds) if (line := each.line_for(last_grant)).tokens}
    if low_balance:
        found[low_balance] = Line(low_balance)
    return tuple(found[tokens] for tokens in sorted(found, reverse=True))
