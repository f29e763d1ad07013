"""Every delivery a real shop sent, replayed in many orders: the ledger always ends the same.

The table is computed by hand from the shop's own last document of each
order. Packages: 10 → 100 000, 11 → 250 000, 12 → 50 000, 13 → 25 000, 15/16 →
15 000, 15/17 → 60 000, 48 → 5 000 (deleted in the shop), 14 (a mug) → 0.

User 2
    20  completed, 1 × 10                                     100 000
    21  completed, 2 × 10                                     200 000
    22  completed, 3 × 11                                     750 000
    27  completed, 1 × 12                                      50 000
    28  processing                                                  0
    29  completed, 1 × 10                                     100 000
    30  completed, 1 × 10 with 777 stamped on the line            777
    31, 33, 35, 40  refunded                                        0
    38  completed, 2 × 10; 5.00 of 20.00 refunded:
        200 000 − floor(200 000 × 5 ÷ 20) = 200 000 − 50 000  150 000
    42  completed, cancelled, completed, 1 × 10               100 000
    44  on hold, failed, completed, 1 × 10                    100 000
    45  completed, trashed, restored, 1 × 10                  100 000
    49  completed, 1 × 48, whose product was deleted by then       5 000
    51  completed, 1 × 12                                      50 000
    54, 56  processing (paid with a coupon)                         0
    60, 61, 62, 63  completed together, 1 × 10 each           400 000
    65, 76, 77, 133  pending                                        0
    66  completed, 2 × 15/17                                  120 000
    72  completed, trashed                                          0
    73  completed, 1 × 10; deleted permanently, without a delivery
                                                              100 000
    74  completed, 2 × 10; 5.00 of 20.00 refunded, and the refund deleted,
        without a delivery: 200 000 − 50 000                 150 000
    93  completed, 1 × 10                                     100 000
    94  processing                                                  0
    95  completed, 1 × 10                                     100 000
    100 completed, 2 × 10; 10.00 of 20.00 refunded:
        200 000 − floor(200 000 × 10 ÷ 20)                    100 000
                                                     total  2 775 777
User 3
    23  completed, 1 × 15/17 and 2 × 15/16: 60 000 + 30 000    90 000
    52  on hold, completed, 1 × 10                            100 000
                                                     total    190 000
User 4
    24  completed, 1 × 13                                      25 000
User 5
    25  completed, 1 × 10, 3 mugs, 1 × 11, 2 × 10:
        100 000 + 0 + 250 000 + 200 000                       550 000
User 11
    53  completed, 1 × 10                                     100 000

Parked, under the billing email
    26  completed, 1 × 10, guest1@example.test                100 000
    46  completed, 1 × 10, ada@example.test: user 7 was deleted before the order
        was completed, so that the shop says customer 0       100 000
    50  completed, 2 × 10, guest2@example.test                200 000
"""

from __future__ import annotations

import pytest

from bridge.web.inbound import webhooks
from tests.factories import deliver, product, put_package, put_user
from tests.support import ledger_sql
from tests.support.recordings import (
    all_recordings,
    doubled,
    most_permutations,
    permuted,
    recording,
    send,
    send_all,
    shuffled,
    ticking_clock,
)

BALANCES = {2: 2_775_777, 3: 190_000, 4: 25_000, 5: 550_000, 11: 100_000}
PARKED = {26: "guest1@example.test", 46: "ada@example.test", 50: "guest2@example.test"}
CLAIMS = {"guest1@example.test": 100_000, "ada@example.test": 100_000, "guest2@example.test": 200_000}
PACKAGES = {
    (10, 0): 100_000,
    (11, 0): 250_000,
    (12, 0): 50_000,
    (13, 0): 25_000,
    (14, 0): 0,
    (15, 0): 1_000,
    (15, 16): 15_000,
    (15, 17): 60_000,
    (48, 0): 5_000,
}


@pytest.fixture(autouse=True)
def after_the_recordings(monkeypatch):
    """The machine's own clock may be before the day of the recordings."""
    clock = ticking_clock()
    monkeypatch.setattr(webhooks, "utcnow", lambda: next(clock))


@pytest.fixture
def priced(shop):
    for (product_id, variation), tokens in PACKAGES.items():
        put_package(shop, product_id, tokens, variation=variation)
    return shop


def assert_final_ledger(shop, database):
    assert ledger_sql.balances(database) == BALANCES
    assert ledger_sql.parked(database) == PARKED
    assert ledger_sql.faults(database) == []
    assert ledger_sql.rows(database, "select outcome from deliveries where state = 'received'") == []


