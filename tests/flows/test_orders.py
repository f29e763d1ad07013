"""Orders delivered by webhook become balances, once, whatever the form and order of the deliveries."""

from __future__ import annotations

import threading

import pytest

from tests.factories import (
    add_shop,
    balance_of,
    deliver,
    line,
    order,
    product,
    put_package,
    put_user,
    spend,
    state_of,
)
from tests.support import ledger_sql
from tests.support.recordings import recording, send


@pytest.fixture
def shop(shop):
    """Return the recorded shop, with package 10 of 1000 tokens."""
    put_package(shop, 10, 1_000)
    return shop


@pytest.fixture(autouse=True)
def sound_ledger(request, database):
    """Check afterwards that the ledger adds up."""
    yield
    assert ledger_sql.faults(database) == []


def kinds(database):
    return [
        (row["kind"], row["tokens"])
        for row in ledger_sql.rows(database, "select kind, tokens from entries order by id")
    ]


def test_four_orders_under_one_delivery_id_are_four_grants(shop, database):
    """The shop's delivery id is a hash of webhook and second: as a key it would lose three orders."""
    names = ["", "--2", "--3", "--4"]
    sent = [recording(f"order.updated--four-orders-completed-in-one-request--bulk{name}") for name in names]

    for one in sent:
        assert send(shop.client, one).status_code == 200

    assert len({one.header("X-WC-Webhook-Delivery-ID") for one in sent}) == 1
    assert balance_of(shop, 2) == 4_000
    assert kinds(database) == [("grant", 1_000)] * 4


def test_completed_cancelled_completed_ends_with_one_grant(shop, database):
    deliver(shop, order(at=1))
    deliver(shop, order(status="cancelled", at=2))
    cancelled = balance_of(shop, 2)
    deliver(shop, order(at=3))

    assert cancelled == 0
    assert balance_of(shop, 2) == 1_000
    assert kinds(database) == [("grant", 1_000), ("reversal", -1_000), ("grant", 1_000)]


@pytest.mark.parametrize("status", ["refunded", "cancelled", "failed", "trash"])
def test_older_state_delivered_again_changes_nothing(shop, database, status):
    deliver(shop, order(at=1))
    deliver(shop, order(status=status, at=2))
    deliver(shop, order(at=1))

    assert balance_of(shop, 2) == 0
    assert kinds(database) == [("grant", 1_000), ("reversal", -1_000)]


@pytest.mark.parametrize("status", ["processing", "on-hold", "pending", "checkout-draft", "wc-made-up"])
def test_status_that_says_nothing_leaves_the_grant(shop, status):
    deliver(shop, order(at=1))
    deliver(shop, order(status=status, at=2, lines=[line(quantity=7)]))

    assert balance_of(shop, 2) == 1_000


def test_status_of_the_stores_own_choice_grants(shop):
    shop.client.put("/v1/store", json={"grant_statuses": ["wc-processing", "completed"]}, headers=shop.headers)

    deliver(shop, order(status="processing"))

    assert balance_of(shop, 2) == 1_000


def test_same_state_again_grants_nothing_more(shop, database):
    for topic in ("order.created", "order.updated", "order.updated"):
        deliver(shop, order(), topic)

    assert kinds(database) == [("grant", 1_000)]


def test_another_customer_gets_the_grant(shop, database):
    deliver(shop, order(at=1, customer=2))
    deliver(shop, order(at=2, customer=3))

    assert (balance_of(shop, 2), balance_of(shop, 3)) == (0, 1_000)
    assert kinds(database) == [("grant", 1_000), ("reversal", -1_000), ("grant", 1_000)]


def test_another_customer_gets_a_spent_grant_in_full(shop):
    """The first one owes the spent tokens; the second gets the full grant."""
    deliver(shop, order(at=1, customer=2))
    spend(shop, 2, 400)
    deliver(shop, order(at=2, customer=3))

    assert state_of(shop, 2) == {"balance": 0, "held": 0, "available": 0, "debt": 400}
    assert state_of(shop, 3) == {"balance": 1_000, "held": 0, "available": 1_000, "debt": 0}


def test_customer_changed_to_0_keeps_the_grant(shop, database):
    """The shop sends 0 once the user is deleted."""
    put_user(shop, 3, email="ada@example.test")
    deliver(shop, order(at=1, customer=2))
    deliver(shop, order(at=2, customer=0))
    deliver(shop, order(at=3, customer=0, lines=[line(quantity=2)]))

    assert (balance_of(shop, 2), balance_of(shop, 3)) == (2_000, 0)
    assert ledger_sql.parked(database) == {}


