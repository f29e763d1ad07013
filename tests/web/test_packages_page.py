"""The Packages page: products as the shop states them, an amount per row, and the orders that wait."""

from __future__ import annotations

import html
import logging

import pytest

from bridge.web.admin import packages_view
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
LIST = "/admin/shop/packages"


@pytest.fixture
def admin(app):
    return sign_in(app)


def product(shop, number, meta=(), **more):
    document = {"id": number, "name": f"Pack {number}", "type": "simple", "parent_id": 0, "sku": ""}
    document["meta_data"] = [{"id": 1, "key": key, "value": value} for key, value in meta]
    assert factories.deliver(shop, document | more, "product.updated").status_code == 200


def marked(amount):
    return [("is_token_package", "yes"), ("tokens_granted", amount)]


def rows(page):
    """Return each row's name, ids, shop's amount and orders."""
    return [(row[0].removesuffix(" Try"), row[1], row[2], row[-1]) for row in page.rows]


def typed(page):
    """Return the values of the fields of the rows."""
    return [values["value"] for tag, values in page.tags if tag == "input" and values.get("name") == "tokens"]


def summaries(page):
    """Return the accessible names of what is folded away."""
    return [
        ("details", values["aria-label"]) for tag, values in page.tags if tag == "summary" and "aria-label" in values
    ]


def plan_of(shop):
    package = shop.client.get("/v1/packages/10", headers=shop.headers).json
    return package["tokens"], package["plan"], package["months"]


def save(admin, page, key, tokens):
    return send(admin, page.form(f"packages/{key}"), tokens=tokens)


@one_engine
def test_products_are_listed_as_the_shop_states_them(shop, admin):
    product(shop, 10, marked("5,000"), sku="TOK")
    product(shop, 11, marked("5.000"))
    product(shop, 12)
    product(shop, 13, [("_tokens_granted", "60")], type="variation", parent_id=10)

    page = read(admin.get(LIST))

    assert rows(page) == [
        ("Pack 10 SKU TOK", "10", "5,000", "–"),
        ("Pack 13", "10 / 13", "60", "–"),
        (
            "Pack 11",
            "11",
            "not readable tokens_granted is 5.000, which can be read in two ways; write the number without separators.",
            "–",
        ),
        ("Pack 12", "12", "not a package", "–"),
    ]
    assert typed(page) == [""] * 4


@one_engine
def test_amount_is_set_and_cleared_back_to_the_shops(shop, admin, database):
    product(shop, 10, marked("5.000"))
    assert shop.client.get("/v1/packages", headers=shop.headers).json["items"][0]["unreadable"] == {
        "key": "tokens_granted",
        "value": "5.000",
        "reason": "ambiguous",
        "sentence": "tokens_granted is 5.000, which can be read in two ways; write the number without separators",
    }

    saved = save(admin, read(admin.get(LIST)), "10/0", "5,000")
    page = read(admin.get(saved.location))

    assert (saved.status_code, saved.location) == (303, LIST)
    assert typed(page) == ["5000"]
    assert shop.client.get("/v1/packages/10", headers=shop.headers).json["tokens"] == 5000
    cleared = send(admin, page.form("packages/10/0/clear"))
    assert typed(read(admin.get(cleared.location))) == [""]
    assert shop.client.get("/v1/packages/10", headers=shop.headers).json["tokens"] is None
    assert ledger_sql.faults(database) == []


@one_engine
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5.000", "two ways"),
        ("", "whole number"),
        ("many", "whole number"),
        ("-1", "0 or more"),
        ("1.5", "without decimals"),
        ("9" * 30, "too large"),
        ("\0", "whole number"),
    ],
    ids=range(7),
)
def test_bad_amount_is_shown_again_with_the_reason(shop, admin, text, words):
    product(shop, 10)
    product(shop, 11)

    answer = save(admin, read(admin.get(LIST)), "11/0", text)

    assert answer.status_code == 422
    (alert,) = read(answer).alerts
    assert words in alert
    assert shop.client.get("/v1/packages/11", headers=shop.headers).json["tokens"] == 0


@one_engine
def test_amount_of_a_plan_keeps_its_months(shop, admin):
    body = {"plan": "Gold", "tokens": 100, "months": 12}
    assert shop.client.put("/v1/packages/10", json=body, headers=shop.headers).status_code == 200

    page = read(admin.get(LIST))
    save(admin, page, "10/0", "200")

    assert ("details", "Plan Gold, 12 months: Product 10") in summaries(page)
    assert plan_of(shop) == (200, "Gold", 12)


@one_engine
def test_plan_of_the_shops_product_is_shown_and_an_admins_amount_wins_over_it(shop, admin):
    meta = [("_is_token_package", "yes"), ("_tokens_per_month", "2,000"), ("_plan_months", "12")]
    product(shop, 10, meta)

    page = read(admin.get(LIST))

    assert rows(page)[0][2] == "2,000 a month, 12 months"
    assert ("details", "Plan Pack 10, 12 months: Pack 10") in summaries(page)
    save(admin, page, "10/0", "900")
    assert plan_of(shop) == (900, "Pack 10", 12)
    product(shop, 10, [*meta[:2], ("_plan_months", "1")])
    assert plan_of(shop) == (900, "Pack 10", 12)
    shop.client.delete("/v1/packages/10", headers=shop.headers)
    assert plan_of(shop) == (2000, "Pack 10", 1)


