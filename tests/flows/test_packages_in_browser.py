"""The Packages page in a real browser: an amount is set without scripts and without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.factories import balance_of, deliver, line, order
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),
]


@pytest.fixture
def page(app, shop, address, context):
    """Return the Packages page of a store with an unclear product, an order that waits for it, and an unknown one."""
    add_owner(app)
    meta = [{"key": "is_token_package", "value": "yes"}, {"key": "tokens_granted", "value": "5.000"}]
    deliver(shop, factories.product(10, None) | {"meta_data": meta}, "product.updated")
    deliver(shop, order(1, lines=[line(1, 10), line(2, 77, name="Old pack")]))
    page = context.new_page()
    page.goto(f"{address}/admin/shop/packages")
    page.locator("input[name=email]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Packages", exact=True).wait_for()
    return page


def tab_to(page, selector):
    for _ in range(40):
        if page.locator(f"{selector}:focus").count():
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never reaches {selector}")


def test_amount_is_set_without_script_and_without_a_mouse(page, shop):
    tab_to(page, "#tokens-10-0")
    page.keyboard.type("5.000")
    page.keyboard.press("Enter")
    page.locator("#tokens-10-0[aria-invalid]:focus").wait_for()
    expect(page.get_by_role("alert")).to_have_text(re.compile("^This can be read in two ways"))
    page.keyboard.press("Control+A")
    page.keyboard.type("5,000")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    done = "Product 10 grants 5,000 tokens. 1 waiting orders were checked."
    expect(page.get_by_role("status").first).to_have_text(done)
    assert balance_of(shop, 2) == 5000


def test_fields_and_buttons_have_names_that_say_what_they_are_about(page):
    for name in ("Tokens of Product 10", "Tokens of Old pack"):
        expect(page.get_by_label(name, exact=True)).to_have_count(1)
    for name in ("Save the tokens of Product 10", "Save the tokens of Old pack"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_text("Save")
    expect(page.locator("[aria-current=page]")).to_have_text("Packages")