def test_older_state_that_still_names_the_customer_assigns_the_order(shop, database):
    """The state without the customer came first, and waited."""
    deliver(shop, order(at=2, customer=0))
    parked = ledger_sql.parked(database)
    deliver(shop, order(at=1, customer=2))

    assert parked == {1: "ada@example.test"}
    assert balance_of(shop, 2) == 1_000
    assert ledger_sql.parked(database) == {}


@pytest.mark.parametrize(("quantity", "balance"), [(5, 5_000), (1, 1_000), (0, 0)])
def test_quantity_edited_after_completion_moves_the_difference(shop, quantity, balance):
    deliver(shop, order(at=1, lines=[line(quantity=2)]))
    deliver(shop, order(at=2, lines=[line(quantity=quantity)]))

    assert balance_of(shop, 2) == balance


def test_line_that_left_the_order_is_taken_back(shop):
    deliver(shop, order(at=1, lines=[line(1), line(2, quantity=3)]))
    deliver(shop, order(at=2, lines=[line(2, quantity=3)]))

    assert balance_of(shop, 2) == 3_000


def test_refund_of_spent_tokens_is_a_debt_that_the_next_grant_pays_first(shop, database):
    deliver(shop, order(1, at=1))
    spend(shop, 2, 700)
    deliver(shop, order(1, status="refunded", at=2))
    in_debt = state_of(shop, 2)
    deliver(shop, order(2, at=3))
    paid_off = state_of(shop, 2)
    deliver(shop, order(2, status="refunded", at=4))

    assert in_debt == {"balance": 0, "held": 0, "available": 0, "debt": 700}
    assert paid_off == {"balance": 300, "held": 0, "available": 300, "debt": 0}
    assert state_of(shop, 2) == {"balance": 0, "held": 0, "available": 0, "debt": 700}
    assert kinds(database) == [("grant", 1000), ("spend", -700), ("reversal", -300), ("grant", 300), ("reversal", -300)]


@pytest.mark.parametrize(
    ("refunds", "balance"),
    [
        ([], 1_000),
        (["0.00"], 1_000),
        (["-0.01"], 1_000),
        (["-2.50"], 750),
        (["-2.50", "-2.50"], 500),
        (["-3.33"], 667),
        (["-9.99"], 1),
        (["-10.00"], 0),
        (["-10.00", "-10.00"], 0),
    ],
)
def test_refunded_money_takes_back_its_share_rounded_down(shop, refunds, balance):
    """A cent of 10.00 is 1 token of 1000; 0.01 of 20.00 is half a token, and the half stays with the buyer."""
    total = "20.00" if refunds == ["-0.01"] else "10.00"
    deliver(shop, order(at=1, total=total))
    deliver(shop, order(at=2, total=total, refunds=refunds))

    assert balance_of(shop, 2) == balance


def test_amount_is_frozen_when_it_is_first_known(shop):
    """Each line by itself: one that is added later has the amount of that later day."""
    deliver(shop, order(1, at=1))
    put_package(shop, 10, 9_999)
    deliver(shop, order(1, at=2))
    frozen = balance_of(shop, 2)
    deliver(shop, order(1, at=3, lines=[line(1), line(2)]))
    deliver(shop, order(2, at=4))

    assert frozen == 1_000
    assert balance_of(shop, 2) == 1_000 + 9_999 + 9_999


def test_order_of_an_unknown_product_waits_for_its_amount(shop):
    deliver(shop, order(lines=[line(product=77, quantity=2)]))
    put_user(shop, 2)
    before = balance_of(shop, 2)
    deliver(shop, product(77, 500), "product.updated")
    deliver(shop, product(77, 800), "product.updated")

    assert before == 0
    assert balance_of(shop, 2) == 1_000


@pytest.mark.parametrize("arrival", [(0, 1), (1, 0)])
def test_deleted_product_counts_by_the_older_document_that_names_it(shop, arrival):
    states = [
        order(status="processing", at=1, lines=[line(product=10)]),
        order(status="completed", at=2, lines=[line(product=0)]),
    ]

    for place in arrival:
        deliver(shop, states[place])

    assert balance_of(shop, 2) == 1_000


