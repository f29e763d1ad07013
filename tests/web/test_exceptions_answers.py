"""Answers on the exceptions page: the forms of unknown lines, and the button that marks refunds as reviewed."""

from __future__ import annotations

import pytest

from tests import factories
from tests.support import ledger_sql
from tests.support.pages import EMAIL, read, send, sign_in
from tests.support.rest_client import entries, unknown

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
LIST = "/admin/shop/exceptions"


@pytest.fixture
def admin(app):
    return sign_in(app)


def labels(page):
    """Return the labels of the open fields of the list."""
    return [values["for"] for tag, values in page.tags if tag == "label" and values["for"] != "order"]


def focused(page):
    return [values["id"] for tag, values in page.tags if tag == "input" and "autofocus" in values]


def test_lines_are_answered_one_after_the_other_in_the_admins_name(shop, admin, database):
    factories.deliver(shop, unknown(1, lines=2, quantity=3))
    factories.deliver(shop, unknown(2))
    page = read(admin.get(f"{LIST}?amounts=1"))

    first = send(admin, page.form("1/lines/1"), tokens=" 1,000 ")
    between = read(admin.get(first.location))
    second = send(admin, between.form("1/lines/2"), tokens="0")
    after = admin.get(second.location)

    assert (labels(page), focused(page)) == (["tokens-1", "tokens-2"], ["tokens-1"])
    assert "Old pack 1" in page.source
    assert "3 sold" in page.source
    assert (first.status_code, first.location) == (303, f"{LIST}?amounts=1")
    sentence = "One unit of line 1 of order 1 grants 1,000 tokens: 3,000 tokens were granted."
    assert sentence in between.source
    assert labels(between) == ["tokens-2"]
    assert (second.status_code, second.location) == (303, LIST)
    assert "One unit of line 2 of order 1 grants 0 tokens: no tokens moved." in after.text
    assert [row[0] for row in read(after).rows] == ["2"]
    assert entries(database) == [(1, 3_000, EMAIL)]
    said = ledger_sql.rows(database, "select line_id, set_by from order_lines where order_number = 1 order by line_id")
    assert [tuple(row.values()) for row in said] == [(1, EMAIL), (2, EMAIL)]
    assert ledger_sql.faults(database) == []


def test_form_sent_twice_grants_once_and_with_another_number_is_refused(shop, admin, database):
    factories.deliver(shop, unknown(lines=2))
    form = read(admin.get(f"{LIST}?amounts=1")).form("1/lines/1")

    pages = [admin.get(send(admin, form, tokens=typed).location) for typed in ("500", "500", "501")]

    assert "500 tokens were granted" in pages[0].text
    assert "no tokens moved" in pages[1].text
    assert read(pages[2]).alerts == [
        "Nothing was changed: one unit of line 1 of order 1 already grants 500 tokens; if that is wrong, correct the"
        " balance."
    ]
    assert entries(database) == [(1, 500, EMAIL)]


@one_engine
@pytest.mark.parametrize(
    ("typed", "status"),
    [("", 422), ("x", 422), ("-1", 422), ("1.5", 422), ("²", 422), ("1e3", 422), (str(2**53), 422), ("9" * 50, 422)],
)
def test_invalid_value_is_reported_beside_the_field_and_stays_typed(shop, admin, database, typed, status):
    factories.deliver(shop, unknown(lines=2))
    form = read(admin.get(f"{LIST}?amounts=1")).form("1/lines/2")

    answer = send(admin, form, tokens=typed)
    page = read(answer)

    assert (answer.status_code, len(page.alerts)) == (status, 1)
    assert page.alerts[0].startswith("Enter how many tokens one unit grants, a whole number from 0 to 9,007,")
    assert page.form("1/lines/2").fields["tokens"] == typed[:40]
    assert page.form("1/lines/1").fields["tokens"] == ""
    (field,) = [values for tag, values in page.tags if tag == "input" and "aria-invalid" in values]
    assert (field["id"], field["aria-describedby"]) == ("tokens-2", "amount-error-2 amounts-hint")
    assert focused(page) == ["tokens-2"]
    assert {"amount-error-2", "amounts-hint"} <= {values.get("id") for _, values in page.tags}
    assert ledger_sql.rows(database, "select count(*) as n from order_lines where tokens is not null") == [{"n": 0}]


@one_engine
def test_more_than_can_be_counted_is_reported_beside_the_field(shop, admin, database):
    factories.deliver(shop, unknown(quantity=2))
    form = read(admin.get(f"{LIST}?amounts=1")).form("1/lines/1")

    answer = send(admin, form, tokens=str(2**53 - 1))

    assert answer.status_code == 409
    assert "The amount is too large" in read(answer).alerts[0]
    assert read(answer).form("1/lines/1").fields["tokens"] == str(2**53 - 1)
    assert ledger_sql.rows(database, "select tokens, set_by from order_lines") == [{"tokens": None, "set_by": None}]


