"""A product of the shop that is a plan, as the WordPress plugin writes it: each granting order grants it once."""

from __future__ import annotations

import itertools

import pytest

from bridge.services.ops import audit
from bridge.web.context import utcnow
from tests.factories import balance_of, deliver, line, order, product, put_package, spend
from tests.support import ledger_sql

PLAN = {"_is_token_package": "yes", "_tokens_per_month": "500", "_plan_months": "3"}


@pytest.fixture(autouse=True)
def sound_ledger(database):
    """Check afterwards that the ledger adds up, by its own audit as well."""
    yield
    assert ledger_sql.faults(database) == []
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow())) == []


def plan_product(number=70, **meta):
    """Return a product of the shop with this meta; a plan of 500 tokens a month for 3 months without any."""
    entries = [{"id": at, "key": key, "value": value} for at, (key, value) in enumerate((meta or PLAN).items(), 1)]
    return {**product(number, None), "name": f"Plan {number}", "meta_data": entries}


def stamped(number=70, *, tokens="500", months="3", **more):
    """Return a line that the plugin stamped with a plan at checkout; with None, a part of the stamp is missing."""
    found = line(product=number, **more)
    stamps = {"_tokens_per_month": tokens, "_plan_months": months}
    found["meta_data"] += [{"id": 1, "key": key, "value": value} for key, value in stamps.items() if value is not None]
    return found


def sold(number=1, status="completed", *, lines=None, **more):
    return order(number, status, lines=[line(product=70)] if lines is None else lines, **more)


def terms(database):
    """Return the plans that orders grant: order, product, tokens a month and months."""
    found = "select order_number, product_id, tokens, months from plan_terms where months > 0 order by 1, 2"
    return [tuple(row.values()) for row in ledger_sql.rows(database, found)]


def plan_of(shop, user=2):
    return shop.client.get(f"/v1/users/{user}", headers=shop.headers).get_json()["plan"]


def package(shop, number=70):
    return shop.client.get(f"/v1/packages/{number}", headers=shop.headers).get_json()


def reviews(shop, number=1):
    found = shop.client.get(f"/v1/orders/{number}", headers=shop.headers).get_json()
    return [item["kind"] for item in found["reviews"]]


def test_completed_order_of_a_plan_product_grants_the_plan_once(shop, database):
    deliver(shop, plan_product(), "product.updated")
    for at in (0, 0, 5):
        deliver(shop, sold(at=at))

    found = package(shop)
    assert (found["tokens"], found["months"], found["plan"], found["source"]) == (500, 3, "Plan 70", "shop")
    assert terms(database) == [(1, 70, 500, 3)]
    plan = plan_of(shop)
    assert (plan["name"], plan["tokens"], plan["ends_at"]) == ("Plan 70", 500, "2027-02-20T12:00:00.000000Z")
    assert balance_of(shop, 2) == 0
    assert spend(shop, 2, 200).get_json()["paid_by"]["plan"] == 200


@pytest.mark.parametrize("is_stamped", [False, True])
def test_any_order_of_arrival_ends_with_the_same_plan(shop, database, is_stamped):
    for number, arrival in enumerate(itertools.permutations(range(3)), 1):
        lines = [stamped(100 + number) if is_stamped else line(product=100 + number)]
        documents = [
            (sold(number, "processing", at=0, lines=lines), "order.created"),
            (sold(number, at=1, lines=lines), "order.updated"),
            (plan_product(100 + number), "product.updated"),
        ]
        for place in arrival:
            assert deliver(shop, *documents[place]).status_code == 200
    assert terms(database) == [(number, 100 + number, 500, 3) for number in range(1, 7)]


def test_stamp_counts_whatever_the_product_says_later(shop, database):
    deliver(shop, sold(lines=[stamped()]))
    deliver(shop, plan_product(**(PLAN | {"_tokens_per_month": "9", "_plan_months": "1"})), "product.updated")
    deliver(shop, sold(at=5, lines=[stamped()]))
    deliver(shop, sold(2, lines=[line(product=70)]))
    # Orders keep what they were sold with.
    deliver(shop, plan_product(**(PLAN | {"_plan_months": "12"})), "product.updated")
    deliver(shop, sold(2, at=9, lines=[line(product=70)]))
    assert terms(database) == [(1, 70, 500, 3), (2, 70, 9, 1)]


def test_refunds_and_cancellations_take_months_back(shop, database):
    deliver(shop, plan_product(**(PLAN | {"_plan_months": "4"})), "product.updated")
    lines = [line(product=70, quantity=2, total="40.00")]
    deliver(shop, sold(lines=lines, total="40.00"))
    assert terms(database) == [(1, 70, 500, 8)]
    deliver(shop, sold(at=1, lines=lines, total="40.00", refunds=["-20.00"]))
    assert terms(database) == [(1, 70, 500, 4)]
    deliver(shop, sold(at=2, lines=lines, total="40.00", refunds=["-20.00", "-20.00"], status="refunded"))
    assert (terms(database), plan_of(shop)) == ([], None)

    deliver(shop, sold(2, at=1))
    deliver(shop, sold(2, "cancelled", at=2))
    assert (terms(database), plan_of(shop)) == ([], None)
    deliver(shop, sold(2, at=3))
    assert terms(database) == [(2, 70, 500, 4)]


