"""The answer for a product is what a real order of it grants, and nothing is written."""

from __future__ import annotations

import html
import random
import re

import pytest

from tests import factories
from tests.factories import balance_of, deliver, line, order, put_package
from tests.support import ledger_sql
from tests.support.pages import sign_in

PAGE = "/admin/shop/packages/preview"
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def admin(app):
    return sign_in(app)


def ask(admin, status=200, **question):
    """Return the answer to a question as text: the sentence, and the whole page without tags."""
    answer = admin.get(PAGE, query_string=question)
    assert answer.status_code == status, answer.text
    sentence = re.search(r'notice--\w+" role="(?:status|alert)"[^>]*>(.*?)</p>', answer.text)
    words = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))
    return html.unescape(sentence[1]) if sentence else "", words


def written(database):
    return [ledger_sql.count(database, table) for table in ("orders", "order_lines", "packages", "entries", "outbox")]


def test_answer_is_what_an_order_grants_and_nothing_is_written(shop, admin, database):
    rng = random.Random(11)
    put_package(shop, 10, 700)
    shop.client.put("/v1/packages/10/3", json={"tokens": 90}, headers=shop.headers)
    deliver(shop, factories.product(11, 40), "product.updated")
    for number in range(1, 13):
        product, variation = rng.choice([(10, 0), (10, 3), (10, 4), (11, 0)])
        quantity, stamp = rng.choice(["1", "3", "1.5", "0.4"]), rng.choice(["", "", "55", "5,000"])
        before = written(database)

        sentence, _ = ask(admin, product=f"{product}/{variation}", quantity=quantity, stamp=stamp)

        assert written(database) == before
        had = balance_of(shop, 2) if number > 1 else 0
        bought = line(product=product, variation=variation, stamped=stamp or None) | {"quantity": float(quantity)}
        deliver(shop, order(number, lines=[bought]))
        granted = balance_of(shop, 2) - had
        expected = f"grants {granted:,} token{'' if granted == 1 else 's'}." if granted else "grants nothing."
        assert sentence.endswith(expected), (number, product, variation, quantity, stamp, sentence)
        assert f"Order {number} (completed) {expected}" in ask(admin, order=str(number))[0]


def test_answer_says_where_the_amount_comes_from(shop, admin):
    put_package(shop, 10, 700)
    deliver(shop, factories.product(11, 40), "product.updated")
    deliver(shop, factories.product(12, None), "product.updated")
    shop.client.put("/v1/packages/13", json={"tokens": 50, "plan": "Pro", "months": 6}, headers=shop.headers)

    assert "700 tokens per unit: the product’s amount, set here." in ask(admin, product="10")[1]
    assert "40 tokens per unit: the product’s amount, set in the shop." in ask(admin, product="11")[1]
    assert "9 tokens per unit, written on the order line." in ask(admin, product="11", stamp="9")[1]
    assert "Not readable: the shop wrote 5.000 on the line." in ask(admin, product="11", stamp="5.000")[1]
    assert ask(admin, product="11", stamp="5.000")[0].endswith("waits: its amount is not clear.")
    assert "The product is not a package." in ask(admin, product="12")[1]
    assert "The product is not known." in ask(admin, product="99")[1]
    assert ask(admin, product="13", quantity="2")[0].endswith("gives 50 tokens a month for 12 months.")
    assert ask(admin, product="10", quantity="1")[0] == "An order of 1 × product 10 grants 700 tokens."


@one_engine
def test_order_shows_lines_refunds_and_what_another_processing_would_change(shop, admin):
    put_package(shop, 10, 1000)
    lines = [line(1, 10, 2), line(2, 99), line(3, 10, stamped="7")]
    deliver(shop, order(5, lines=lines, total="40.00", refunds=["-10.00"]))

    sentence, words = ask(admin, order="#5")

    assert sentence == "Order 5 (completed) grants 1,506 tokens. 1 line waits for an amount."
    assert "10.00 of 40.00 USD was refunded." in words
    assert "Granted so far 1,506 tokens" in words
    assert "It needs a decision on the Exceptions page" in words
    deliver(shop, order(5, "cancelled", at=9, lines=lines, total="40.00", refunds=["-10.00"]))
    sentence, words = ask(admin, order="5")
    assert sentence.startswith("Order 5 (cancelled) grants nothing.")
    assert "cancelled: the tokens that were granted are removed." in words


@one_engine
def test_line_that_a_parent_order_grants_is_named(shop, admin):
    put_package(shop, 10, 1000)
    deliver(shop, order(5))
    deliver(shop, order(6) | {"parent_id": 5})

    sentence, words = ask(admin, order="6")

    assert sentence == "Order 6 (completed) grants nothing."
    assert "Nothing: order 5 grants it." in words


@one_engine
def test_question_that_cannot_be_answered_keeps_what_was_typed(shop, admin):
    for question, words in (
        ({"product": "abc"}, "Enter the ID of a product"),
        ({"product": "0"}, "Enter the ID of a product"),
        ({"product": "9" * 16}, "Enter the ID of a product"),
        ({"product": "10", "quantity": "0"}, "Enter a quantity above 0"),
        ({"product": "10", "quantity": "-1"}, "Enter a quantity above 0"),
        ({"product": "10", "quantity": "many"}, "Enter a quantity above 0"),
        ({"order": "77"}, "The shop has sent no order with this number."),
        ({"order": "\0\n'"}, "The shop has sent no order with this number."),
    ):
        sentence, _ = ask(admin, 422, **question)
        assert words in sentence
    text = admin.get(PAGE, query_string={"product": "<b>", "stamp": "5"}).text
    assert 'value="&lt;b&gt;"' in text
    assert 'name="stamp" type="text" autocomplete="off" maxlength="100" value="5"' in text
    assert admin.get(PAGE, query_string={"product": "10", "quantity": "9" * 9}).status_code == 200