@one_engine
def test_plan_is_set_changed_and_removed_and_grants_each_month(shop, admin):
    product(shop, 10)
    form = read(admin.get(LIST)).form("packages/10/0")

    answer = admin.get(send(admin, form, tokens="1,000", plan=" Pro ", months="12").location).text
    assert "Pack 10 gives 1,000 tokens each month for 12 months." in answer
    assert plan_of(shop) == (1000, "Pro", 12)
    factories.deliver(shop, factories.order(1))
    assert shop.client.get("/v1/users/2", headers=shop.headers).json["plan"]["tokens"] == 1000

    page = html.unescape(admin.get(LIST).text)
    assert "curl -X PUT http://127.0.0.1:8000/v1/packages/10 " in page
    assert """-d '{"tokens": 1000, "plan": "Pro", "months": 12}'""" in page

    send(admin, read(admin.get(LIST)).form("packages/10/0"), months="1")
    assert plan_of(shop) == (1000, "Pro", 1)
    # A page that was opened before plans had fields sends none, and the plan stays.
    admin.post(f"{LIST}/10/0", data={"csrf_token": form.fields["csrf_token"], "tokens": "900"})
    assert plan_of(shop) == (900, "Pro", 1)
    send(admin, read(admin.get(LIST)).form("packages/10/0"), plan="", months="")
    assert plan_of(shop) == (900, None, None)


@one_engine
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"plan": "Pro"}, "together"),
        ({"months": "3"}, "together"),
        ({"plan": "Pro", "months": "0"}, "1 to 120 months"),
        ({"plan": "Pro", "months": "121"}, "1 to 120 months"),
        ({"plan": "Pro", "months": "1.5"}, "1 to 120 months"),
        ({"plan": "x" * 101, "months": "3"}, "at most 100 characters"),
        ({"plan": "a\tb", "months": "3"}, "at most 100 characters"),
        ({"plan": "Pro", "months": "3", "tokens": "0"}, "at least 1 token"),
    ],
    ids=range(8),
)
def test_invalid_plan_is_shown_again_with_the_reason(shop, admin, typed, words):
    product(shop, 10)

    answer = send(admin, read(admin.get(LIST)).form("packages/10/0"), **{"tokens": "5"} | typed)

    assert answer.status_code == 422
    assert words in read(answer).alerts[0]
    kept = read(answer).form("packages/10/0").fields
    assert {name: kept[name] for name in typed} == {name: value[:101] for name, value in typed.items()}
    assert plan_of(shop) == (0, None, None)


@one_engine
def test_long_list_has_pages_and_a_search(shop, admin, monkeypatch):
    monkeypatch.setattr(packages_view, "PAGE", 2)
    for number in range(10, 15):
        product(shop, number, sku=f"S%{number}")

    first = read(admin.get(LIST))
    second = read(admin.get(first.links["Next"]))
    third = read(admin.get(second.links["Next"]))

    assert [[row[1] for row in page.rows] for page in (first, second, third)] == [["10", "11"], ["12", "13"], ["14"]]
    assert "Next" not in third.links
    assert second.links["First"] == LIST
    for query, found in (("pack 13", ["13"]), ("S%251", ["10", "11"]), ("12", ["12"]), ("zzz", []), ("_", [])):
        assert [row[1] for row in read(admin.get(f"{LIST}?q={query}")).rows] == found
    for after in ("x", "1", "1.x", ".", f"{2**60}.0"):
        refused = admin.get(f"{LIST}?after={after}")
        assert (refused.status_code, "Something in this address is wrong" in refused.text) == (422, True)


@one_engine
def test_only_products_without_a_clear_amount_are_shown_on_request(shop, admin):
    product(shop, 10, marked("5000"))
    product(shop, 11, marked("5.000"))

    page = read(admin.get(LIST))
    only = read(admin.get(page.links["Show only these"]))

    assert [row[1] for row in only.rows] == ["11"]
    save(admin, only, "11/0", "7")
    assert read(admin.get(f"{LIST}?open=1")).rows == []


@one_engine
def test_store_without_products_says_the_next_step(shop, admin):
    page = admin.get(LIST)

    assert "No products yet" in page.text
    assert "is_token_package" in page.text
    assert read(page).links["Connection page"] == "/admin/shop/connection"


@one_engine
def test_products_are_imported_from_the_page_and_progress_is_shown(app, caplog, monkeypatch):
    from bridge.web.admin import packages as packages_page

    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app, page=2) as connected_shop:
        connected_shop.connect()
        admin = sign_in(app)
        monkeypatch.setattr(packages_page, "_PATIENCE_SECONDS", 0)

        begun = admin.get(send(admin, read(admin.get(LIST)).form("packages/import")).location).text

        assert "2 products were read. The other 4 are read within minutes." in begun
        assert "The products are being read: 2 of 6 so far." in begun
        monkeypatch.setattr(packages_page, "_PATIENCE_SECONDS", 60)
        done = admin.get(send(admin, read(admin.get(LIST)).form("packages/import")).location)
        assert "6 packages among 6 products" in done.text or "packages among 6 products" in done.text
        assert "being read" not in done.text
        assert len(read(done).rows) == 8


@one_engine
def test_page_needs_a_sign_in_and_its_forms_a_token(app, shop):
    assert app.test_client().get(LIST).status_code == 303
    admin = sign_in(app)
    assert admin.post(f"{LIST}/10/0", data={"tokens": "5"}).status_code == 400
    assert admin.get("/admin/none/packages").status_code == 404


@one_engine
def test_one_stores_products_are_not_anothers(app, shop, admin):
    factories.add_shop(app, "other")
    product(shop, 10, marked("5000"))

    assert read(admin.get("/admin/other/packages")).rows == []
