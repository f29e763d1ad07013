"""The result of reading a shop's orders, and the time of the next full comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

LISTED = 100
"""The most orders a report names."""
_NIGHT_HOUR = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """An order whose grants did not match: tokens it should have granted, had granted, and was now posted.

    Parked, it waits for its buyer's account. `number` is the number shown to
    people, `order` its id.
    """

    order: int
    expected: int
    granted: int
    posted: int
    is_parked: bool = False
    number: str = ""


@dataclass(slots=True)
class Report:
    """The result of one reading: orders read, tokens due and granted, and the tokens posted.

    `differences` names the first orders that differed, `failures` the first that
    could not be applied and why; those are read again by the next run.
    `awaiting_decision` counts orders from before the shop was connected that wait for
    the owner's decision. `set_aside` are those of the failed that are stored
    and tried again each night, so that reading continues after them; `aside` names
    them. `failing` says why orders failed by themselves. `interruption` is why the reading ended early.
    """

    seen: int = 0
    changed: int = 0
    expected: int = 0
    granted_before: int = 0
    granted: int = 0
    reversed: int = 0
    parked: int = 0
    awaiting_decision: int = 0
    failed: int = 0
    set_aside: int = 0
    interruption: str = ""
    differences: list[Difference] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    failing: dict[int, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Return whether everything was read and applied."""
        return not self.failed and not self.interruption

    @property
    def blocking(self) -> int:
        """Return the number of orders that failed and are read again by the next run."""
        return self.failed - self.set_aside

    def add(
        self, number: int, *, expected: int, posted: Sequence[int], is_parked: bool, shown_number: str = ""
    ) -> None:
        """Count one order: the tokens it owes, and the movements posted for it."""
        moved = sum(posted)
        before = 0 if is_parked else expected - moved
        self.seen += 1
        self.parked += is_parked
        self.expected += expected
        self.granted_before += before
        self.granted += sum(tokens for tokens in posted if tokens > 0)
        self.reversed -= sum(tokens for tokens in posted if tokens < 0)
        if posted:
            self.changed += 1
        if (posted or is_parked) and len(self.differences) < LISTED:
            self.differences.append(Difference(number, expected, before, moved, is_parked, shown_number or str(number)))

    def fail(self, sentence: str, *, number: int = 0) -> None:
        """Count one order that could not be applied; `number` is its number if it failed on its own."""
        self.seen += 1
        self.failed += 1
        if number and len(self.failing) < LISTED:
            self.failing[number] = sentence
        if len(self.failures) < LISTED:
            self.failures.append(sentence)

    def put_aside(self, sentence: str) -> None:
        """Count one document that the shop cannot return, and that is retried each night."""
        self.failed += 1
        self.set_aside += 1
        if len(self.aside) < LISTED:
            self.aside.append(sentence)

    def give_up(self, number: int) -> None:
        """Count an order that failed as one that is set aside."""
        sentence = self.failing.pop(number)
        self.failures = [one for one in self.failures if one != sentence]
        self.set_aside += 1
        self.aside.append(f"{sentence}; it is set aside")

    def join(self, other: Report) -> None:
        """Count another report's orders to these."""
        for name in (
            "seen",
            "changed",
            "expected",
            "granted_before",
            "granted",
            "reversed",
            "parked",
            "awaiting_decision",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failed += other.failed
        self.set_aside += other.set_aside
        self.interruption = self.interruption or other.interruption
        self.differences += other.differences[: LISTED - len(self.differences)]
        self.failures += other.failures[: LISTED - len(self.failures)]
        self.failing |= other.failing
        self.aside += other.aside[: LISTED - len(self.aside)]

    @property
    def document(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


def last_night(zone: tzinfo, *, now: datetime) -> datetime:
    """Return the last 3 a.m. in this time zone."""
    local = now.astimezone(zone)
    night = local.replace(hour=_NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= local else night - timedelta(days=1)
