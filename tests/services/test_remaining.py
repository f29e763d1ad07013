"""The rest of each purchase: the oldest tokens are used first."""

import pytest

from bridge.domain.accounts.ledger import Entry, Kind
from bridge.services.accounts import profiles
from bridge.services.orders import remaining
from bridge.storage.accounts import ledger
from bridge.web.context import utcnow
from tests.factories import deliver, give, line, order, put_package, put_user, spend
from tests.support.steps import plans_noted


def credit(tokens, number=None):
    kind = Kind.ADJUSTMENT if number is None else Kind.GRANT if tokens > 0 else Kind.REVERSAL
    return Entry(1, 1, kind, tokens, 0, 0, 0, "", "", utcnow(), order_number=number)


@pytest.mark.parametrize(
    ("balance", "credits", "left"),
    [
        (0, [(100, 1)], {}),
        (100, [(100, 1)], {1: 100}),
        (30, [(100, 1)], {1: 30}),
        (130, [(100, 2), (100, 1)], {2: 100, 1: 30}),
        (70, [(100, 2), (100, 1)], {2: 70}),
        # A correction upwards is a part of the balance of no order; one downwards is use.
        (130, [(50, None), (100, 1)], {1: 80}),
        (60, [(-40, None), (100, 1)], {1: 60}),
        # A reversal takes from its own order; what it could not take came out of the others.
        (100, [(-100, 1), (100, 2), (100, 1)], {2: 100}),
        (150, [(-50, 1), (100, 2), (100, 1)], {2: 100, 1: 50}),
        (80, [(-100, 1), (100, 2), (100, 1)], {2: 80}),
        (160, [(100, 1), (-100, 1), (100, 1), (60, 2)], {1: 100, 2: 60}),
        # More than was ever bought, as after a refund of a spend that corrections paid.
        (500, [(100, 1)], {1: 100}),
    ],
)
def test_balance_consists_of_the_newest_purchases(balance, credits, left):
    assert remaining.divide(balance, [credit(*each) for each in credits]) == left


def test_parts_are_read_from_the_ledger_without_its_spends(shop, database):
    put_package(shop, 10, 100)
    put_user(shop, 2)
    deliver(shop, order(1))
    deliver(shop, order(2, lines=[line(quantity=2)]))
    spend(shop, 2, 130)
    give(shop, 2, 25)
    deliver(shop, order(3))
    deliver(shop, order(3, "refunded", at=5, lines=[line()]))

    with database.reading() as connection:
        account = profiles.get_account(connection, shop.id, 2)
        assert account.balance == 195
        assert remaining.tokens_left(connection, account) == {2: 170}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_ledger_is_read_by_an_index_without_spends(shop, database):
    spend(shop, 2, 1)
    with plans_noted(database) as plans, database.reading() as connection:
        ledger.list_credits(connection, [1, 2], before=5, limit=10)

    (plan,) = (plan for statement, plan in plans.items() if "not in ('spend'" in statement)
    assert "ix_entries_credits" in plan


def test_purchases_of_merged_accounts_are_those_of_one(shop, database):
    put_package(shop, 10, 100)
    deliver(shop, order(1, customer=2))
    deliver(shop, order(2, customer=3))
    spend(shop, 3, 30)
    merged = shop.client.post(
        "/v1/users/2/merge", json={"from": 3}, headers=shop.headers | {"Idempotency-Key": "merge-once"}
    )
    assert merged.status_code in {200, 201}, merged.text
    spend(shop, 2, 20)

    with database.reading() as connection:
        account = profiles.get_account(connection, shop.id, 3)
        assert account.balance == 150
        assert remaining.tokens_left(connection, account) == {1: 50, 2: 100}