@one_engine
def test_invalid_value_in_a_form_whose_order_left_the_list_is_reported_all_the_same(shop, admin):
    factories.deliver(shop, unknown())
    form = read(admin.get(f"{LIST}?amounts=1")).form("1/lines/1")
    send(admin, form, tokens="5")

    late = send(admin, form, tokens="x")

    assert (late.status_code, len(read(late).alerts)) == (422, 1)


@one_engine
def test_invalid_value_in_a_field_that_is_gone_is_reported_beside_the_fields_that_are_left(shop, admin):
    factories.deliver(shop, unknown(lines=2))
    form = read(admin.get(f"{LIST}?amounts=1")).form("1/lines/1")
    send(admin, form, tokens="5")

    late = read(send(admin, form, tokens="x"))

    assert (len(late.alerts), labels(late)) == (1, ["tokens-2"])


@one_engine
def test_more_than_the_buyers_balance_can_hold_is_reported_beside_the_field(shop, admin):
    factories.give(shop, 2, 2**53 - 1)
    factories.deliver(shop, unknown())

    page = read(send(admin, read(admin.get(f"{LIST}?amounts=1")).form("1/lines/1"), tokens="1"))

    assert page.alerts == ["The amount is too large: The balance would leave the range of 0 to 2^53-1 tokens."]
    assert page.form("1/lines/1").fields["tokens"] == "1"


@one_engine
def test_order_without_unknown_lines_opens_no_form(shop, admin):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=0))
    factories.deliver(shop, unknown(2))

    for asked in ("amounts=1", "assign=2", "amounts=9"):
        page = read(admin.get(f"{LIST}?{asked}"))
        assert not [form for form in page.forms if "/lines/" in form.action], asked


def test_refunds_are_marked_as_reviewed_in_the_admins_name(shop, admin, database):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(refunds=["-1.00", "-0.50"]))
    form = read(admin.get(LIST)).form("1/seen")
    before = entries(database)

    done = send(admin, form)
    again = send(admin, form)

    assert (done.status_code, done.location) == (303, LIST)
    assert form.fields["ids"] == "900,901"
    after = admin.get(LIST).text
    assert (
        after.count(
            "The refunds of order 1 were marked as reviewed: no tokens moved. A new refund opens the exception again."
        )
        == 2
    )
    assert again.status_code == 303
    assert "All clear" in after
    assert entries(database) == before
    answer = shop.client.post("/v1/orders/1/check", headers=shop.headers).json
    assert (answer["question"], answer["seen"]["by"]) == (None, EMAIL)
    factories.deliver(shop, factories.order(at=1, refunds=["-1.00", "-0.50", "-2.00"]))
    assert [row[0] for row in read(admin.get(LIST)).rows] == ["1"]
    late = admin.get(send(admin, form).location)
    assert read(late).alerts == ["The refunds of order 1 changed since the page was loaded. Review them again."]
    assert [row[0] for row in read(late).rows] == ["1"]
    assert ledger_sql.faults(database) == []


@one_engine
def test_what_is_sent_beside_the_forms_answers_nothing(app, shop, admin, database):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, unknown(1))
    factories.deliver(shop, factories.order(2, refunds=["-1.00"]))
    factories.add_shop(app, "other")
    page = read(admin.get(f"{LIST}?amounts=1"))
    amount, seen = page.form("1/lines/1"), page.form("2/seen")

    for form, old, new, status in (
        (amount, "/lines/1", "/lines/2", 404),
        (amount, "/lines/1", "/lines/x", 422),
        (amount, "exceptions/1/", "exceptions/9/", 404),
        (amount, "/shop/", "/other/", 404),
        (seen, "/shop/", "/other/", 404),
        (seen, "/2/", "/9/", 404),
    ):
        sent = form.action.replace(old, new)
        assert admin.post(sent, data=form.fields | {"tokens": "5"}).status_code == status, sent
    for broken in ({"ids": ""}, {"ids": "x"}, {"ids": "900,"}, {"total": ""}, {"total": "-1"}, {"total": "1e9"}):
        assert admin.post(seen.action, data=seen.fields | broken).status_code in {303, 422}, broken
    for form in (amount, seen):
        fields = {name: value for name, value in form.fields.items() if name != "csrf_token"}
        assert admin.post(form.action, data=fields | {"tokens": "5"}).status_code == 400
        anonymous = app.test_client().post(form.action, data=form.fields | {"tokens": "5"})
        assert anonymous.status_code in {303, 400, 401}
    assert ledger_sql.rows(database, "select set_by from order_lines where set_by is not null") == []
    assert [row[0] for row in read(admin.get(LIST)).rows if row[0].isdigit()] == ["1", "2"]
