"""Values that a document does not state, documents of one second, and the answers of a shop."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.orders.grants import list_disagreements, tokens_owed
from bridge.domain.orders.merge import (
    Effect,
    Line,
    LineState,
    Order,
    OrderState,
    effect_of,
    has_another_of_its_second,
    merge_document,
    merge_trashing,
)
from bridge.domain.orders.review import Circumstances, Question, review_items
from bridge.domain.orders.state import RefundDetail, RefundedLine, Sources

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def line(id=1, quantity=1, *, product=10, variation=0, stamped=None, total="10.00", **more):  # noqa: A002
    money = None if total is None else Decimal(total)
    return Line(id, product, variation, quantity, money, stamped=stamped, **more)


def order(status="completed", *, at=1, lines=(), refunded="0", refund_ids=(), total="10.00", **more):
    given = more.pop("raw", None)
    return Order(
        number=1,
        status=status,
        modified_at=NOON + timedelta(seconds=at),
        customer_id=more.pop("customer", 2),
        email=more.pop("email", "a@example.test"),
        name="Ada",
        total=None if total is None else Decimal(total),
        refunded=None if refunded is None else Decimal(refunded),
        refund_ids=tuple(refund_ids),
        currency="EUR",
        placed_at=NOON,
        lines=given if given is not None else (lines if lines is None else tuple(lines) or (line(),)),
        **more,
    )


def merge_all(states, *, known=None, start=0):
    known = known or OrderState(1, 1)
    for place, state in enumerate(states):
        effect = effect_of(state.status, ("completed",))
        known = merge_document(known, state, effect=effect, received_at=LATER + timedelta(seconds=start + place))
    return known


def owed(known, tokens=1_000):
    return sum(tokens_owed(known, replace(one, tokens=tokens)) for one in known.lines)


def kinds(known):
    known = replace(known, lines=tuple(replace(one, tokens=1_000) for one in known.lines))
    return [item.kind for item in review_items(known, Circumstances())]


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(Decimal("2.5"), 2_500), (2, 2_000), (Decimal("1.5"), 1_500), (Decimal("0.0004"), 0), (Decimal("0.0019"), 1)],
)
def test_tokens_of_a_fraction_are_rounded_down(quantity, expected):
    known = merge_all([order(lines=[line(quantity=quantity)])])

    assert owed(known) == expected
    assert (Question.NO_TOKENS in kinds(known)) is (expected == 0)


@pytest.mark.parametrize("raw", [None, ()])
def test_lines_that_are_not_stated_reverse_nothing_and_ask(raw):
    states = [order(lines=[line(quantity=2)]), replace(order(at=2), lines=raw)]

    for arrival in itertools.permutations(states):
        known = merge_all(arrival)
        assert owed(known) == 2_000
        assert kinds(known) == [Question.LINES_UNCLEAR]
    assert kinds(merge_all([*states, order(at=3, lines=[line(quantity=2)])])) == []


def test_empty_list_that_the_shop_confirms_reverses():
    known = merge_all([order(), replace(order(at=2), lines=(), requested_at=LATER + timedelta(minutes=1))])

    assert (owed(known), kinds(known)) == (0, [])


def test_line_that_left_the_order_is_reversed_and_comes_back():
    states = [order(lines=[line(1), line(2)]), order(at=2, lines=[line(2)])]

    assert owed(merge_all(states)) == 1_000
    assert owed(merge_all([*states, order(at=3, lines=[line(1), line(2)])])) == 2_000


def test_incomplete_list_removes_no_line():
    known = merge_all([order(lines=[line(1), line(2)]), order(at=2, lines=[line(2)], lines_are_complete=False)])

    assert (owed(known), kinds(known)) == (2_000, [Question.LINES_UNCLEAR])


def test_quantity_that_cannot_be_read_moves_nothing_and_asks():
    known = merge_all([order(lines=[line(quantity=3)]), order(at=2, lines=[line(quantity=None)])])

    assert (owed(known), kinds(known)) == (3_000, [Question.QUANTITY_UNCLEAR])
    assert kinds(merge_all([order(lines=[line(quantity=None)])])) == [Question.QUANTITY_UNCLEAR]


@pytest.mark.parametrize(
    ("refunded", "status", "expected"), [(None, "completed", 500), ("0", "completed", 1_000), ("0", "refunded", 0)]
)
def test_refund_stands_until_a_list_without_it_is_stated(refunded, status, expected):
    known = merge_all([order(refunded="5", refund_ids=[900]), order(status, at=2, refunded=refunded, refund_ids=())])

    assert owed(known) == expected
    if status == "refunded":
        assert known.refund_ids == (900,)


def test_values_that_are_not_stated_stay():
    silent = order(at=2, customer=None, email=None, total=None)
    known = merge_all([order(customer=7, email="b@example.test"), silent])

    assert (known.customer_id, known.email, known.total) == (7, "b@example.test", Decimal("10.00"))


def test_repeat_of_a_known_document_overrides_no_later_one_of_its_second():
    first, second = order(lines=[line(quantity=3)]), order(lines=[line(quantity=5)])

    assert owed(merge_all([first, second])) == 5_000
    assert owed(merge_all([first, second, first, first])) == 5_000
    assert owed(merge_all([first, second, first, second, first])) == 5_000


def test_document_that_came_earlier_and_is_merged_later_overrides_nothing():
    first, second = order(lines=[line(quantity=3)]), order(lines=[line(quantity=5)])
    known = merge_document(OrderState(1, 1), second, effect=Effect.GRANTS, received_at=LATER)

    assert owed(merge_document(known, first, effect=Effect.GRANTS, received_at=LATER - timedelta(seconds=1))) == 5_000


def test_two_documents_of_one_second_are_for_the_shop_to_decide():
    first, second = order(lines=[line(quantity=3)]), order(lines=[line(quantity=5)])
    known = merge_all([first])

    assert has_another_of_its_second(known, second)
    assert not has_another_of_its_second(known, first)
    assert not has_another_of_its_second(known, order(at=2))
    asked = replace(first, requested_at=LATER + timedelta(minutes=5))
    assert owed(merge_all([first, second, asked])) == 3_000


def test_document_just_read_wins_over_a_remembered_date():
    read = order(at=-500, lines=[line(quantity=2)], requested_at=LATER + timedelta(minutes=1))
    newest = order(at=50, lines=[line(quantity=9)])

    known = merge_all([newest, read])

    assert owed(known) == 2_000
    assert owed(merge_all([newest], known=known, start=600)) == 2_000, "a replay of what came before the reading"
    assert owed(merge_all([order(at=-400, lines=[line(quantity=4)])], known=known, start=600)) == 4_000


def test_document_asked_for_before_a_delivery_came_does_not_override_it():
    delivered = order(at=5, lines=[line(quantity=4)])
    stale = order(at=1, lines=[line(quantity=1)], requested_at=LATER - timedelta(seconds=1))

    assert owed(merge_all([delivered, stale])) == 4_000


def test_newest_granting_document_says_what_a_line_is():
    states = [
        order("processing", at=1, lines=[line(product=10, stamped=500)]),
        order(at=2, lines=[line(product=11, stamped=700)]),
        order("processing", at=3, lines=[line(product=12, stamped=900, quantity=7)]),
        order("cancelled", at=4, lines=[line(product=13, stamped=901, quantity=8)]),
        order("on-hold", at=5, lines=[line(product=14, stamped=902, quantity=9)]),
    ]
    for arrival in itertools.permutations(states):
        (known,) = merge_all(arrival).lines
        assert (known.line.product_id, known.line.stamped, known.line.quantity) == (11, 700, 1)


def test_stated_variation_and_stamp_win_over_their_absence():
    states = [
        order("processing", at=1, lines=[line(product=10)]),
        order("processing", at=2, lines=[line(product=10, variation=12, stamped=5)]),
        order(at=3, lines=[line(product=10)]),
    ]
    for arrival in itertools.permutations(states):
        (known,) = merge_all(arrival).lines
        assert (known.line.variation_id, known.line.stamped) == (12, 5)


@st.composite
def documents(draw):
    statuses = st.sampled_from(["completed", "processing", "pending", "refunded", "cancelled"])
    items = st.builds(
        line,
        st.integers(1, 3),
        st.sampled_from([None, 0, 1, 2, Decimal("2.5")]),
        product=st.sampled_from([0, 10, 11]),
        variation=st.sampled_from([0, 12]),
        stamped=st.sampled_from([None, None, 700, 900]),
        total=st.sampled_from([None, "0.00", "10.00"]),
        name=st.sampled_from(["", "A"]),
    )
    lists = st.one_of(st.none(), st.just(()), st.lists(items, max_size=3, unique_by=lambda one: one.id).map(tuple))
    return [
        replace(
            order(
                draw(statuses),
                at=second,
                customer=draw(st.sampled_from([None, 0, 2, 3])),
                email=draw(st.sampled_from([None, "", "a@example.test", "b@example.test"])),
                total=draw(st.sampled_from([None, "10.00", "20.00"])),
                refunded=draw(st.sampled_from([None, "0", "5"])),
            ),
            lines=draw(lists),
            lines_are_complete=draw(st.booleans()),
            unclear_refunds=draw(st.sampled_from(["", "", "[null]", "[1]"])),
        )
        for second in range(draw(st.integers(2, 5)))
    ]


def seen(known):
    lines = sorted(
        (
            *(one.line.id, one.line.product_id, one.line.variation_id, one.line.quantity, one.line.stamped),
            *(one.line.name, one.line.total, one.is_unclear, one.line.is_gone),
        )
        for one in known.lines
    )
    money = (known.total, known.refunded, owed(known))
    return known.status, known.effect, known.buyer_id, known.email, money, kinds(known), lines


@settings(max_examples=60, deadline=None)
@given(documents(), st.randoms(use_true_random=False))
def test_all_permutations_of_five_documents_once_and_twice_end_alike(states, rng):
    natural = seen(merge_all(states))
    arrivals = list(itertools.permutations(states))

    for arrival in rng.sample(arrivals, min(24, len(arrivals))):
        twice = [*arrival, *arrival]
        rng.shuffle(twice)
        assert seen(merge_all(arrival)) == natural
        assert seen(merge_all(twice)) == natural


def refunded(amount, pieces, money, *, quantity=1, total="10.00"):
    detail = RefundDetail(900, Decimal(amount), Decimal(money), (RefundedLine(1, pieces, Decimal(money)),))
    known = OrderState(
        1, 1, effect=Effect.GRANTS, total=Decimal(total), refunded=Decimal(amount), refund_ids=(900,), currency="EUR"
    )
    lines = (LineState(line(quantity=quantity, total=total), 1_000),)
    return replace(known, lines=lines, refund_details=(detail,)), replace(known, lines=lines)


@pytest.mark.parametrize(
    ("amount", "pieces", "money", "quantity", "expected", "disagrees"),
    [
        ("2.00", 1, "2.00", 1, 800, True),
        ("0.00", 1, "0.00", 1, 1_000, True),
        ("5.00", 1, "5.00", 2, 1_000, False),
        ("3.33", 1, "3.33", 3, 2_000, False),
        ("6.67", 2, "6.67", 3, 1_000, False),
        ("4.00", 1, "4.00", Decimal("2.5"), 1_500, False),
        ("10.00", 1, "10.00", 3, 0, False),
        ("2.50", 0, "2.50", 1, 750, False),
    ],
)
def test_money_of_a_refund_counts_with_and_without_rest_keys(amount, pieces, money, quantity, expected, disagrees):
    with_keys, without = refunded(amount, pieces, money, quantity=quantity)

    assert (tokens_owed(with_keys, with_keys.lines[0]), tokens_owed(without, without.lines[0])) == (expected, expected)
    assert bool(list_disagreements(with_keys)) is disagrees


def test_whole_refund_raises_no_question():
    _, without = refunded("10.00", 1, "10.00")

    assert review_items(without, Circumstances()) == ()


def test_rounding_of_one_refund_does_not_hide_the_loose_money_of_another():
    known, _ = refunded("0.00", 0, "0.00")
    details = (
        RefundDetail(900, Decimal("1.00"), Decimal("3.00")),
        RefundDetail(901, Decimal("2.00"), Decimal("0")),
        RefundDetail(902, Decimal("0.83"), Decimal("0.825")),
    )
    known = replace(known, refund_details=details, refund_ids=(900, 901, 902), refunded=Decimal("3.83"))

    assert known.unallocated_money == Decimal("2.00")


def test_order_written_before_values_had_sources_goes_on_by_its_dates():
    older = merge_all([order(at=2, lines=[line(1, 3), line(2, 1)])])
    bare = replace(
        older,
        sources=Sources(),
        lines=tuple(replace(one, ranks={}, stated=None, varied=(0, 0)) for one in older.lines),
    )

    assert owed(merge_all([order(at=1, lines=[line(1, 9)])], known=bare)) == 4_000
    assert owed(merge_all([order(at=2, lines=[line(1, 3), line(2, 1)])], known=bare)) == 4_000
    assert owed(merge_all([order(at=3, lines=[line(1, 5)])], known=bare)) == 5_000
    assert owed(merge_all([order("refunded", at=3)], known=bare)) == 0
    trashed = merge_trashing(bare, delivery="d", received_at=LATER)
    assert owed(trashed) == 0
    restored = replace(order(at=2, lines=[line(1, 3), line(2, 1)]), is_restored=True)
    assert owed(merge_all([restored], known=trashed)) == 4_000