def assert_each_parked_order_is_claimed_once(shop, database):
    for user_id, (email, tokens) in enumerate(CLAIMS.items(), start=101):
        for _ in range(2):
            answer = put_user(shop, user_id, email=email.upper())

            assert answer["balance"] == {"balance": tokens, "held": 0, "available": tokens, "debt": 0}
    assert ledger_sql.balances(database) == BALANCES | {101: 100_000, 102: 100_000, 103: 200_000}
    assert ledger_sql.parked(database) == {}
    assert ledger_sql.faults(database) == []


def test_table_is_about_the_recordings():
    """Of 218 requests two were signed with other secrets: the shop's own, and one full of HTML entities."""
    signed = [sent for sent in all_recordings() if not sent.is_ping]

    assert len(all_recordings()) == 218
    assert [sent.sequence for sent in all_recordings()] == sorted(sent.sequence for sent in all_recordings())
    assert [sent.sequence for sent in signed if not sent.is_ours] == [588, 671]
    assert most_permutations(all_recordings()) == 6


def add_claimants_first(shop):
    """Add the accounts that the parked orders wait for."""
    for user_id, email in enumerate(CLAIMS, start=101):
        put_user(shop, user_id, email=email)


ARRIVALS = {
    "once": all_recordings,
    "each twice": lambda: doubled(all_recordings()),
    "all twice": lambda: [*all_recordings(), *all_recordings()],
    "all twice, accounts first": lambda: [*all_recordings(), *all_recordings()],
}


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_recordings_grant_the_same_however_often_they_come(priced, database, arrival):
    """Two of the arrivals run on each engine."""
    if "accounts first" in arrival:
        add_claimants_first(priced)

    send_all(priced.client, ARRIVALS[arrival]())

    if "accounts first" in arrival:
        assert ledger_sql.parked(database) == {}
    else:
        assert_final_ledger(priced, database)
    assert_each_parked_order_is_claimed_once(priced, database)


SEEDS = {"sqlite": 1, "postgresql": 2}


@pytest.mark.parametrize("rank", range(1, 6))
def test_recordings_with_each_orders_states_in_every_permutation(priced, database, rank):
    """No order that was ever completed has more than three states: six ranks cover every permutation of each.

    Rank 0 is the order they came in. The two engines share the others, and
    `test_recorded_states_of_an_order_in_every_permutation` covers all of the rule.
    """
    assert permuted(all_recordings(), 0) == list(all_recordings())

    send_all(priced.client, permuted(all_recordings(), rank))

    assert_final_ledger(priced, database)


def test_recordings_shuffled_over_all_orders(priced, database, engine):
    send_all(priced.client, shuffled(all_recordings(), SEEDS[engine]))

    assert_final_ledger(priced, database)
    assert_each_parked_order_is_claimed_once(priced, database)


def test_amounts_that_come_last_and_only_from_the_shop(shop, database):
    """Variations come before their parent: a line whose variation is unknown counts as the parent's."""
    send_all(shop.client, all_recordings())
    for (product_id, variation), tokens in sorted(PACKAGES.items(), key=lambda item: -item[0][1]):
        document = product(variation or product_id, tokens or None, parent=product_id if variation else 0)

        assert deliver(shop, document, "product.updated").status_code == 200

    assert_final_ledger(shop, database)
    assert_each_parked_order_is_claimed_once(shop, database)


@pytest.mark.parametrize(
    ("foreign", "twin"),
    [
        ("order.updated--completed--nosecret", "order.updated--completed--nosecret--2"),
        (
            "order.updated--delivery-signed-with-special-secret--webhook-edit",
            "order.updated--delivery-signed-with-special-secret--webhook-edit--2",
        ),
    ],
)
def test_delivery_of_another_secret_is_refused_and_its_twin_taken(priced, database, foreign, twin):
    """The shop had two webhooks for the topic: the delivery of one is refused, that of the other is accepted."""
    refused = send(priced.client, recording(foreign))
    after_refusal = ledger_sql.count(database, "deliveries"), ledger_sql.count(database, "orders")
    taken = send(priced.client, recording(twin))

    assert recording(foreign).body == recording(twin).body
    assert refused.status_code == 401
    assert refused.get_json()["code"] == "bad_signature"
    assert after_refusal == (0, 0)
    assert taken.status_code == 200
    assert ledger_sql.count(database, "orders") == 1
