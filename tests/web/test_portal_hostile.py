"""Names with markup, turned directions, joiners and formulas; ten thousand purchases and thirty modules."""

import re

import pytest

from bridge.storage.orders.tables import order_lines, orders
from bridge.web.api.csv_tables import safe
from tests.factories import deliver, line, order, product, put_package, put_user, spend
from tests.support.pages import read
from tests.support.portal import enter, path_of, rules, table
from tests.support.replayed import replay
from tests.support.statements import counted

SCRIPT, TURNED, FAMILY = "<script>alert(1)</script>", "שלום \u202eevil\u2066", "👨\u200d👩\u200d👧"
FORMULA = '=HYPERLINK("http://evil.example")'


@pytest.fixture
def hostile(shop, database):
    """Return a store in which everything that has a name has a hostile one."""
    replay(_add_hostile_names, shop, database)
    return shop


def _add_hostile_names(shop):
    for place, label in enumerate((SCRIPT, TURNED, FAMILY, FORMULA)):
        body = {"label": label}
        assert shop.client.put(f"/v1/modules/m{place}", json=body, headers=shop.headers).status_code == 200
        limit = {"period": "daily", "rules": {"user": 5}}
        assert shop.client.put(f"/v1/limits/m{place}", json=limit, headers=shop.headers).status_code == 200
    put_user(shop, 2, name=f"{SCRIPT} {TURNED}", email="a@example.test", roles=[SCRIPT])
    put_package(shop, 10, 600)
    for number, name in enumerate((SCRIPT, TURNED, FAMILY, FORMULA), 1):
        document = order(number, lines=[line(name=name)]) | {"number": f"{name} {number}"}
        deliver(shop, document)
        deliver(shop, product(20 + number, 50) | {"status": "publish", "name": name, "price": "1"}, "product.updated")
        body = {"tokens": 50, "plan": name, "months": 3}
        assert shop.client.put(f"/v1/packages/{30 + number}", json=body, headers=shop.headers).status_code == 200
        site = {"url": f"https://site{number}.example", "name": name}
        assert shop.client.post("/v1/users/2/sites", json=site, headers=shop.headers).status_code == 201
        assert spend(shop, 2, 9, module=f"m{number - 1}", source=name).status_code == 201


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_hostile_names_are_shown_as_text_and_turn_nothing(app, hostile, lang):
    client, shown = enter(app, hostile, lang=lang), ""
    for rule in rules(app):
        if "GET" in rule.methods and "download" not in rule.endpoint:
            page = client.get(path_of(rule))
            assert page.status_code == 200, rule.rule
            assert "<script" not in page.text, rule.rule
            # The value of an option is sent back as it is.
            text = re.sub(r' value="[^"]*"', "", page.text)
            assert "\u202e" not in text, rule.rule
            shown += text

    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 10
    assert shown.count("\u2068שלום evil") > 10
    assert FAMILY in shown


@pytest.mark.parametrize("path", ["usage", "purchases", "transactions"])
def test_no_cell_of_a_file_begins_as_a_formula(app, hostile, path):
    for lang in ("en", "de"):
        rows = table(enter(app, hostile, lang=lang).get(f"/account/{path}/file.csv"))

        cells = [cell for row in rows for cell in row]
        assert any("HYPERLINK" in cell for cell in cells)
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]


@pytest.mark.parametrize("value", ["=1", " =1", "\t=1", "\u200b=1", "+1", "-1", "@a", "＝1", "\r1", "\u00a0＠a", "\n1"])
def test_text_that_could_be_a_formula_is_quoted(value):
    assert safe(value) == f"'{value}"


@pytest.mark.parametrize("value", ["a=1", "1-2", "", "'=1", 5, -5, "→ -1", "a@example.test"])
def test_other_values_stay(value):
    assert safe(value) == value


def test_ten_thousand_purchases_and_thirty_modules_open_as_one_does(app, shop, database):
    put_package(shop, 10, 600)
    deliver(shop, order(1))
    client = enter(app, shop)
    paths = ("/account", "/account/purchases", "/account/plan", "/account/buy")
    with counted(database) as few:
        for path in paths:
            assert client.get(path).status_code == 200
    for place in range(30):
        limit = {"period": "daily", "rules": {"user": 5}}
        assert shop.client.put(f"/v1/limits/m{place}", json=limit, headers=shop.headers).status_code == 200
    with database.transaction() as connection:
        for copied, number in ((orders, "number"), (order_lines, "order_number")):
            names = ", ".join(column.name for column in copied.columns)
            values = names.replace(f" {number},", " n,", 1)
            connection.exec_driver_sql(
                f"with recursive many(n) as (select 2 union all select n + 1 from many where n < 10000)"
                f" insert into {copied.name} ({names}) select {values} from {copied.name}, many"
            )

    with counted(database) as many:
        for path in paths:
            assert client.get(path).status_code == 200

    assert len(many) <= len(few) + 2
    page = read(client.get("/account/purchases"))
    assert page.source.count('class="card purchase"') == 20
    assert read(client.get(page.links["Older"])).source.count('class="card purchase"') == 20