@pytest.mark.parametrize("arrival", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
def test_deleted_product_of_which_only_the_number_was_known_is_asked_about(shop, arrival):
    """An older document names product 77, whose amount was never delivered; the shop has deleted it since."""
    states = [
        order(status="processing", at=1, lines=[line(product=77)]),
        order(status="completed", at=2, lines=[line(product=0)]),
    ]

    for place in arrival:
        deliver(shop, states[place])

    (item,) = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    assert (item["question"], [one["id"] for one in item["lines"]]) == ("unknown_product", [1])
    deliver(shop, product(77, 500), "product.updated")
    assert shop.client.get("/v1/exceptions", headers=shop.headers).json["items"] == []
    assert balance_of(shop, 2) == 500


def test_trashed_order_is_reversed_and_a_restored_one_granted_again(shop):
    deliver(shop, order(at=1))
    deliver(shop, {"id": 1}, "order.deleted")
    trashed = balance_of(shop, 2)
    deliver(shop, order(at=1))
    trashed_still = balance_of(shop, 2)
    deliver(shop, order(at=5), "order.restored")

    assert (trashed, trashed_still, balance_of(shop, 2)) == (0, 0, 1_000)


def test_trash_restore_trash_ends_in_the_trash(shop):
    deliver(shop, order(at=1))
    deliver(shop, {"id": 1}, "order.deleted")
    deliver(shop, order(at=5), "order.restored")
    deliver(shop, {"id": 1}, "order.deleted")

    assert balance_of(shop, 2) == 0


def test_restoring_that_overtakes_its_trashing_keeps_the_grant(shop):
    deliver(shop, order(at=1))
    deliver(shop, order(at=5), "order.restored")
    deliver(shop, {"id": 1}, "order.deleted")

    assert balance_of(shop, 2) == 1_000


def test_bare_number_under_another_topic_means_nothing(shop):
    deliver(shop, order(at=1))
    deliver(shop, {"id": 1}, "order.updated")

    assert balance_of(shop, 2) == 1_000


def test_amount_stamped_on_the_line_beats_the_package(shop):
    deliver(shop, order(lines=[line(1, quantity=3, stamped="777"), line(2), line(3, product=99, stamped="5")]))

    assert balance_of(shop, 2) == 3 * 777 + 1_000 + 5


def test_empty_stamp_counts_as_none(shop):
    deliver(shop, order(lines=[line(stamped="")]))

    assert balance_of(shop, 2) == 1_000


@pytest.mark.parametrize("stamped", ["-5", "1.5", "5.000", "0", "many", "99999999999999999"])
def test_line_with_a_stamp_that_is_no_amount_waits(shop, stamped):
    deliver(shop, order(lines=[line(1, stamped=stamped), line(2)]))

    (item,) = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    assert balance_of(shop, 2) == 1_000
    assert (item["question"], [one["id"] for one in item["lines"]]) == ("unclear_amount", [1])
    assert item["reviews"][0]["parameters"]["products"] == [f"Tokens ({stamped})"]
    deliver(shop, order(at=1, lines=[line(1, stamped="70"), line(2)]))
    assert balance_of(shop, 2) == 1_070


@pytest.mark.both_engines
@pytest.mark.parametrize("is_known", [False, True])
def test_same_delivery_from_many_threads_grants_once(shop, app, database, is_known):
    """The shop sent one order twice in one second, with one id and the same bytes."""
    if is_known:
        deliver(shop, order(status="processing", at=-1))
    threads, statuses, start = 8, [], threading.Barrier(8)

    def send_it():
        client = app.test_client()
        start.wait()
        statuses.append(deliver(shop, order(), delivery="one-id", client=client).status_code)

    callers = [threading.Thread(target=send_it) for _ in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert statuses == [200] * threads
    assert balance_of(shop, 2) == 1_000
    assert kinds(database) == [("grant", 1_000)]
    assert {row["state"] for row in ledger_sql.rows(database, "select state from deliveries")} == {"processed"}


def test_two_stores_with_the_same_order_numbers_and_users_stay_apart(shop, app, database):
    other, headers = add_shop(app, "other")
    client = app.test_client()
    client.put("/v1/packages/10", json={"tokens": 5}, headers=headers)

    deliver(shop, order(1))
    deliver(type(shop)(other, client), order(1))

    assert ledger_sql.balances(database) == {2: 1_000}
    assert ledger_sql.balances(database, store="other") == {2: 5}
