"""The date of an order's document: what it counts as, and whether it can be compared with another.

The shop's clock dates documents, ours their arrival. A document cannot be dated
after it arrived, so a date that is ahead proves that the clocks differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from bridge.domain.ops.clock import TOLERANCE

_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_AGREEMENT = 5 * _SECOND
"""The most by which two documents of one clock differ in how far they are ahead, where both are delivered at once."""
_REORDERED = 20 * _SECOND
"""The most by which deliveries that overtake each other differ in how long they took."""
_TRUSTED = TOLERANCE // _MICROSECOND
"""How far ahead of its arrival a date is taken as it is: clocks of hosts differ by so much."""
_DAY = 86_400 * _SECOND
"""A document dated so long after another arrived is newer: no delivery is so late."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DocumentDate(NamedTuple):
    """When a document was dated, first arrived, and what its date counts as, in microseconds since 1970.

    `digest` distinguishes the documents of one second. `seen` is 0 where the
    arrival is not known: the document was stored before arrivals were.
    """

    at: int
    digest: str
    seen: int
    counted: int

    @property
    def ahead(self) -> int:
        """How far the date is ahead of the arrival; 0 for one that is not."""
        return max(0, self.at - (self.seen or self.counted))

    @property
    def delay(self) -> int:
        """How long after its date it arrived; negative for a date that is ahead."""
        return (self.seen or self.counted) - self.at

    @property
    def moment(self) -> int:
        """Return the date as a moment of our clock: the arrival itself where that took its place."""
        return self.seen if self.counted != self.at and self.counted == _second(self.seen) else self.counted


class Place(Enum):
    """The place of a document beside a stored one that it contradicts."""

    UNOPPOSED = "unopposed"
    """It contradicts none: its date counts."""
    NEWER = "newer"
    OLDER = "older"
    LIKELY_NEWER = "likely_newer"
    """It counts as newer, though the dates do not prove it."""
    LIKELY_OLDER = "likely_older"
    """It counts as older, as it is dated, but a clock that was set back would explain its date as well."""
    UNKNOWN = "unknown"


def to_microseconds(moment: datetime) -> int:
    """Return a moment as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """Return the moment of so many microseconds since 1970."""
    return _EPOCH + number * _MICROSECOND


def ahead_of(moment: datetime, arrived_at: datetime) -> timedelta | None:
    """Return how far a date is ahead of its arrival; None where the clocks may agree."""
    ahead = moment - arrived_at
    return ahead if ahead > TOLERANCE else None


def counted(at: int, seen: int, others: Iterable[DocumentDate] = ()) -> int:
    """Return what a date counts as: itself, unless it is ahead of its arrival.

    One that is further ahead than `TOLERANCE` counts as the second it arrived.
    If `others` holds a document that was about as far ahead, the same clock dated
    both, and they keep their distance.
    """
    ahead = max(0, at - seen)
    peers = [
        other
        for other in others
        if abs(other.ahead - ahead) <= _TRUSTED and (ahead > _TRUSTED or other.counted < other.at)
    ]
    if peers:
        peer = min(peers, key=lambda other: abs(other.ahead - ahead))
        return min(peer.counted + at - peer.at, seen + _TRUSTED)
    return at if ahead <= _TRUSTED else _second(seen)


def _second(moment: int) -> int:
    return moment - moment % _SECOND


def capped(moment: datetime, seen: datetime) -> datetime:
    """Return what a date counts as, of a document that arrived at a moment."""
    return from_microseconds(counted(to_microseconds(moment), to_microseconds(seen)))


def is_later(one: DocumentDate, other: DocumentDate) -> bool:
    """Return whether a document is newer than another by dates that can be compared."""
    return one.at > other.at and one.ahead - other.ahead <= _TRUSTED


def compare(new: DocumentDate, known: DocumentDate, *, revokes: bool) -> Place:
    """Return the place of a document that contradicts the known one: it revokes what that grants, or grants again.

    Dates can be compared where one clock wrote both: then the later one is no
    further ahead of its arrival than the other. Where they cannot, what revokes
    counts unless it is clearly older, and what grants waits for a person.
    """
    if new.at == known.at:
        return _newer_if(new.seen >= known.seen)
    earlier, later = sorted((new, known), key=lambda one: one.at)
    apart, came_last = later.ahead - earlier.ahead, new.seen >= known.seen
    if apart <= _TRUSTED:
        return Place.LIKELY_OLDER if is_set_back(new, known) else _newer_if(later is new)
    if earlier.counted > (later.seen or later.counted) + _DAY:
        return _newer_if(earlier is new)
    if revokes and came_last and new.counted >= known.counted - _TRUSTED:
        return Place.LIKELY_NEWER
    return Place.UNKNOWN


def is_set_back(new: DocumentDate, known: DocumentDate) -> bool:
    """Return whether a document may be newer than one that came before it and is dated later.

    Either the clock was set back between them, or the document is late. The shop
    itself sends none late: it writes an order's document when it sends it.
    """
    if new.at >= known.at or new.seen < known.seen:
        return False
    if known.ahead - new.ahead > _AGREEMENT:
        return True
    return new.delay - known.delay > _REORDERED


def _newer_if(is_newer: bool) -> Place:
    return Place.NEWER if is_newer else Place.OLDER
