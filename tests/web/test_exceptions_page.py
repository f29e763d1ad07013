"""The exceptions page: open review items, page by page, and the actions of an admin."""

from __future__ import annotations

import logging

import pytest
import time_machine
from sqlalchemy import text

from bridge.web.admin import exceptions_view
from fakeshop.rest.faults import Kind
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import EMAIL, read, send, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
LIST = "/admin/shop/exceptions"


@pytest.fixture
def admin(app):
    return sign_in(app)


def guest_order(shop, number, email="guest@example.test", **more):
    factories.deliver(shop, factories.order(number, customer=0, email=email, **more))


def numbers(page):
    return [int(row[0]) for row in page.rows if row[0].isdigit()]


@one_engine
def test_nothing_open_is_said(shop, admin):
    page = admin.get(LIST)

    assert "No exceptions yet" in page.text
    assert "Nothing has arrived from the shop so far." in page.text
    assert "top__count" not in page.text
    factories.put_package(shop, 10, 1000)
    with time_machine.travel("2026-11-20T15:30:00Z", tick=False):
        factories.deliver(shop, factories.order(1))
    clear = read(admin.get(LIST))
    assert "All clear" in clear.source
    assert 'Last checked <time datetime="2026-11-20T10:30-05:00">20 Nov 2026, 10:30</time>' in clear.source
    assert (
        admin.get(f"{LIST}?after=5").text.count("Nothing more"),
        read(admin.get(f"{LIST}?after=5")).links["First"],
    ) == (1, LIST)


def test_each_review_item_is_shown_with_its_actions(shop, admin):
    factories.put_package(shop, 10, 1000)
    factories.put_user(shop, 3)
    guest_order(shop, 1)
    factories.deliver(shop, factories.order(2, customer=2, refunds=["-1.00"]))
    factories.deliver(
        shop, factories.order(3, customer=3, lines=[factories.line(product=0, name="A product that was deleted")])
    )
    factories.deliver(
        shop, factories.order(4, customer=9, lines=[factories.line(product=0, name="A product that was deleted")])
    )

    page = read(admin.get(LIST))

    assert [(row[0], row[2].partition(" ")[0], row[4]) for row in page.rows] == [
        ("1", "No", "10.00 USD"),
        ("2", "Refund", "10.00 USD"),
        ("3", "Unknown", "10.00 USD"),
        ("4", "Unknown", "10.00 USD"),
    ]
    assert page.rows[0][1] == "20 Nov 2026"
    assert page.rows[0][3] == "Ada Testerguest@example.test"
    assert page.links["Assign order 1 to a user"] == f"{LIST}?assign=1"
    assert page.links["Correct balance of user 2"].endswith("q=2&edit=2")
    assert "Correct balance of user 3" in page.links
    assert page.links["Set tokens of order 3"] == f"{LIST}?amounts=3"
    assert page.form("2/seen").fields.items() >= {("ids", "900"), ("total", "1.00")}
    assert "Refunded so far: 1.00 USD." in page.rows[1][2]
    assert not [form for form in page.forms if "/seen" in form.action and "/2/" not in form.action]
    assert not [label for label in page.links if label.startswith("Set tokens") and label[-1] not in "34"]
    assert not {"Assign order 2 to a user", "Correct balance of user 9"} & page.links.keys()
    assert page.links["Exceptions open: 4"] == LIST
    assert "open: </span>4<" in admin.get("/admin/shop/credits").text
    assert "open: </span>4<" in admin.get("/admin/shop/credits/2").text


def test_far_too_many_are_shown_page_by_page(shop, admin, database, monkeypatch):
    monkeypatch.setattr(exceptions_view, "PAGE", 40)
    factories.put_package(shop, 10, 1000)
    guest_order(shop, 1)
    with database.transaction() as connection:
        columns = ", ".join(row for row in ledger_sql.rows(database, "select * from orders")[0] if row != "number")
        connection.execute(
            text(
                f"with recursive n(i) as (select 2 union all select i + 1 from n where i < 120)"
                f" insert into orders (number, {columns}) select i, {columns} from n, orders where number = 1"
            )
        )

    page, seen = read(admin.get(LIST)), []
    while True:
        seen += numbers(page)
        if "Next" not in page.links:
            break
        page = read(admin.get(page.links["Next"]))

    assert seen == list(range(1, 121))
    assert "Exceptions open: 99+" in page.links
    for place in ("x", "-1", "9" * 17, "%00", "1.5"):
        assert admin.get(f"{LIST}?after={place}").status_code == 422
        assert admin.get(f"{LIST}?assign={place}").status_code == 422
        assert admin.get(f"{LIST}?amounts={place}").status_code == 422


def test_order_is_given_to_a_user_in_the_admins_name(shop, admin, database):
    factories.put_package(shop, 10, 1000)
    factories.put_user(shop, 7)
    guest_order(shop, 1)
    guest_order(shop, 2, "<b>@example.test")
    page = read(admin.get(f"{LIST}?assign=1&after=0"))

    done = send(admin, page.form("1/assign"), user_id=" 7 ")
    after = admin.get(done.location)

    assert (done.status_code, done.location) == (303, LIST)
    assert "Order 1 was assigned to user 7: 1,000 tokens were granted." in after.text
    assert numbers(read(after)) == [2]
    assert "<b>" not in after.text
    (entry,) = ledger_sql.rows(database, "select tokens, actor, order_number from entries")
    assert (entry["tokens"], entry["actor"], entry["order_number"]) == (1000, EMAIL, 1)
    again = send(admin, page.form("1/assign"), user_id="7")
    assert "no tokens moved" in admin.get(again.location).text
    assert ledger_sql.faults(database) == []


