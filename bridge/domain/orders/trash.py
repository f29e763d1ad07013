"""Track an order in the shop's trash, from announcements that arrive late, twice, or out of order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

REORDERING_SPAN = timedelta(minutes=10)
"""How long after an order's restoring the announcement of its trashing may still arrive."""


class TrashState(Enum):
    """The trash state of an order: outside, in it, or restored before its trashing was announced."""

    OUTSIDE = "outside"
    TRASHED = "trashed"
    RESTORED_FIRST = "restored_first"


@dataclass(frozen=True, slots=True)
class Trash:
    """An order's trash state and the announcements behind it.

    Events: the shop announces a trashing without a date (`announced`), the shop
    was asked for the order and has none (`absent`), a document says that the
    order was restored (`restored`), or one that decides or was read from the shop
    proves that it is not in the trash (`outside`).

    | state | announced | absent | restored | outside |
    | --- | --- | --- | --- | --- |
    | OUTSIDE | TRASHED | TRASHED | RESTORED_FIRST | OUTSIDE |
    | TRASHED | TRASHED | TRASHED | OUTSIDE, or TRASHED if `is_absent` | OUTSIDE |
    | RESTORED_FIRST | OUTSIDE within `REORDERING_SPAN`, then TRASHED | TRASHED | RESTORED_FIRST | RESTORED_FIRST |

    An order that the shop, asked for it, did not have `is_absent`: a restoring or a
    newer date may be older than that answer, so only another answer ends it.

    The same announcement or restoring sent twice changes nothing. `key` is the
    delivery of the last announcement, `trashed_at` when it came, `trashed_after`
    what the date of the newest document counted as then. `restored_at` is the date of the last
    restoring, `restored_seen_at` when it came.
    """

    key: str = ""
    trashed_at: datetime | None = None
    trashed_after: datetime | None = None
    restored_at: datetime | None = None
    restored_seen_at: datetime | None = None
    restores_ahead: bool = False
    is_absent: bool = False

    @property
    def state(self) -> TrashState:
        """The state now."""
        if self.trashed_at is not None:
            return TrashState.TRASHED
        return TrashState.RESTORED_FIRST if self.restores_ahead else TrashState.OUTSIDE

    def is_repeated(self, delivery: str) -> bool:
        """Return whether an announcement is the last one, sent twice."""
        return bool(delivery) and delivery == self.key

    def announced(self, delivery: str, *, at: datetime, newest: datetime | None) -> Trash:
        """Return the trash after an announcement; `newest` is what the date of the newest document counts as."""
        noted = replace(self, key=delivery, restores_ahead=False)
        seen_at = self.restored_seen_at if self.state is TrashState.RESTORED_FIRST else None
        if seen_at is not None and at - seen_at <= REORDERING_SPAN:
            return noted
        return replace(noted, trashed_at=at, trashed_after=newest)

    def absent(self, *, at: datetime, newest: datetime | None) -> Trash:
        """Return the trash after the shop, asked for the order, had none; no restoring can have overtaken that."""
        return replace(self, restores_ahead=False, trashed_at=at, trashed_after=newest, is_absent=True)

    def restored(self, *, dated: datetime, at: datetime) -> Trash:
        """Return the trash after a restoring of a date that came at a moment."""
        if dated == self.restored_at or self.is_absent:
            return self
        noted = replace(self, restored_at=dated, restored_seen_at=at)
        return noted.outside() if self.state is TrashState.TRASHED else replace(noted, restores_ahead=True)

    def outside(self) -> Trash:
        """Return the trash after a proof that the order is not in it."""
        return replace(self, trashed_at=None, trashed_after=None, is_absent=False)

    def is_outlived_by(self, counted_at: datetime) -> bool:
        """Return whether a document whose date counts as that moment is newer than the trashing."""
        # The two clocks are compared only as a last resort: the shop's may be ahead of ours.
        since = self.trashed_after or self.trashed_at
        is_ended = self.state is TrashState.TRASHED and not self.is_absent
        return is_ended and since is not None and counted_at > since
