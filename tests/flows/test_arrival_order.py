"""Documents of one second, repeated documents, and REST answers that a delivery overtakes."""

from __future__ import annotations

import json

import pytest

from fakeshop.rest.lasting_faults import LastingFaults
from tests.factories import balance_of, deliver, line, order, put_package
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def sound_ledger(database):
    yield
    assert ledger_sql.faults(database) == []


class Overtaken(LastingFaults):
    """A shop that runs an action once, after an answer was made and before it is sent."""

    def __init__(self, path, act):
        super().__init__()
        self.path, self.act = path, act

    def answer(self, request, answer):
        if self.act is not None and request.path.endswith(self.path):
            act, self.act = self.act, None
            act()
        return super().answer(request, answer)


@pytest.mark.parametrize(("arrival", "tokens"), [("ABABA", 5_000), ("BABAB", 3_000), ("AABAA", 5_000)])
def test_repeats_of_documents_of_one_second_override_nothing(shop, arrival, tokens):
    put_package(shop, 10, 1_000)
    documents = {"A": order(lines=[line(quantity=3)]), "B": order(lines=[line(quantity=5)])}

    for name in arrival:
        deliver(shop, documents[name])

    assert balance_of(shop, 2) == tokens, "the document that came last for the first time counts"
    deliver(shop, order(at=1, lines=[line(quantity=2)]))
    for name in arrival:
        deliver(shop, documents[name])
    assert balance_of(shop, 2) == 2_000


@pytest.fixture
def connected_shop(app):
    """Return a connected shop with REST keys and webhooks whose product 10 grants 1000 tokens."""
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect().listen()
        put_package(connected_shop, 10, 1_000)
        yield connected_shop


def document_of(connected_shop, number):
    """Return an order as the shop's REST API shows it."""
    with connected_shop.reading() as reading:
        return json.loads(json.dumps(reading.shop.get_order(number), default=str))


def with_quantity(document, quantity):
    """Return the document with another quantity on its only line, and the same date."""
    (sold,) = document["line_items"]
    return {**document, "line_items": [{**sold, "quantity": quantity}]}


@one_engine
def test_the_shop_decides_between_two_documents_of_one_second(connected_shop):
    number = connected_shop.sell()
    stated = document_of(connected_shop, number)
    first, second = with_quantity(stated, 3), with_quantity(stated, 5)
    deliver(connected_shop, first)
    assert connected_shop.balances() == {2: 3_000}
    connected_shop.asked()

    for document in (second, first, second, first):
        connected_shop.later()
        deliver(connected_shop, document)
        assert connected_shop.balances() == {2: 1_000}, "one piece is what the shop shows"

    assert f"GET orders/{number}" in connected_shop.asked()


def poll(connected_shop, _stated):
    connected_shop.poll()


def read_one(connected_shop, stated):
    number = stated["id"]
    run = connected_shop.app.test_cli_runner().invoke(args=["reconcile", "shop", "--order", str(number)])
    assert run.exit_code == 0, run.output


def deliver_another_of_its_second(connected_shop, stated):
    deliver(connected_shop, with_quantity(stated, 5))


@pytest.mark.parametrize(
    ("path", "read"),
    [("/orders", poll), ("/orders/{number}", read_one), ("/orders/{number}", deliver_another_of_its_second)],
    ids=["poll", "one order", "delivery that asks"],
)
def test_answer_requested_before_a_delivery_came_does_not_override_it(connected_shop, path, read):
    number = connected_shop.sell()
    connected_shop.shop.run_queue()
    assert connected_shop.balances() == {2: 1_000}
    stated, overtaken = document_of(connected_shop, number), []
    connected_shop.later()

    def refund():
        connected_shop.later()
        connected_shop.shop.refund_by_status(number)
        connected_shop.shop.run_queue()
        overtaken.append(connected_shop.balances())

    connected_shop.served.rest.sickness = Overtaken(path.format(number=number), refund)
    read(connected_shop, stated)

    assert overtaken == [{2: 0}]
    assert connected_shop.balances() == {2: 0}
    connected_shop.poll()
    assert connected_shop.balances() == {2: 0}
