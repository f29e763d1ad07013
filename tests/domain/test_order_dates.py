"""Orders whose documents were dated by clocks that differ from ours: drawn at random, against what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.orders import dates
from bridge.domain.orders.dates import DocumentDate, Place
from bridge.domain.orders.merge import Effect, Line, Order, OrderState, effect_of, merge_document
from tests.support.seeds import examples

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = 1_000_000
HOUR, DAY = 3_600, 86_400
ABOUT_A_MINUTE = st.integers(58, 72)
SET_BACK = st.sampled_from([0, -30, -59, -61, -120, -2 * HOUR, -14 * HOUR, 45, 59])
OFFSETS = st.sampled_from([0, 1, 20, 55, 59, 60, 61, 65, 100, 119, 121, 2 * HOUR, 14 * HOUR, 2 * DAY, 3650 * DAY])
STATUSES = st.sampled_from(["completed", "completed", "cancelled", "refunded", "processing"])


def order(status, *, seconds, refunded):
    return Order(
        number=1,
        status=status,
        modified_at=NOON + timedelta(seconds=seconds),
        customer_id=2,
        email="ada@example.test",
        name="Ada",
        total=Decimal(10),
        refunded=Decimal(refunded),
        currency="USD",
        placed_at=NOON,
        lines=(Line(1, 10, 0, 1, Decimal(10)),),
        refund_ids=(900,) if refunded else (),
    )


def effect(document):
    return effect_of(document.status, ["completed"])


def merged(known, document, seconds):
    received_at = NOON + timedelta(seconds=seconds)
    return merge_document(known, document, effect=effect(document), received_at=received_at)


def is_as(known, last):
    """Return whether the state is that of the last deciding document, or unclear by a review item."""
    if known.sources.unplaced is not None:
        return True
    is_same = known.effect is effect(last)
    return is_same and (known.effect is Effect.REVOKES or known.refunded == last.refunded)


def last_of(documents):
    deciding = [document for document in documents if effect(document) is not Effect.KEEPS]
    return deciding[-1] if deciding else None


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_documents_of_one_clock_are_ordered_by_their_dates_however_they_arrive(data):
    offset, now, sent = data.draw(st.one_of(ABOUT_A_MINUTE, OFFSETS)), 0, []
    for _ in range(data.draw(st.integers(2, 5))):
        now += data.draw(st.sampled_from([1, 2, 5, 20]))
        document = order(data.draw(STATUSES), seconds=now + offset, refunded=data.draw(st.sampled_from([0, 0, 3])))
        sent.append((now + data.draw(st.sampled_from([0.2, 0.3, 2, 4, 10])), document))
    last = last_of([document for _, document in sent])
    arrived = sorted(sent, key=lambda one: one[0])
    known = OrderState(1, 1)
    for seconds, document in arrived:
        known = merged(known, document, seconds)
    for _, document in data.draw(st.lists(st.sampled_from(arrived), max_size=3)):
        known = merged(known, document, arrived[-1][0] + 1)

    assert last is None or is_as(known, last)


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_no_refund_is_lost_silently_where_a_clock_was_set(data):
    """Each document is dated by one of some clocks that are right or ahead, and arrives before the next is made."""
    offsets, now, sent, refunded = data.draw(st.lists(OFFSETS, min_size=1, max_size=3)), 0.0, [], 0
    known = OrderState(1, 1)
    for _ in range(data.draw(st.integers(2, 6))):
        now += data.draw(st.sampled_from([1, 3, 30, 300, 4_000, 90_000]))
        status = data.draw(STATUSES)
        refunded = 10 if status == "refunded" else max(refunded, data.draw(st.sampled_from([0, 0, 0, 2])))
        document = order(status, seconds=int(now) + data.draw(st.sampled_from(offsets)), refunded=refunded)
        now += data.draw(st.sampled_from([0.2, 2, 20]))
        sent.append(document)
        known = merged(known, document, now)
        if data.draw(st.booleans()):
            now += 0.1
            known = merged(known, data.draw(st.sampled_from(sent)), now)
    last = last_of(sent)

    if last is not None and known.sources.unplaced is None:
        assert known.effect is Effect.REVOKES or (effect(last) is Effect.GRANTS and known.refunded >= last.refunded)


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_no_change_is_lost_silently_where_a_clock_was_set_back(data):
    """Each document is dated by a clock that may be set before it, and arrives before the next is made."""
    offsets, now = data.draw(st.lists(SET_BACK, min_size=1, max_size=3)), 0.0
    known, sent = OrderState(1, 1), []
    for _ in range(data.draw(st.integers(2, 6))):
        now += data.draw(st.sampled_from([30, 61, 300, 4_000, 90_000]))
        status, refunded = data.draw(STATUSES), data.draw(st.sampled_from([0, 0, 3]))
        quantity, buyer = data.draw(st.sampled_from([1, 1, 2])), data.draw(st.sampled_from([2, 2, 3]))
        refunded = 10 if status == "refunded" else refunded
        document = replace(
            order(status, seconds=int(now) + data.draw(st.sampled_from(offsets)), refunded=refunded),
            customer_id=buyer,
            lines=(Line(1, 10, 0, quantity, Decimal(10)),),
        )
        now += data.draw(st.sampled_from([0.2, 2, 9]))
        sent.append(document)
        known = merged(known, document, now)
        if data.draw(st.booleans()):
            now += 0.1
            known = merged(known, data.draw(st.sampled_from(sent)), now)
    last = last_of(sent)

    if last is None or known.sources.unplaced is not None:
        return
    assert is_as(known, last) or (known.is_refunded_whole and known.effect is Effect.REVOKES)
    if known.effect is Effect.GRANTS:
        (line,) = known.lines
        assert (line.line.quantity, known.customer_id) == (last.lines[0].quantity, sent[-1].customer_id)


def test_grant_of_a_clock_set_back_that_names_another_buyer_is_asked_about():
    started = replace(order("processing", seconds=30, refunded=0), customer_id=2)
    completed = replace(order("completed", seconds=1, refunded=0), customer_id=3)

    known = merged(merged(OrderState(1, 1), started, 30.2), completed, 60.4)

    assert known.sources.unplaced is not None


FAR = 3650 * DAY
HISTORIES = {
    "a clock about a minute ahead, with documents on both sides of it": [
        ("completed", 3, 91, 21.2),
        ("processing", 3, 90, 22),
        ("completed", 0, 111, 41.3),
        ("cancelled", 0, 113, 43.2),
        ("completed", 0, 112, 52),
    ],
    "a document just beyond the minute after one within it": [("cancelled", 3, 84, 24), ("completed", 0, 104, 42.3)],
    "a refund as far ahead as one document, and a little more than the last": [
        ("completed", 0, 3_700, 3_600.2),
        ("completed", 0, 3_701, 3_601.4),
        ("completed", 0, 3_960, 3_921.4),
        ("refunded", 10, 4_022, 3_942.4),
    ],
    "a refund dated years ahead after a document dated days ahead": [
        ("refunded", 10, FAR + 1, 1.2),
        ("completed", 10, 2 * DAY + 180_001, 180_003.4),
        ("refunded", 10, FAR + 180_033, 180_033.6),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_history_of_clocks_ends_as_its_newest_document(history):
    known = OrderState(1, 1)
    for status, refunded, seconds, arrives in history:
        known = merged(known, order(status, seconds=seconds, refunded=refunded), arrives)
    last = max(history, key=lambda one: one[2]) if history[-1][0] != "refunded" else history[-1]

    assert is_as(known, order(last[0], seconds=last[2], refunded=last[1]))


@pytest.mark.parametrize(
    ("ahead", "expected"), [(-HOUR, -HOUR), (0, 0), (59, 59), (60, 60), (61, 0), (HOUR, 0), (3650 * DAY, 0)]
)
def test_date_further_ahead_than_a_minute_counts_as_the_second_it_arrived(ahead, expected):
    seen = 1_000_000 * SECOND

    assert dates.counted(seen + ahead * SECOND, seen + 5) == seen + expected * SECOND


def test_documents_that_are_as_far_ahead_keep_their_distance():
    seen = 1_000_000 * SECOND
    first = DocumentDate(seen + HOUR * SECOND, "", seen, dates.counted(seen + HOUR * SECOND, seen))

    for seconds in (-30, 2, 50):
        at = first.at + seconds * SECOND
        assert dates.counted(at, seen + SECOND, [first]) == first.counted + seconds * SECOND


def test_document_dated_a_day_after_another_arrived_is_newer():
    seen = 1_000_000 * SECOND
    far = DocumentDate(seen + 3650 * DAY * SECOND, "", seen, seen)

    def placed(seconds, *, revokes, ahead=0):
        at, moment = seen + (seconds + ahead) * SECOND, seen + seconds * SECOND
        return dates.compare(DocumentDate(at, "", moment, moment), far, revokes=revokes)

    assert placed(HOUR, revokes=False) is Place.UNKNOWN
    assert placed(HOUR, revokes=True) is Place.LIKELY_NEWER
    assert placed(DAY + 1, revokes=False) is Place.NEWER
    assert placed(HOUR, ahead=2 * DAY, revokes=False) is Place.UNKNOWN
    assert placed(-HOUR, revokes=True) is Place.UNKNOWN


def test_document_beside_the_state_stays_while_it_is_newer_than_what_decides():
    known = merged(OrderState(1, 1), order("cancelled", seconds=2 * HOUR, refunded=0), 1)
    granting = order("completed", seconds=61, refunded=0)
    known = merged(known, granting, 3)
    assert known.sources.unplaced is not None

    older = merged(known, order("cancelled", seconds=6, refunded=0), 6)
    newer = merged(known, order("cancelled", seconds=66, refunded=0), 6)

    assert older.sources.unplaced is not None
    assert newer.sources.unplaced is None
