"""The credits page in a real browser: filters, chart and shortcode, with and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.factories import give, put_user, spend
from tests.support.browser import note_console
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_users_are_found_and_the_shortcode_is_written(app, shop, address, browser, engine, has_script):
    add_owner(app)
    shop.client.put("/v1/limits/chat", json={"period": "monthly", "rules": {"user": 50}}, headers=shop.headers)
    for user_id in range(1, 60):
        put_user(shop, user_id, name=f"user {user_id}", roles=["customer"])
    give(shop, 7, 500)
    spend(shop, 8, 50)
    context = browser.new_context(java_script_enabled=has_script, viewport={"width": 380, "height": 800})
    context.set_default_timeout(15_000)
    page = context.new_page()
    messages: list[str] = []
    note_console(page, messages)
    page.goto(f"{address}/admin")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/credits")

    page.get_by_role("link", name="Last", exact=True).click()
    page.get_by_role("link", name="Previous").wait_for()
    page.get_by_label("Sort by").select_option("balance")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**sort=balance**")
    expect(page.locator("tr.user").first).to_contain_text("user 7")
    page.get_by_role("link", name="Over a limit").click()
    page.wait_for_url("**filter=over_limit**")
    expect(page.locator("tr.user")).to_have_count(1)
    expect(page.locator("tr.user")).to_contain_text("Limit reached")
    page.get_by_role("link", name="In debt").click()
    page.get_by_role("link", name="Show all users").click()
    page.get_by_role("link", name="365 days").click()
    page.get_by_role("heading", name="Weekly usage").wait_for()
    page.get_by_text("Usage of each day as a table").click()
    expect(page.get_by_role("region", name="Usage of each day")).to_be_visible()

    page.get_by_role("link", name="Shortcode settings").click()
    page.get_by_label("View").select_option("summary")
    page.get_by_role("button", name="Show the shortcode").click()
    page.get_by_role("button", name="Save as the default").click()
    page.get_by_text("This is the default of the store.").wait_for()
    expect(page.get_by_label("Shortcode", exact=True)).to_have_value('[token_usage view="summary"]')
    expect(page.get_by_role("button", name="Copy")).to_be_visible(visible=has_script)
    context.close()
    assert messages == []
