"""Documents of one second, repeated documents, and answers of REST that a delivery overtakes."""

from __future__ import annotations

import json

import pytest

from fakeshop.sickness import Sickness
from tests.factories import balance_of, deliver, line, order, put_package
from tests.support import books
from tests.support.reading import open_rig

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def sound_ledger(database):
    yield
    assert books.faults(database) == []


class Overtaken(Sickness):
    """A shop where something happens after an answer was made and before it is sent; once."""

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
def rig(app):
    """A connected shop with REST keys and webhooks whose product 10 grants 1000 tokens."""
    with open_rig(app) as rig:
        rig.connect().listen()
        put_package(rig, 10, 1_000)
        yield rig


def document_of(rig, number):
    """An order as the shop's REST shows it."""
    with rig.reading() as reading:
        return json.loads(json.dumps(reading.shop.get_order(number), default=str))


def with_quantity(document, quantity):
    """The document with another quantity on its only line, and the same date."""
    (sold,) = document["line_items"]
    return {**document, "line_items": [{**sold, "quantity": quantity}]}


@one_engine
def test_the_shop_decides_between_two_documents_of_one_second(rig):
    number = rig.sell()
    stated = document_of(rig, number)
    first, second = with_quantity(stated, 3), with_quantity(stated, 5)
    deliver(rig, first)
    assert rig.balances() == {2: 3_000}
    rig.asked()

    for document in (second, first, second, first):
        rig.later()
        deliver(rig, document)
        assert rig.balances() == {2: 1_000}, "one piece is what the shop shows"

    assert f"GET orders/{number}" in rig.asked()


def poll(rig, _stated):
    rig.poll()


def read_one(rig, stated):
    number = stated["id"]
    run = rig.app.test_cli_runner().invoke(args=["reconcile", "shop", "--order", str(number)])
    assert run.exit_code == 0, run.output


def deliver_another_of_its_second(rig, stated):
    deliver(rig, with_quantity(stated, 5))


@pytest.mark.parametrize(
    ("path", "read"),
    [("/orders", poll), ("/orders/{number}", read_one), ("/orders/{number}", deliver_another_of_its_second)],
    ids=["poll", "one order", "delivery that asks"],
)
def test_answer_requested_before_a_delivery_came_does_not_override_it(rig, path, read):
    number = rig.sell()
    rig.shop.run_queue()
    assert rig.balances() == {2: 1_000}
    stated, overtaken = document_of(rig, number), []
    rig.later()

    def refund():
        rig.later()
        rig.shop.refund_by_status(number)
        rig.shop.run_queue()
        overtaken.append(rig.balances())

    rig.served.rest.sickness = Overtaken(path.format(number=number), refund)
    read(rig, stated)

    assert overtaken == [{2: 0}]
    assert rig.balances() == {2: 0}
    rig.poll()
    assert rig.balances() == {2: 0}
