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
    def moment(self) -> int:
        """What the date counts as beside moments of our clock: the arrival itself where that took its place."""
        return self.seen if self.counted != self.at and self.counted == _second(self.seen) else self.counted


class Place(Enum):
    """The place of a document beside one that was merged before."""

    BY_DATE = "by_date"
    NEWEST = "newest"
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

    One that is ahead counts as the second it arrived. If `others` holds a
    document that was as far ahead, the same clock dated both, and they keep
    their distance.
    """
    ahead = at - seen
    if ahead <= _TRUSTED:
        return at
    peers = [other for other in others if other.ahead > _TRUSTED and abs(other.ahead - ahead) <= _TRUSTED]
    if not peers:
        return _second(seen)
    peer = min(peers, key=lambda other: abs(other.ahead - ahead))
    return min(peer.counted + at - peer.at, seen + _TRUSTED)


def _second(moment: int) -> int:
    return moment - moment % _SECOND


def capped(moment: datetime, seen: datetime) -> datetime:
    """Return what a date counts as, of a document that arrived at a moment."""
    return from_microseconds(counted(to_microseconds(moment), to_microseconds(seen)))


def compare(new: DocumentDate, known: DocumentDate, *, revokes: bool) -> Place:
    """Return the place of a document that contradicts the known one: it revokes what that grants, or grants again.

    Dates can be compared where one clock wrote both: then the later one is no
    further ahead of its arrival than the other. Where they cannot, what revokes
    counts unless it is clearly older, and what grants waits for a person.
    """
    earlier, later = sorted((new, known), key=lambda one: one.at)
    apart = later.ahead - earlier.ahead
    if new.at == known.at or apart <= _AGREEMENT:
        return Place.BY_DATE
    if apart <= _TRUSTED:
        is_overtaken = revokes and later is known and new.seen >= known.seen
        return Place.UNKNOWN if is_overtaken else Place.BY_DATE
    if earlier.at > (later.seen or later.counted) + _DAY:
        return Place.BY_DATE
    if revokes and new.seen >= known.seen and new.counted >= known.counted - _TRUSTED:
        return Place.NEWEST
    return Place.UNKNOWN
