"""The questions about an order, and the effect of an owner's answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bridge.domain.orders.errors import LineHasAmount, NoOpenRefunds, RefundsChanged, UnknownChoice, UnknownLine
from bridge.domain.orders.grants import tokens_owed
from bridge.domain.orders.merge import Basis, Effect, Line, LineState, OrderState, RefundDetail, RefundedLine, Refunds
from bridge.domain.orders.review import (
    Circumstances,
    Question,
    open_lines,
    question_of,
    review_items,
    with_amount,
    with_decision,
    with_refunds_seen,
)
from bridge.domain.orders.review_items import GRANT, LEAVE, Decision, ReviewItem, open_items

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
OWNER = "owner@example.test"


def line(id=1, tokens=None, *, product=0, quantity=1, **more):  # noqa: A002
    return LineState(Line(id, product, 0, quantity, Decimal(10)), tokens, **more)


def order(*lines, effect=Effect.GRANTS, ids=(), refunded="0", details=()):
    return OrderState(
        1,
        7,
        effect=effect,
        total=Decimal(10),
        lines=lines or (line(tokens=1_000),),
        refund_ids=tuple(ids),
        refunded=Decimal(refunded),
        refund_details=tuple(details),
    )


def refunds(*ids, total="0"):
    return Refunds(ids, Decimal(total))


LOOSE = RefundDetail(900, Decimal(1), Decimal(0))
TIED = RefundDetail(900, Decimal(1), Decimal(1), (RefundedLine(1, 0, Decimal(1)),))


@pytest.mark.parametrize(
    ("known", "is_parked", "expected"),
    [
        (order(), False, Question.NONE),
        (order(), True, Question.NO_BUYER),
        (order(line()), False, Question.UNKNOWN_PRODUCT),
        (order(line()), True, Question.UNKNOWN_PRODUCT),
        (order(line(tokens=0)), False, Question.NONE),
        (order(line(product=10)), False, Question.UNKNOWN_PRODUCT),
        (order(line(product=10, basis=Basis.UNCLEAR)), False, Question.UNCLEAR_AMOUNT),
        (order(line(product=10, basis=Basis.SAME_SKU)), False, Question.SAME_SKU),
        (order(LineState(Line(1, 10, 0, 1, Decimal(10), is_gone=True))), False, Question.UNKNOWN_PRODUCT),
        (order(LineState(Line(1, 10, 0, 1, Decimal(10), is_gone=True), 0)), False, Question.NONE),
        (order(line(quantity=0)), False, Question.NONE),
        (order(line(tokens=5), line(2)), False, Question.UNKNOWN_PRODUCT),
        (order(ids=[900], refunded="1"), False, Question.UNREAD_REFUNDS),
        (order(ids=[900], refunded="1"), True, Question.NO_BUYER),
        (order(line(tokens=0), ids=[900], refunded="1"), False, Question.NONE),
        (order(ids=[900], refunded="1", details=[LOOSE]), False, Question.UNALLOCATED_REFUND),
        (order(ids=[900], refunded="1", details=[TIED]), False, Question.NONE),
        (order(line(), effect=Effect.REVOKES), False, Question.NONE),
        (order(effect=Effect.KEEPS, ids=[900], refunded="1"), True, Question.NONE),
    ],
)
def test_question_of_an_order(known, is_parked, expected):
    assert question_of(known, is_parked=is_parked) is expected


def test_amount_set_by_hand_belongs_to_the_line_and_records_the_actor():
    known = order(line(1, quantity=2), line(2), line(3, 50, product=10))

    answered = with_amount(known, 1, tokens=300, by=OWNER, at=NOON)

    assert [(one.tokens, one.set_by, one.set_at) for one in answered.lines] == [
        (300, OWNER, NOON),
        (None, None, None),
        (50, None, None),
    ]
    assert [tokens_owed(answered, one) for one in answered.lines] == [600, 0, 50]
    assert ([one.line.id for one in open_lines(known)], [one.line.id for one in open_lines(answered)]) == ([1, 2], [2])
    assert question_of(answered, is_parked=False) is Question.UNKNOWN_PRODUCT
    assert question_of(with_amount(answered, 2, tokens=0, by=OWNER, at=NOON), is_parked=False) is Question.NONE


def test_amount_set_again_changes_nothing_by_any_actor():
    answered = with_amount(order(line()), 1, tokens=0, by=OWNER, at=NOON)

    assert with_amount(answered, 1, tokens=0, by="another", at=LATER) == answered


@pytest.mark.parametrize(
    ("known", "tokens"),
    [
        (line(tokens=1_000, product=10), 999),
        (line(tokens=1_000, set_by=OWNER, set_at=NOON), 1_001),
        (line(tokens=0, set_by=OWNER, set_at=NOON), 1),
        # A plan's number is different: so many a month.
        (line(tokens=1_000, months=12), 1_000),
    ],
)
def test_other_amount_is_refused_once_one_is_fixed(known, tokens):
    with pytest.raises(LineHasAmount, match="of order 7 already grants"):
        with_amount(order(known), 1, tokens=tokens, by=OWNER, at=LATER)


def test_line_at_0_that_no_person_set_takes_an_amount():
    answered = with_amount(order(line(tokens=0, product=10, basis=Basis.NO_PACKAGE)), 1, tokens=5, by=OWNER, at=NOON)

    assert [(one.tokens, one.basis, one.set_by) for one in answered.lines] == [(5, Basis.HAND, OWNER)]


def test_every_review_item_is_listed_the_most_urgent_first():
    known = order(line(), line(2, 1_000), ids=[900], refunded="1")

    items = review_items(known, Circumstances(is_parked=True))

    assert [item.kind for item in items] == [Question.UNKNOWN_PRODUCT, Question.NO_BUYER, Question.UNREAD_REFUNDS]
    assert items[0].parameters == {"lines": [1], "products": ["product 0"]}
    assert question_of(known, is_parked=True) is items[0].kind


def test_decision_closes_an_item_until_its_subject_changes():
    item = ReviewItem(Question.RELATED_ORDER, "900", choices=(GRANT, LEAVE))

    decided = with_decision(order(), item, LEAVE, by=OWNER, at=NOON)

    assert decided.decisions == (Decision(Question.RELATED_ORDER, "900", LEAVE, OWNER, NOON),)
    assert open_items([item], decided.decisions) == ()
    assert open_items([replace(item, subject="901")], decided.decisions) == (replace(item, subject="901"),)
    with pytest.raises(UnknownChoice):
        with_decision(order(), item, "maybe", by=OWNER, at=NOON)


def test_amount_of_a_package_set_again_is_no_contradiction():
    known = order(line(tokens=1_000, product=10))

    assert with_amount(known, 1, tokens=1_000, by=OWNER, at=LATER) == known


def test_missing_line_is_reported():
    with pytest.raises(UnknownLine):
        with_amount(order(line(1)), 2, tokens=5, by=OWNER, at=NOON)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({}, Question.NONE),
        # Read back, they are still the refunds that were reviewed.
        ({"refund_details": (LOOSE,)}, Question.NONE),
        ({"refund_ids": (901, 900), "refunded": Decimal(2)}, Question.UNREAD_REFUNDS),
        ({"refund_ids": (901,)}, Question.UNREAD_REFUNDS),
        ({"refunded": Decimal("1.01")}, Question.UNREAD_REFUNDS),
        ({"refunded": Decimal("1.000")}, Question.NONE),
        ({"refund_ids": (), "refunded": Decimal(0)}, Question.NONE),
        ({"effect": Effect.REVOKES}, Question.NONE),
    ],
)
def test_reviewed_refunds_are_a_review_item_again_once_they_are_others(after, expected):
    seen = with_refunds_seen(order(ids=[900], refunded="1"), refunds(900, total="1.00"), by=OWNER, at=NOON)

    assert seen.seen is not None
    assert (seen.seen.by, seen.seen.at) == (OWNER, NOON)
    assert question_of(replace(seen, **after), is_parked=False) is expected


def test_order_of_refunds_in_a_document_is_nothing_new():
    known = order(ids=[901, 900, 901], refunded="2")
    seen = with_refunds_seen(known, refunds(900, 901, total="2"), by=OWNER, at=NOON)

    assert question_of(replace(seen, refund_ids=(900, 901)), is_parked=False) is Question.NONE


def test_reviewed_refunds_leave_the_other_items_open():
    known = order(line(tokens=5), line(2), ids=[900], refunded="1")
    seen = with_refunds_seen(known, refunds(900, total="1"), by=OWNER, at=NOON)

    assert question_of(seen, is_parked=False) is Question.UNKNOWN_PRODUCT
    assert question_of(order(), is_parked=True) is Question.NO_BUYER


def test_refunds_reviewed_again_keep_the_first_reviewer():
    seen = with_refunds_seen(order(ids=[900], refunded="1"), refunds(900, total="1"), by=OWNER, at=NOON)

    assert with_refunds_seen(seen, refunds(900, total="1"), by="another", at=LATER) == seen


def test_refunds_that_came_meanwhile_are_not_passed_over():
    known = order(ids=[900, 901], refunded="2")

    for named in (refunds(900, total="1"), refunds(900, 901, total="1"), refunds(900, total="2"), refunds()):
        with pytest.raises(RefundsChanged):
            with_refunds_seen(known, named, by=OWNER, at=NOON)


@pytest.mark.parametrize(
    "known",
    [
        order(),
        order(ids=[900], refunded="1", details=[TIED]),
        order(line(tokens=0), ids=[900], refunded="1"),
        order(effect=Effect.REVOKES, ids=[900], refunded="1"),
    ],
)
def test_nothing_is_marked_where_nothing_is_asked(known):
    with pytest.raises(NoOpenRefunds):
        with_refunds_seen(known, known.refunds, by=OWNER, at=NOON)
