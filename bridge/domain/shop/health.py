"""Stored state of a shop that could not be read completely, and of its webhooks' caretaker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_SET_ASIDE = 200
"""The most documents set aside; with more, reading stops, because the whole shop fails."""
_MAX_INSTALLATIONS = 20
_SCAN_AGAIN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class SetAside:
    """An order or product that is retried each night, with the reason it could not be read or applied.

    `number` is 0 if the shop did not say which one it fails over; it then
    lies between the numbers `above` and `below`, and was last changed
    between the moments `after` and `until`, if those are set.
    """

    kind: str
    number: int
    why: str
    since: datetime
    above: int = 0
    below: int = 0
    after: datetime | None = None
    until: datetime | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Return the identity of the document."""
        return (self.kind, self.number) if self.number else (self.kind, 0, self.above, self.below)

    def may_be(self, number: int) -> bool:
        """Return whether the document of an unknown number may be the one with this number."""
        return not self.number and self.above < number and (not self.below or number < self.below)

    @property
    def name(self) -> str:
        """Return a description of the document."""
        if self.number:
            return f"{self.kind} {self.number}"
        if self.above and self.below:
            return f"one {self.kind} between {self.above} and {self.below}"
        return f"one {self.kind} after {self.above}" if self.above else f"one {self.kind} of an unknown number"


@dataclass(frozen=True, slots=True)
class Stop:
    """The reason why runs of one kind do not finish, and since when."""

    since: datetime
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The progress through all orders of a shop without a list of changes: the next page, and its size."""

    page: int = 1
    total: int = 0
    done_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether all orders are read, and not only the newest."""
        return self.page > 1 or self.done_at is None or abs(now - self.done_at) >= _SCAN_AGAIN


@dataclass(frozen=True, slots=True)
class Caretaker:
    """The bridge address that manages a shop's webhooks, and the installations confirmed for it."""

    url: str
    installations: tuple[str, ...] = ()

    def is_another(self, url: str, installation: str) -> bool:
        """Return whether a bridge at that address, of that installation, may be a copy of this one."""
        return url != self.url or bool(installation and self.installations and installation not in self.installations)

    def with_installation(self, url: str, installation: str) -> Caretaker:
        """Return the caretaker after an admin confirmed a bridge."""
        known = self.installations if url == self.url else ()
        others = tuple(one for one in known if one != installation)
        return Caretaker(url, (*others, installation)[-_MAX_INSTALLATIONS:] if installation else others)


def joined(known: Iterable[SetAside], new: Iterable[SetAside]) -> tuple[SetAside, ...]:
    """Return all documents set aside, each once and with its first moment."""
    found = {one.key: one for one in known}
    for one in new:
        before = found.get(one.key)
        since = one.since if before is None else before.since
        found[one.key] = SetAside(one.kind, one.number, one.why, since, one.above, one.below, one.after, one.until)
    return tuple(found.values())


def without(known: Iterable[SetAside], done: Iterable[SetAside]) -> tuple[SetAside, ...]:
    """Return the documents that are still set aside after some were read and applied."""
    keys = {one.key for one in done}
    return tuple(one for one in known if one.key not in keys)
