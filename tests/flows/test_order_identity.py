"""The identity of orders: reused numbers, parents and children, one payment, the shop's own number."""

from __future__ import annotations

import itertools

import pytest

from tests.factories import balance_of, deliver, line, order, put_package, put_user, spend, state_of
from tests.support import ledger_sql
from tests.support.pages import sign_in


@pytest.fixture
def shop(shop):
    """Return the recorded shop, with packages 10 of 1000 and 20 of 70 tokens."""
    put_package(shop, 10, 1_000)
    put_package(shop, 20, 70)
    return shop


@pytest.fixture(autouse=True)
def sound_ledger(request, database):
    yield
    assert ledger_sql.faults(database) == []


def items(shop):
    """Return the kinds of review items by order."""
    listed = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    return {item["id"]: [one["kind"] for one in item["reviews"]] for item in listed}


def decide(shop, number, kind, choice, *, subject=None):
    document = shop.client.get(f"/v1/orders/{number}", headers=shop.headers).json
    found = [one for one in document["reviews"] if one["kind"] == kind]
    subject = found[0]["subject"] if subject is None else subject
    body = {"kind": kind, "subject": subject, "choice": choice}
    return shop.client.post(f"/v1/orders/{number}/decisions", json=body, headers=shop.headers)


def first_and_second(**more):
    return order(1, customer=2) | {"order_key": "wc_a"}, order(1, at=50, customer=3, **more) | {"order_key": "wc_b"}


def test_other_order_with_a_known_number_moves_nothing(shop):
    first, second = first_and_second(lines=[line(1, quantity=5)])
    put_user(shop, 3)
    deliver(shop, first)
    deliver(shop, second)
    deliver(shop, {"id": 1}, "order.deleted")
    deliver(shop, order(1, at=60, customer=2) | {"order_key": ""})

    assert (balance_of(shop, 2), balance_of(shop, 3)) == (1_000, 0)
    assert items(shop) == {1: ["other_order"]}
    decision = decide(shop, 1, "other_order", "keep")
    assert (decision.status_code, decision.json["reviews"], decision.json["posted"]) == (200, [], 0)
    deliver(shop, second | {"date_modified_gmt": "2026-11-21T12:00:00"})
    assert (items(shop), balance_of(shop, 3)) == ({}, 0)


def test_other_order_replaces_the_first_by_decision(shop):
    first, second = first_and_second(lines=[line(1, quantity=5)])
    deliver(shop, first)
    spend(shop, 2, 400)
    deliver(shop, second)

    replaced = decide(shop, 1, "other_order", "replace")

    assert replaced.json["posted"] == 4_000
    assert (state_of(shop, 2)["debt"], balance_of(shop, 3)) == (400, 5_000)
    deliver(shop, first | {"date_modified_gmt": "2026-11-22T12:00:00"})
    assert (items(shop), balance_of(shop, 3)) == ({}, 5_000)
    deliver(shop, second | {"status": "refunded", "date_modified_gmt": "2026-11-23T12:00:00"})
    assert balance_of(shop, 3) == 0


def test_other_order_of_a_guest_replaces_the_first_and_waits(shop):
    first, second = first_and_second(email="new@example.test")
    deliver(shop, first)
    deliver(shop, second | {"customer_id": 0})

    decide(shop, 1, "other_order", "replace")

    assert balance_of(shop, 2) == 0
    assert items(shop) == {1: ["no_buyer"]}


def test_choice_that_is_not_open_any_more_is_refused(shop):
    deliver(shop, order(1))

    answer = decide(shop, 1, "other_order", "keep", subject="wc_b")

    assert (answer.status_code, answer.json["code"]) == (409, "review_changed")
    for body in ({"kind": "nonsense", "choice": "keep"}, {"kind": "", "choice": "keep"}, {"choice": "keep"}):
        assert shop.client.post("/v1/orders/1/decisions", json=body, headers=shop.headers).status_code == 422


FAMILY = [
    order(900, customer=2),
    order(901, at=1, customer=2) | {"parent_id": 900},
    order(902, at=2, customer=2, lines=[line(1, 20)]) | {"parent_id": 900},
]


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))))
def test_child_order_with_the_product_of_its_parent_is_granted_once(shop, arrival):
    for place in arrival:
        deliver(shop, FAMILY[place])

    assert balance_of(shop, 2) == 1_070
    assert items(shop) == {901: ["related_order"]}


def test_child_order_is_granted_by_decision_or_left(shop):
    for document in FAMILY:
        deliver(shop, document)

    granted = decide(shop, 901, "related_order", "grant")

    assert (granted.json["posted"], balance_of(shop, 2), items(shop)) == (1_000, 2_070, {})
    deliver(shop, order(903, at=3, customer=2) | {"parent_id": 900})
    assert decide(shop, 903, "related_order", "leave").json["posted"] == 0
    deliver(shop, order(903, at=9, customer=2) | {"parent_id": 900})
    assert (balance_of(shop, 2), items(shop)) == (2_070, {})


