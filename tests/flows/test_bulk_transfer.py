"""The plugin's first transfer: many users or packages in one request, each as a single request would do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.factories import add_shop, balance_of, deliver, line, merge, order, product, put_package, put_user
from tests.support.ledger_sql import count, rows
from tests.support.statements import counted

ADA = {"id": 2, "email": "ada@example.test", "name": "Ada", "roles": ["customer", "editor"]}


def put_users(shop, *users, headers=None):
    return shop.client.put("/v1/users/bulk", json={"users": list(users)}, headers=headers or shop.headers)


def put_packages(shop, *packages, headers=None):
    return shop.client.put("/v1/packages/bulk", json={"packages": list(packages)}, headers=headers or shop.headers)


def results(response):
    assert response.status_code == 200, response.text
    return response.get_json()["results"]


def statuses(response):
    return [result["status"] for result in results(response)]


def many_users(first=1, number=500, **more):
    return [
        {"id": id_, "email": f"user{id_}@example.test", "name": f"User {id_}", "roles": ["subscriber"]} | more
        for id_ in range(first, first + number)
    ]


def test_users_are_created_and_changed_in_order(shop):
    put_user(shop, 3, name="Old", email="old@example.test", roles=["author"])

    found = results(put_users(shop, ADA, {"id": 3, "roles": []}))

    assert found == [{"status": 201, "id": 2}, {"status": 200, "id": 3}]
    ada = shop.client.get("/v1/users/2", headers=shop.headers).get_json()
    assert {name: ada[name] for name in ADA} == ADA
    other = shop.client.get("/v1/users/3", headers=shop.headers).get_json()
    assert (other["name"], other["email"], other["roles"]) == ("Old", "old@example.test", [])


def test_an_invalid_user_does_not_stop_the_others(shop, database):
    found = results(
        put_users(shop, {"id": 0}, ADA, {"email": "x@example.test"}, {"id": 5, "roles": "editor"}, {"id": 4, "x": 1})
    )

    assert [result["status"] for result in found] == [422, 201, 422, 422, 422]
    assert [error["field"] for result in found for error in result.get("errors", ())] == ["id", "id", "roles", "x"]
    assert count(database, "accounts") == 1


def test_a_user_named_twice_is_one_account_with_the_last_profile(shop, database):
    assert statuses(put_users(shop, ADA, {"id": 2, "name": "Ada L."}, {"id": 2, "roles": ["customer"]})) == [
        201,
        200,
        200,
    ]

    (row,) = rows(database, "select name, email, roles from accounts")
    assert (row["name"], row["email"]) == ("Ada L.", "ada@example.test")


def test_users_sent_again_change_nothing(shop, database):
    put_users(shop, *many_users(number=20))
    before = rows(database, "select * from accounts order by id")

    assert statuses(put_users(shop, *many_users(number=20))) == [200] * 20
    assert rows(database, "select * from accounts order by id") == before


def test_five_hundred_users_take_as_many_statements_as_five(shop, database):
    with counted(database) as few:
        put_users(shop, *many_users(number=5))
    with counted(database) as many:
        assert statuses(put_users(shop, *many_users(first=1001))) == [201] * 500
    with counted(database) as changed:
        assert statuses(put_users(shop, *many_users(first=1001, roles=["editor"]))) == [200] * 500

    assert len(many) <= len(few) + 1
    assert len(changed) <= len(few)


def test_more_than_five_hundred_are_refused_as_a_whole(shop, database):
    users = put_users(shop, *({"id": id_} for id_ in range(1, 502)))
    packages = put_packages(shop, *({"product": id_, "tokens": 1} for id_ in range(1, 502)))

    assert [(each.status_code, each.get_json()["code"]) for each in (users, packages)] == [(422, "too_many_items")] * 2
    assert put_users(shop).status_code == put_packages(shop).status_code == 422
    assert (count(database, "accounts"), count(database, "packages")) == (0, 0)


def test_orders_that_wait_for_an_email_are_granted(shop):
    put_package(shop, 10, 500)
    for number in (1, 2, 3):
        deliver(shop, order(number, customer=0, email=f"user{number}@example.test"))

    put_users(shop, *many_users(number=2))

    assert [balance_of(shop, id_) for id_ in (1, 2)] == [500, 500]
    put_user(shop, 3)
    assert balance_of(shop, 3) == 0


def test_a_shared_email_is_given_to_neither(shop):
    put_package(shop, 10, 500)
    deliver(shop, order(1, customer=0))

    put_users(shop, ADA, ADA | {"id": 3})

    assert [balance_of(shop, id_) for id_ in (2, 3)] == [0, 0]


def test_erased_and_merged_users_stay_so(shop, database):
    put_users(shop, *many_users(number=3))
    shop.client.delete("/v1/users/1", headers=shop.headers)
    merge(shop, 3, 2)

    assert statuses(put_users(shop, *many_users(number=3, roles=["editor"]))) == [200] * 3

    stored = rows(database, "select user_id, name, email, merged_into is null as own from accounts order by user_id")
    assert (stored[0]["name"], stored[0]["email"]) == (None, None)
    assert [bool(row["own"]) for row in stored] == [True, False, True]


def test_stores_do_not_see_each_others_users_and_packages(app, shop):
    _, headers = add_shop(app, "other")
    put_users(shop, ADA)
    put_packages(shop, {"product": 10, "tokens": 5})

    assert statuses(put_users(shop, {"id": 2, "name": "Other"}, headers=headers)) == [201]
    assert statuses(put_packages(shop, {"product": 10, "tokens": 7}, headers=headers)) == [201]
    assert shop.client.get("/v1/users/2", headers=shop.headers).get_json()["name"] == "Ada"
    assert shop.client.get("/v1/packages/10", headers=shop.headers).get_json()["tokens"] == 5


def test_packages_are_set_in_order(shop):
    put_package(shop, 10, 5)

    found = results(
        put_packages(
            shop,
            {"product": 10, "tokens": 100_000, "name": "100k", "sku": "TOK"},
            {"product": 11, "variation": 12, "tokens": 7},
            {"product": 13, "tokens": 50, "plan": "Pro", "months": 12},
        )
    )

    assert [result["status"] for result in found] == [200, 201, 201]
    assert [(each["product"], each["variation"], each["tokens"]) for each in found] == [
        (10, None, 100_000),
        (11, 12, 7),
        (13, None, 50),
    ]
    listed = shop.client.get("/v1/packages", headers=shop.headers).get_json()["items"]
    assert [(each["name"], each["sku"], each["plan"], each["months"]) for each in listed] == [
        ("100k", "TOK", None, None),
        ("", "", None, None),
        ("", "", "Pro", 12),
    ]


def test_a_package_is_stored_as_by_a_single_request(app, shop, database):
    _, headers = add_shop(app, "other")
    body = {"tokens": 50, "plan": "Pro", "months": 12, "name": "Pro", "sku": "PRO"}
    for _ in range(2):
        shop.client.put("/v1/packages/10/11", json=body, headers=shop.headers)
        put_packages(shop, {"product": 10, "variation": 11} | body, headers=headers)
        body = {"tokens": 0}

    one, other = rows(database, "select * from packages order by store_id")
    assert {**one, "store_id": 0, "updated_at": 0} == {**other, "store_id": 0, "updated_at": 0}
    single, bulk = (
        [
            (row["before"], row["after"])
            for row in rows(
                database, f"select * from changes where subject = 'package' and store_id = {id_} order by id"
            )
        ]
        for id_ in (one["store_id"], other["store_id"])
    )
    assert single == bulk


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"product": 0, "tokens": 1}, "product"),
        ({"product": 1}, "tokens"),
        ({"product": 1, "tokens": "5,000"}, "tokens"),
        ({"product": 1, "tokens": 1.5}, "tokens"),
        ({"product": 1, "tokens": 1, "plan": "Pro"}, "months"),
        ({"product": 1, "tokens": 1, "source": "me"}, "source"),
        ({"product": 1, "variation": -1, "tokens": 1}, "variation"),
    ],
)
def test_an_invalid_package_does_not_stop_the_others(shop, database, item, field):
    found = results(put_packages(shop, item, {"product": 2, "tokens": 9}))

    assert [result["status"] for result in found] == [422, 201]
    assert [error["field"] for error in found[0]["errors"]] == [field]
    assert [row["product_id"] for row in rows(database, "select product_id from packages")] == [2]


def test_five_hundred_packages_take_as_many_statements_as_five(shop, database):
    with counted(database) as few:
        put_packages(shop, *({"product": id_, "tokens": 5} for id_ in range(1, 6)))
    with counted(database) as many:
        put_packages(shop, *({"product": id_, "tokens": id_} for id_ in range(1001, 1501)))

    assert count(database, "packages") == 505
    assert len(many) <= len(few) + 1


def test_packages_sent_again_are_no_changes(shop, database):
    items = [{"product": id_, "tokens": 5} for id_ in range(1, 101)]
    put_packages(shop, *items)
    before = count(database, "changes")

    assert statuses(put_packages(shop, *items)) == [200] * 100
    assert count(database, "changes") == before


def test_a_product_named_twice_has_the_last_amount_and_one_change(shop, database):
    assert statuses(put_packages(shop, {"product": 1, "tokens": 5}, {"product": 1, "tokens": 6})) == [201, 200]

    assert [row["admin_tokens"] for row in rows(database, "select admin_tokens from packages")] == [6]
    assert len(rows(database, "select id from changes where subject = 'package'")) == 1


def test_orders_that_wait_for_an_amount_are_granted(shop):
    put_user(shop, 2)
    deliver(shop, order(1, lines=[line(product=10)]))
    deliver(shop, order(2, lines=[line(product=11, variation=12)]))

    put_packages(shop, {"product": 10, "tokens": 100}, {"product": 11, "variation": 12, "tokens": 7})

    assert balance_of(shop, 2) == 107


def test_orders_of_the_same_sku_that_wait_are_granted(shop):
    put_user(shop, 2)
    deliver(shop, order(1, lines=[line(product=77) | {"sku": "TOK"}]))

    put_packages(shop, {"product": 10, "tokens": 100, "sku": "TOK"})

    assert balance_of(shop, 2) == 100


def test_an_amount_of_the_shop_follows_the_product_and_one_of_an_admin_stays(shop):
    put_packages(shop, {"product": 10, "tokens": 5, "source": "shop"}, {"product": 11, "tokens": 5})

    for number in (10, 11):
        deliver(shop, product(number, 900), "product.updated")

    found = shop.client.get("/v1/packages", headers=shop.headers).get_json()["items"]
    assert [(each["tokens"], each["source"]) for each in found] == [(900, "shop"), (5, "admin")]


def test_an_amount_of_the_shop_leaves_the_admins(shop):
    put_package(shop, 10, 70)

    (found,) = results(put_packages(shop, {"product": 10, "tokens": 5, "source": "shop"}))

    assert (found["tokens"], found["source"], found["shop_tokens"]) == (70, "admin", 5)


def test_two_transfers_at_once_create_each_account_once(app, shop, database):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda first: put_users_apart(app, shop, many_users(first)), (1, 1, 101, 101)))

    assert all(status in {200, 201} for answer in answers for status in statuses(answer))
    assert count(database, "accounts") == 600


def put_users_apart(app, shop, users):
    return app.test_client().put("/v1/users/bulk", json={"users": users}, headers=shop.headers)