def test_second_purchase_extends_and_another_plan_runs_beside(shop, database):
    for document in (plan_product(), plan_product(71, **(PLAN | {"_tokens_per_month": "80"}))):
        deliver(shop, document, "product.updated")
    for number, product_id in ((1, 70), (2, 70), (3, 71)):
        deliver(shop, sold(number, lines=[line(product=product_id)]))
    assert terms(database) == [(1, 70, 500, 3), (2, 70, 500, 3), (3, 71, 80, 3)]
    # Both pay.
    assert spend(shop, 2, 580).get_json()["paid_by"]["plan"] == 580
    assert spend(shop, 2, 1).status_code == 402


@pytest.mark.parametrize(
    ("meta", "key", "reason"),
    [
        ({"_tokens_per_month": "500"}, "_plan_months", "missing"),
        ({"_plan_months": "3"}, "_tokens_per_month", "missing"),
        ({"_tokens_per_month": "500", "_plan_months": "0"}, "_plan_months", "zero"),
        ({"_tokens_per_month": "5.5", "_plan_months": "3"}, "_tokens_per_month", "fraction"),
        ({"_tokens_per_month": "500", "_plan_months": "121"}, "_plan_months", "too_long"),
        ({"_tokens_per_month": "500", "_plan_months": "three", "_tokens_granted": "7"}, "_plan_months", "no_number"),
    ],
)
def test_plan_that_is_not_clear_waits_and_is_granted_after_the_correction(shop, database, meta, key, reason):
    deliver(shop, plan_product(_is_token_package="yes", **meta), "product.updated")
    deliver(shop, sold())

    unreadable = package(shop)["unreadable"]
    assert (unreadable["key"], unreadable["reason"]) == (key, reason)
    assert terms(database) == []
    deliver(shop, plan_product(), "product.updated")
    assert (terms(database), balance_of(shop, 2)) == ([(1, 70, 500, 3)], 0)


def test_stamp_that_is_not_clear_waits(shop, database):
    deliver(shop, plan_product(), "product.updated")
    deliver(shop, sold(lines=[stamped(months=None)]))
    deliver(shop, sold(2, lines=[stamped(months="200")]))
    assert terms(database) == []
    assert (reviews(shop), reviews(shop, 2)) == (["unclear_amount"], ["unclear_amount"])


def test_amount_of_an_admin_counts_until_it_is_removed(shop, database):
    deliver(shop, plan_product(), "product.updated")
    put_package(shop, 70, 40)
    deliver(shop, sold())
    shop.client.delete("/v1/packages/70", headers=shop.headers)
    deliver(shop, sold(2))
    assert (balance_of(shop, 2), terms(database)) == (40, [(2, 70, 500, 3)])
    assert package(shop)["months"] == 3


def test_line_that_is_no_longer_a_plan_gives_its_months_back(shop, database):
    deliver(shop, sold(lines=[stamped()]))
    deliver(shop, sold(at=1, lines=[line(product=70, stamped="40")]))
    assert (balance_of(shop, 2), terms(database)) == (40, [])
    deliver(shop, sold(at=2, lines=[stamped(months="2")]))
    assert (balance_of(shop, 2), terms(database)) == (0, [(1, 70, 500, 2)])


def test_more_months_than_there_are_in_a_century_wait_for_a_person(shop, database):
    deliver(shop, sold(lines=[stamped(months="120", quantity=11)]))
    deliver(shop, sold(2, lines=[stamped(months="120", quantity=10**9)]))
    assert (terms(database), reviews(shop), reviews(shop, 2)) == ([], ["too_large"], ["too_large"])
    deliver(shop, sold(3, lines=[stamped(months="120", quantity=10)]))
    assert plan_of(shop)["ends_at"] == "2126-11-20T12:00:00.000000Z"


def test_plugin_sends_plans_with_its_packages(shop, database):
    deliver(shop, sold())
    sent = {"product": 70, "tokens": 500, "plan": "Plan 70", "months": 3, "name": "Plan 70", "source": "shop"}
    answer = shop.client.put("/v1/packages/bulk", json={"packages": [sent]}, headers=shop.headers).get_json()
    assert [(one["status"], one["source"], one["months"]) for one in answer["results"]] == [(200, "shop", 3)]
    assert terms(database) == [(1, 70, 500, 3)]
    # The same product by webhook changes nothing, and a package in its place ends the plan for later orders.
    deliver(shop, plan_product(), "product.updated")
    deliver(shop, plan_product(_is_token_package="yes", _tokens_granted="7"), "product.updated")
    deliver(shop, sold(2))
    assert (balance_of(shop, 2), terms(database)) == (7, [(1, 70, 500, 3)])


def test_variation_has_a_plan_of_its_own_or_that_of_its_product(shop, database):
    deliver(shop, {**plan_product(), "type": "variable", "variations": [71, 72]}, "product.updated")
    own = plan_product(71, _tokens_per_month="80", _plan_months="1")
    deliver(shop, {**own, "type": "variation", "parent_id": 70}, "product.updated")
    for number, variation in ((1, 71), (2, 72)):
        deliver(shop, sold(number, lines=[line(product=70, variation=variation)]))
    assert terms(database) == [(1, 71, 80, 1), (2, 72, 500, 3)]