def test_children_of_an_unknown_parent_are_granted_once_and_the_cancelled_ones_follow(shop):
    deliver(shop, order(902, customer=2) | {"parent_id": 900})
    deliver(shop, order(901, customer=2) | {"parent_id": 900})

    assert (balance_of(shop, 2), items(shop)) == (1_000, {902: ["related_order"]})
    assert shop.client.get("/v1/orders/900", headers=shop.headers).status_code == 404
    deliver(shop, order(901, "cancelled", at=5, customer=2) | {"parent_id": 900})
    assert (balance_of(shop, 2), items(shop)) == (1_000, {})


def test_parent_that_comes_after_its_spent_child_leaves_no_debt(shop):
    deliver(shop, FAMILY[1])
    spend(shop, 2, 700)
    shop.client.put("/v1/store", json={"reversal_policy": "forgive"}, headers=shop.headers)
    deliver(shop, FAMILY[0])

    assert state_of(shop, 2) == {"balance": 300, "held": 0, "available": 300, "debt": 0}


def test_orders_of_one_payment_are_granted_and_named(shop):
    for number in (1, 2, 3):
        deliver(shop, order(number) | {"transaction_id": "pi_1"})
    deliver(shop, order(4) | {"transaction_id": ""})

    assert balance_of(shop, 2) == 4_000
    assert items(shop) == {2: ["same_payment"], 3: ["same_payment"]}
    assert decide(shop, 3, "same_payment", "leave").json["reviews"] == []


def test_line_worth_too_much_is_a_review_item_and_stops_nothing(shop, database):
    deliver(shop, order(1))
    deliver(shop, order(1, at=1, lines=[line(1, stamped=str(2**53 - 1), quantity=2), line(2)]))

    assert balance_of(shop, 2) == 2_000
    assert items(shop) == {1: ["too_large"]}
    assert {row["state"] for row in ledger_sql.rows(database, "select state from deliveries")} == {"processed"}


def test_finished_status_that_grants_nothing_asks(shop):
    finished = {"date_completed_gmt": "2026-11-20T12:00:00"}
    deliver(shop, order(1, "wc-delivered") | finished)
    deliver(shop, order(2, "wc-delivered", lines=[line(product=99)]) | finished)
    deliver(shop, order(3, "processing") | {"date_completed_gmt": None})

    assert items(shop)[1] == ["not_granted"]
    assert decide(shop, 1, "not_granted", "grant").json["posted"] == 1_000
    deliver(shop, order(1, "cancelled", at=5) | finished)
    assert balance_of(shop, 2) == 0


def test_people_see_the_shops_own_number(shop, app, database):
    """The id stays the key: paths, forms and the ledger's column use it."""
    shown = "TB-2026-0017"
    deliver(shop, order(48_213, refunds=["-1.00"]) | {"number": shown})
    deliver(shop, order(5) | {"number": "5"})
    admin = sign_in(app)

    listed = shop.client.get("/v1/exceptions", headers=shop.headers).json["items"]
    assert [(one["id"], one["number"]) for one in listed] == [(48_213, shown)]
    document = shop.client.get("/v1/orders/48213", headers=shop.headers).json
    assert (document["id"], document["number"]) == (48_213, shown)
    assert shop.client.get("/v1/orders/5", headers=shop.headers).json["number"] == 5
    purchases = shop.client.get("/v1/users/2/purchases", headers=shop.headers).json["items"]
    assert [(one["order"], one["number"]) for one in purchases] == [(48_213, shown), (5, 5)]
    (entry, *_) = shop.client.get("/v1/users/2/entries", headers=shop.headers).json["items"]
    texts = [
        entry["reason"] + purchases[0]["status"],
        shop.client.get("/v1/users/2/purchases?format=csv", headers=shop.headers).text,
        shop.client.get("/v1/users/2/entries?format=csv", headers=shop.headers).text,
        shop.client.get("/v1/widget?user_id=2", headers=shop.headers).text,
        admin.get("/admin/shop/exceptions").text,
        admin.get("/admin/shop/credits/2").text,
        ledger_sql.rows(database, "select outcome from deliveries order by id")[0]["outcome"],
    ]
    assert [shown in text for text in texts[1:]] == [True] * 6
    assert "48213" not in (texts[3] + texts[5]).replace("post.php?post=48213", "").replace("/48213/receipt.pdf", ""), (
        "in links into the shop alone"
    )


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))))
def test_grandchildren_and_orders_that_name_each_other_are_granted_once(shop, arrival):
    chain = [
        order(900) | {"parent_id": 900},
        order(901, at=1) | {"parent_id": 900},
        order(902, at=2) | {"parent_id": 901},
        order(903, at=3) | {"parent_id": 902},
    ]
    circle = [
        order(950, customer=3) | {"parent_id": 951},
        order(951, customer=3) | {"parent_id": 950},
    ]
    for place in arrival:
        deliver(shop, chain[place])
    for place in arrival:
        deliver(shop, circle[place % 2])

    assert (balance_of(shop, 2), balance_of(shop, 3)) == (1_000, 1_000)
    assert items(shop) == {number: ["related_order"] for number in (901, 902, 903, 951)}