def test_order_is_assigned_to_a_user_found_by_name_or_email(shop, admin, database):
    factories.put_package(shop, 10, 1000)
    factories.put_user(shop, 7, name="Zoë Smith", email="zoe@example.test")
    factories.put_user(shop, 8, name="Zoltan <i>", email="z8@example.test")
    guest_order(shop, 1)
    form = read(admin.get(f"{LIST}?assign=1")).form("1/assign")

    listed = send(admin, form, user_id="smith zoe")
    both = send(admin, form, user_id="example.test")

    assert listed.status_code == 200
    assert "Zoë Smith · zoe@example.test · user 7" in listed.text
    assert 'name="user_id" value="7"' in listed.text
    assert 'name="user_id" value="8"' not in listed.text
    assert 'name="user_id" value="8"' in both.text
    assert "<i>" not in both.text
    assert ledger_sql.rows(database, "select tokens from entries") == []
    send(admin, form, user_id="7")
    (entry,) = ledger_sql.rows(database, "select tokens from entries")
    assert entry["tokens"] == 1000


@one_engine
def test_mistyped_user_gets_no_order(shop, admin, database):
    factories.put_package(shop, 10, 1000)
    guest_order(shop, 1)
    factories.deliver(shop, factories.order(2, customer=2))
    form = read(admin.get(f"{LIST}?assign=1")).form("1/assign")

    for typed, status in (
        ("", 422),
        ("x", 422),
        ("0", 422),
        ("²", 422),
        (str(2**53), 422),
        ("9" * 50, 422),
        ("8", 422),
    ):
        answer = send(admin, form, user_id=typed)
        page = read(answer)
        assert (answer.status_code, len(page.alerts)) == (status, 1), typed
        assert page.form("1/assign").fields["user_id"] == typed
    form.action = form.action.replace("/1/", "/2/")
    assert send(admin, form, user_id="2").status_code == 409
    form.action = form.action.replace("/2/", "/99/")
    assert send(admin, form, user_id="2").status_code == 404
    form.action = form.action.replace("/99/", "/x/")
    assert send(admin, form, user_id="2").status_code == 422
    factories.give(shop, 2, 2**53 - 1 - factories.balance_of(shop, 2))
    form.action = form.action.replace("/x/", "/1/")
    assert send(admin, form, user_id="2").status_code == 409
    assert ledger_sql.rows(database, "select count(*) as n from accounts") == [{"n": 1}]


@one_engine
def test_order_is_checked_again(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        admin = sign_in(app)
        order = connected_shop.sell(0, email="guest@example.test")
        connected_shop.poll()
        form = read(admin.get(LIST)).form(f"{order}/check")

        connected_shop.served.faults.add(Kind.ERROR_PAGE)
        broken = admin.get(send(admin, form).location)
        assert f"Order {order} was not checked: the shop answered HTTP 500" in read(broken).alerts[0]
        connected_shop.shop.reassign(order, 2)
        done = admin.get(send(admin, form).location)
        assert f"Order {order} was checked: 100,000 tokens were granted. It has no exceptions." in done.text
        assert numbers(read(done)) == []
        assert connected_shop.balances() == {2: 100_000}
        form.action = form.action.replace(f"/{order}/", "/9999/")
        assert send(admin, form).status_code == 404


@one_engine
def test_another_stores_orders_are_not_there(app, shop, admin):
    factories.put_package(shop, 10, 1000)
    factories.put_user(shop, 7)
    guest_order(shop, 1)
    factories.add_shop(app, "other")
    form = read(admin.get(f"{LIST}?assign=1")).form("1/assign")
    form.action = form.action.replace("/shop/", "/other/")

    assert "No exceptions" in admin.get("/admin/other/exceptions").text
    assert send(admin, form, user_id="7").status_code == 422
    form.action = form.action.replace("assign", "check")
    assert send(admin, form).status_code == 404
    assert admin.get("/admin/nowhere/exceptions").status_code == 404
    assert app.test_client().get(LIST).location.startswith("/admin?next=")
    assert admin.post(f"{LIST}/1/check").status_code == 400
    assert factories.balance_of(shop, 7) == 0


@one_engine
def test_every_review_item_has_a_sentence_and_a_button_for_each_choice(shop, admin, database):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(900))
    factories.deliver(shop, factories.order(901, customer=0) | {"parent_id": 900, "transaction_id": "pi"})
    factories.deliver(shop, factories.order(905) | {"transaction_id": "pi"})

    page = read(admin.get(LIST))
    forms = [form for form in page.forms if form.action.endswith("901/decide")]

    assert "Order 900 belongs to the same purchase" in page.rows[0][2]
    assert forms[0].fields.items() >= {("kind", "related_order"), ("subject", "1")}
    done = send(admin, forms[0], choice="grant")
    assert "Your choice about order 901 was saved" in admin.get(done.location).text
    gone = send(admin, forms[0], choice="grant")
    assert "Nothing was changed" in admin.get(gone.location).text
    assert admin.post(f"{LIST}/901/decide", data={}).status_code in {400, 403, 422}
    assert ledger_sql.parked(database) == {901: "ada@example.test"}


@one_engine
def test_title_and_icon_of_every_page_say_what_is_open(shop, admin):
    factories.put_package(shop, 10, 1000)
    calm = admin.get("/admin/shop/credits").text
    assert "<title>Credits · " in calm
    assert "/mark.svg" in calm
    guest_order(shop, 1)
    guest_order(shop, 2)

    for path in ("credits", "exceptions", "settings/store"):
        page = admin.get(f"/admin/shop/{path}").text
        assert "<title>(2) " in page, path
        assert "/mark-open.svg" in page, path
    assert "<title>Stores" in admin.get("/admin/stores").text
