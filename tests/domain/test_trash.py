"""The trash states of an order, by each event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.orders.trash import REORDERING_SPAN, Trash, TrashState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
TRASHED = Trash().announced("one", at=NOW, newest=NOW)
RESTORED_FIRST = Trash().restored(dated=NOW, at=NOW)


def announced(trash: Trash, *, at: datetime = LATER) -> Trash:
    return trash.announced("two", at=at, newest=NOW)


def restored(trash: Trash) -> Trash:
    return trash.restored(dated=LATER, at=LATER)


@pytest.mark.parametrize(
    ("trash", "after_announced", "after_restored", "after_outside"),
    [
        (Trash(), TrashState.TRASHED, TrashState.RESTORED_FIRST, TrashState.OUTSIDE),
        (TRASHED, TrashState.TRASHED, TrashState.OUTSIDE, TrashState.OUTSIDE),
        (RESTORED_FIRST, TrashState.OUTSIDE, TrashState.RESTORED_FIRST, TrashState.RESTORED_FIRST),
    ],
)
def test_each_event_leads_to_one_state(trash, after_announced, after_restored, after_outside):
    assert trash.absent(at=LATER, newest=NOW).state is TrashState.TRASHED
    assert announced(trash).state is after_announced
    assert restored(trash).state is after_restored
    assert trash.outside().state is after_outside


def test_announcement_long_after_the_restoring_counts():
    assert announced(RESTORED_FIRST, at=NOW + REORDERING_SPAN).state is TrashState.OUTSIDE
    assert announced(RESTORED_FIRST, at=NOW + REORDERING_SPAN * 1.01).state is TrashState.TRASHED


def test_one_restoring_is_used_up_by_one_announcement():
    assert announced(announced(RESTORED_FIRST)).state is TrashState.TRASHED


def test_same_event_sent_twice_is_one():
    assert TRASHED.is_repeated("one")
    assert not TRASHED.is_repeated("two")
    assert not Trash().is_repeated("")
    back = restored(TRASHED)
    assert restored(announced(back, at=NOW + timedelta(hours=1))).state is TrashState.TRASHED


def test_newer_document_outlives_the_trashing():
    assert TRASHED.is_outlived_by(LATER)
    assert not TRASHED.is_outlived_by(NOW)
    assert not Trash().is_outlived_by(LATER)
    assert not Trash().announced("one", at=NOW, newest=None).is_outlived_by(NOW)
