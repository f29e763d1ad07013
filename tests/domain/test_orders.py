"""The grants of an order, whatever was delivered of it and in whatever order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.clients.woocommerce.documents import read_order
from bridge.domain.orders.grants import tokens_owed
from bridge.domain.orders.merge import (
    NEVER,
    Effect,
    Line,
    LineState,
    Order,
    OrderState,
    effect_of,
    merge_document,
    merge_trashing,
)
from tests.factories import order as shop_order
from tests.support.recordings import Recording, all_recordings
from tests.support.seeds import examples

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
GRANTING = ("completed",)
AMOUNTS = {10: 1_000, 11: 333, 12: 0}


def line(id=1, product=10, quantity=1):  # noqa: A002
    return Line(id=id, product_id=product, variation_id=0, quantity=quantity, total=Decimal(10))


def order(status="completed", *, at=0, customer=2, lines=None, total="10", refunded="0", is_restored=False):
    moment = NOON + timedelta(seconds=at)
    return Order(
        number=1,
        status=status,
        modified_at=moment,
        customer_id=customer,
        email=f"{at}@example.test",
        name="Ada",
        total=Decimal(total),
        refunded=Decimal(refunded),
        currency="EUR",
        placed_at=NOON,
        lines=(line(),) if lines is None else tuple(lines),
        is_restored=is_restored,
    )


def merge_all(states: Iterable[Order]) -> OrderState:
    known = OrderState(store_id=1, number=1)
    for place, state in enumerate(states):
        effect = effect_of(state.status, GRANTING)
        known = merge_document(known, state, effect=effect, received_at=LATER + timedelta(seconds=place))
    return known


def owed(known: OrderState) -> dict[int, int]:
    """Return the grant of each line, with the amounts of `AMOUNTS`; lines worth nothing left out."""
    priced = [replace(one, tokens=AMOUNTS.get(one.line.product_id)) for one in known.lines]
    return {one.line.id: tokens for one in priced if (tokens := tokens_owed(known, one))}


@pytest.mark.parametrize(
    ("status", "effect"),
    [
        ("completed", Effect.GRANTS),
        ("processing", Effect.KEEPS),
        ("on-hold", Effect.KEEPS),
        ("pending", Effect.KEEPS),
        ("", Effect.KEEPS),
        ("Completed", Effect.KEEPS),
        ("refunded", Effect.REVOKES),
        ("cancelled", Effect.REVOKES),
        ("failed", Effect.REVOKES),
        ("trash", Effect.REVOKES),
        ("deleted", Effect.REVOKES),
    ],
)
def test_effect_of_a_status(status, effect):
    assert effect_of(status, GRANTING) is effect


def test_status_of_the_owners_choice_grants_even_where_it_would_revoke():
    assert effect_of("failed", ["failed"]) is Effect.GRANTS


@pytest.mark.parametrize(
    ("tokens", "quantity", "total", "refunded", "expected"),
    [
        (1_000, 1, "10", "0", 1_000),
        (1_000, 3, "10", "0", 3_000),
        (1_000, 0, "10", "0", 0),
        (1_000, -2, "10", "0", 0),
        (0, 3, "10", "0", 0),
        (None, 3, "10", "0", 0),
        (1_000, 1, "10", "2.5", 750),
        # A third of 100 is 33.33…: 33 are reversed, the rest stays with the buyer.
        (100, 1, "3", "1", 67),
        (100, 1, "3", "2", 34),
        (100, 1, "3", "2.99", 1),
        (100, 1, "3", "3", 0),
        (100, 1, "3", "4", 0),
        (1, 1, "3", "2.99", 1),
        # Three decimals, as in Kuwait, and more tokens than a float can count.
        (2**53 - 1, 1, "3.000", "1.000", 2**53 - 1 - (2**53 - 1) // 3),
        # A free line cannot be refunded by share.
        (1_000, 1, "0", "5", 1_000),
        (1_000, 1, "-1", "5", 1_000),
        (1_000, 1, "10", "-5", 1_000),
    ],
)
def test_tokens_owed_of_a_granting_order(tokens, quantity, total, refunded, expected):
    known = OrderState(1, 1, effect=Effect.GRANTS, total=Decimal(total), refunded=Decimal(refunded))

    assert tokens_owed(known, LineState(line(quantity=quantity), tokens)) == expected


@pytest.mark.parametrize("effect", [Effect.KEEPS, Effect.REVOKES])
def test_nothing_is_owed_before_an_order_grants_and_after_it_is_revoked(effect):
    assert tokens_owed(OrderState(1, 1, effect=effect), LineState(line(), 1_000)) == 0


@pytest.mark.parametrize(
    ("history", "expected", "buyer"),
    [
        ([order("processing", at=1)], {}, 2),
        ([order(at=1)], {1: 1_000}, 2),
        ([order(at=1), order("cancelled", at=2)], {}, 2),
        ([order(at=1), order("cancelled", at=2), order(at=3)], {1: 1_000}, 2),
        ([order(at=1), order("processing", at=2)], {1: 1_000}, 2),
        ([order("failed", at=1), order("processing", at=2)], {}, 2),
        ([order(at=1), order("on-hold", at=2, lines=[line(quantity=9)])], {1: 1_000}, 2),
        ([order(at=1), order(at=2, lines=[line(quantity=9)])], {1: 9_000}, 2),
        ([order(at=1, lines=[line(1), line(2)]), order(at=2, lines=[line(2), line(3)])], {2: 1_000, 3: 1_000}, 2),
        ([order(at=1), order(at=2, refunded="5")], {1: 500}, 2),
        ([order(at=1, refunded="5"), order(at=2)], {1: 1_000}, 2),
        ([order(at=1, customer=2), order(at=2, customer=3)], {1: 1_000}, 3),
        ([order(at=1, customer=2), order(at=2, customer=0)], {1: 1_000}, 2),
        ([order(at=1, customer=2), order("refunded", at=2, customer=0)], {}, 2),
        ([order(at=1, customer=0), order(at=2, customer=3)], {1: 1_000}, 3),
        ([order("processing", at=1, customer=7), order(at=2, customer=0)], {1: 1_000}, 0),
        ([order(at=1, customer=2), order(at=2, customer=3), order(at=3, customer=0)], {1: 1_000}, 3),
        ([order("processing", at=1), order(at=2, lines=[line(product=0)])], {1: 1_000}, 2),
        ([order(at=1, lines=[line(product=11, quantity=3), line(2, product=12)])], {1: 999}, 2),
    ],
)
def test_history_in_every_order_of_arrival(history, expected, buyer):
    for arrival in itertools.permutations(history):
        known = merge_all(arrival)

        assert owed(known) == expected
        assert known.buyer_id == buyer
        assert known.status == history[-1].status
        assert known.email == history[-1].email


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Order], list[Order]]:
    """Return some states of one order, each of its own second, and the same shuffled and partly repeated."""
    statuses = st.sampled_from(["completed", "processing", "refunded", "cancelled", "pending"])
    products = {number: draw(st.sampled_from([10, 11, 12, 99])) for number in (1, 2, 3)}
    states = [
        order(
            draw(statuses),
            at=second,
            customer=draw(st.sampled_from([0, 2, 3])),
            lines=[
                line(number, draw(st.sampled_from([products[number], 0])), draw(st.integers(0, 5)))
                for number in draw(st.sets(st.sampled_from([1, 2, 3])))
            ],
            refunded=draw(st.sampled_from(["0", "1", "3.33", "10"])),
        )
        for second in range(draw(st.integers(1, 6)))
    ]
    again = draw(st.lists(st.sampled_from(states), max_size=4))
    return states, draw(st.permutations(states + again))


@settings(max_examples=examples(150), deadline=None)
@given(histories())
def test_any_history_ends_alike_in_any_order_of_arrival(drawn):
    states, arrival = drawn

    natural, other = merge_all(states), merge_all(arrival)

    assert owed(other) == owed(natural)
    assert other.buyer_id == natural.buyer_id
    assert (other.status, other.email, other.modified_at) == (natural.status, natural.email, natural.modified_at)
    assert (other.effect, other.decided_at, other.refunded) == (natural.effect, natural.decided_at, natural.refunded)


@settings(max_examples=examples(100), deadline=None)
@given(histories())
def test_a_repeated_state_changes_nothing(drawn):
    states, arrival = drawn
    known = merge_all(arrival)

    for state in states:
        effect = effect_of(state.status, GRANTING)

        assert owed(merge_document(known, state, effect=effect, received_at=LATER)) == owed(known)


def test_of_two_states_of_one_second_the_later_to_arrive_counts():
    """The shop builds a document when it sends it, so the later one is never the older."""
    first, second = order("completed", at=1), order("cancelled", at=1)

    assert owed(merge_all([first, second])) == {}
    assert owed(merge_all([second, first])) == {1: 1_000}


def trashed(known: OrderState, *, delivery: str = "d", minutes: int = 0) -> OrderState:
    return merge_trashing(known, delivery=delivery, received_at=LATER + timedelta(minutes=minutes))


def test_trashing_revokes_until_something_newer_is_said():
    known = trashed(merge_all([order(at=1)]))

    assert (known.status, owed(known)) == ("trash", {})
    for state, expected in [(order(at=1), {}), (order(at=0), {}), (order("processing", at=2), {})]:
        effect = effect_of(state.status, GRANTING)
        assert owed(merge_document(known, state, effect=effect, received_at=LATER)) == expected
    restored = merge_document(known, order(at=2, is_restored=True), effect=Effect.GRANTS, received_at=LATER)
    assert (restored.status, owed(restored)) == ("completed", {1: 1_000})


def test_trashing_that_comes_first_holds_against_all_that_happened_before_it():
    known = trashed(OrderState(1, 1))

    for state in (order(at=1), order("cancelled", at=2), order(at=3)):
        known = merge_document(known, state, effect=effect_of(state.status, GRANTING), received_at=LATER)

    assert owed(known) == {}


def test_trashed_order_stays_trashed_where_the_shops_clock_is_ahead():
    """The state it had when it was trashed restores it by no clock."""
    ahead = order(at=7_200)
    known = trashed(merge_all([ahead]))

    assert ahead.modified_at > LATER
    assert owed(merge_document(known, ahead, effect=Effect.GRANTS, received_at=LATER)) == {}


def test_trashing_announced_twice_under_one_delivery_counts_once():
    known = trashed(merge_all([order(at=1)]), delivery="one")
    known = merge_document(known, order(at=2, is_restored=True), effect=Effect.GRANTS, received_at=LATER)

    assert owed(trashed(known, delivery="one")) == {1: 1_000}
    assert owed(trashed(known, delivery="another")) == {}


@pytest.mark.parametrize(("minutes", "expected"), [(9, {1: 1_000}), (10, {1: 1_000}), (11, {})])
def test_trashing_overtaken_by_the_restoring_counts_only_long_after_it(minutes, expected):
    known = merge_document(OrderState(1, 1), order(at=5, is_restored=True), effect=Effect.GRANTS, received_at=LATER)

    known = trashed(known, minutes=minutes)

    assert owed(known) == expected


def states_of(number: int) -> list[Recording]:
    return [sent for sent in all_recordings() if sent.order_state is not None and sent.order_state[0] == number]


@pytest.mark.parametrize(
    "number", sorted({sent.order_state[0] for sent in all_recordings() if sent.order_state is not None})
)
def test_recorded_states_of_an_order_in_every_permutation(number):
    """Return every permutation of the distinct states of every recorded order, with the last state of each second."""
    latest = {sent.order_state: sent for sent in states_of(number)}
    states: Sequence[Order] = [
        read_order(latest[moment].document, is_restored="order.restored" in latest[moment].name)
        for moment in sorted(latest)
    ]
    natural = merge_all(states)

    for arrival in itertools.permutations(states):
        known = merge_all(arrival)

        assert owed(known) == owed(natural)
        assert (known.buyer_id, known.status, known.refunded) == (natural.buyer_id, natural.status, natural.refunded)


def test_sale_comes_with_the_total_and_an_older_order_gets_it_when_it_is_read_again():
    first, later = read_order(shop_order(1, total="10.00")), read_order(shop_order(1, at=5, total="20.00"))

    for states in itertools.permutations((first, later)):
        known = merge_all(states)
        assert known.sale is not None
        assert (known.total, known.sale.total) == (Decimal(20), Decimal(20))
    stored = replace(merge_all([first]), sale=None)
    stored = replace(stored, sources=replace(stored.sources, ranks={**stored.sources.ranks, "sale": NEVER}))
    read = replace(first, requested_at=LATER)
    assert merge_document(stored, read, effect=Effect.GRANTS, received_at=LATER).sale == first.sale
