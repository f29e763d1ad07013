"""The Limits page in a real browser: the grid is filled, previewed and saved without scripts and without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.limits_form import limit, put
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),
]


IS_SEEN = """() => {
  const field = document.activeElement, box = field.getBoundingClientRect();
  const above = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return field.contains(above) || above.contains(field);
}"""
"""A script that returns true if no other element lies over the field with the focus."""


@pytest.fixture
def page(app, shop, address, context):
    """Return the Limits page of a store with 30 more modules, on a narrow screen."""
    add_owner(app)
    for place in range(30):
        put(shop, f"modules/feature_{place:02}", label=f"Feature {place}")
    page = context.new_page()
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(f"{address}/admin/shop/settings/limits")
    page.locator("input[name=email]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Limits", exact=True).wait_for()
    return page


def test_grid_of_30_modules_is_saved_on_a_narrow_screen(page, shop):
    assert page.evaluate("document.documentElement.scrollWidth") == 380
    cell = page.get_by_label("Feature 29: Users", exact=True)
    cell.fill("5.000")
    page.get_by_label("Chat: Guests", exact=True).fill("unlimited")
    cell.press("Enter")

    error = page.locator("td .grid__error")
    expect(error).to_have_text("Can be read in two ways: write it without separators.")
    expect(page.get_by_label("Chat: Guests", exact=True)).to_have_value("unlimited")
    cell.fill("5,000")
    page.get_by_role("button", name="Preview on last month’s use").press("Enter")
    page.get_by_role("heading", name="On last month’s use, 0 users would have been stopped").wait_for()
    expect(cell).to_have_value("5,000")
    cell.press("Enter")

    expect(page.get_by_role("status")).to_have_text("2 modules were saved. The limits apply from now on.")
    assert limit(shop, "feature_29")["rules"] == {"user": 5000}
    assert limit(shop)["rules"] == {"guest": "unlimited"}


def test_rows_are_shown_as_cards_with_their_columns_named(page):
    names = page.locator("tbody tr").first.locator("td").evaluate_all("cells => cells.map(cell => cell.dataset.label)")
    assert names == ["Resets each", "Guests", "Users"]
    expect(page.get_by_label("Message when used up, Chat", exact=True)).to_be_visible()
    expect(page.locator("[aria-current=page]")).to_have_text("Limits")


def test_grid_with_eight_roles_keeps_modules_and_messages_in_sight(page, shop):
    roles = [f"role_{place}" for place in range(7)] + ["a_very_long_role_of_a_plugin_for_members_only"]
    put(shop, "limits/chat", period="daily", rules={f"role:{role}": 7 for role in roles})
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") == 380
    last = page.get_by_label(f"Chat: {roles[-2]}", exact=True)
    last.scroll_into_view_if_needed()
    edges = "field => [field.getBoundingClientRect().left >= 0, field.getBoundingClientRect().right <= innerWidth]"
    assert last.evaluate(edges) == [True, True]

    page.set_viewport_size({"width": 1280, "height": 800})
    last.focus()
    last.scroll_into_view_if_needed()
    # Neither the module nor its message moves out of sight when the grid is scrolled to its last role.
    for field in ("Label of chat", "Message when used up, Chat"):
        assert page.get_by_label(field, exact=True).evaluate(edges) == [True, True], field
    assert page.get_by_role("columnheader", name="Module").evaluate("cell => cell.getBoundingClientRect().left") >= 0
    # A field of the next module that gets the focus comes out from behind its sticky module.
    page.keyboard.press("Tab")
    page.get_by_label("Label of feature_00", exact=True).focus()
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(IS_SEEN), page.evaluate("document.activeElement.outerHTML")
    page.get_by_label("Message when used up, Chat", exact=True).fill("Ask the shop.")
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert limit(shop)["message"] == "Ask the shop."
