"""The confirmation step in pages of other sites: any theme and width, by keyboard, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.factories import give, put_user
from tests.support.axe import ALL_RULES, AXE, ONLY_CONTRAST, TOO_WIDE, violations
from tests.support.host_pages import APPEARANCE, HAS_SHADOW, INSERT, PLAIN, THEMES, host_page, visit
from tests.support.shared_app import SharedApp, open_shared_app

pytestmark = pytest.mark.xdist_group("browser")

RUN_OF_IMAGES = {"operation": "image.analysis", "quantity": 12_000}
STATES = {
    "payable": [{"module": "chat", "tokens": 150}, {"operation": "image.analysis", "quantity": 3}],
    "short": [RUN_OF_IMAGES],
    "long": [{"operation": f"step.{number}", "quantity": 2} for number in range(60)],
}


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[SharedApp]:
    """Return a service whose user 2 pays from two sources and wants to be asked."""
    with open_shared_app("sqlite", request, "confirm") as opened:
        shop = opened.shop
        give(shop, 2, 300_000)
        put_user(shop, 2, confirm_paid=True)
        settings = {
            "/v1/limits/chat": {"period": "monthly", "rules": {"user": 100}},
            "/v1/store": {"spend_order": ["plan", "allowance", "balance"], "purchase_url": "http://host.test/tokens"},
            "/v1/operations/image.analysis": {"module": "image_generator", "tokens_per_unit": 40},
            "/v1/modules/chat": {"label": "Chat <b>&</b> \u202eevil"},
        }
        settings |= {f"/v1/operations/step.{number}": {"module": "chat", "tokens_per_unit": 1} for number in range(60)}
        for path, values in settings.items():
            assert shop.client.put(path, json=values, headers=shop.headers).status_code == 200
        yield opened


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """Return one page for the module; each test opens its own document in it."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, color_scheme="light")
    yield context.new_page()
    context.close()


def step(shared: SharedApp, state: str = "payable", *, lang: str = "en", theme: str = "auto", **more: object) -> str:
    """Return the fragment of user 2."""
    body = {"user": {"id": 2}, "items": STATES[state]} | more
    query = {"lang": lang, "theme": theme}
    response = shared.shop.client.post("/v1/confirm", json=body, query_string=query, headers=shared.shop.headers)
    assert response.status_code == 200
    return response.text


@pytest.mark.parametrize("theme", THEMES)
def test_theme_changes_nothing_with_and_without_a_shadow_root(shared: SharedApp, page: Page, theme: str) -> None:
    lang = "ar" if theme == "right to left" else "en"
    fragment = step(shared, "short", lang=lang)
    scheme = ":root{color-scheme:dark}" if theme == "dark" else ""

    visit(page, host_page(fragment, PLAIN + scheme, language=lang))
    expected = page.evaluate(APPEARANCE)
    asked = visit(page, host_page(fragment, THEMES[theme], language=lang))
    assert page.evaluate(HAS_SHADOW)
    assert page.evaluate(APPEARANCE) == expected
    page.evaluate(INSERT, fragment)
    assert not page.evaluate(HAS_SHADOW)
    assert page.evaluate(APPEARANCE) == expected
    assert asked == ["http://host.test/"]


@pytest.mark.parametrize("state", STATES)
def test_step_is_accessible_in_every_width_and_both_schemes(shared: SharedApp, page: Page, state: str) -> None:
    for lang, theme, rules in (("en", "light", ALL_RULES), ("ar", "dark", ONLY_CONTRAST), ("de", "dark", ALL_RULES)):
        body = f"<h1>Run</h1>{step(shared, state, lang=lang, theme=theme)}"
        visit(page, host_page(body, "", language=lang))
        page.evaluate(AXE)
        assert violations(page, rules) == []
        for width in (280, 380, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert not page.evaluate(TOO_WIDE), (lang, width)


def test_button_sends_the_fields_by_keyboard_and_without_scripts(shared: SharedApp, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    fragment = step(shared, fields={"job": "17", "_wpnonce": "3f9c"}, action="/run?a=1&b=2")
    visit(page, host_page(fragment, PLAIN), others={"http://host.test/run?a=1&b=2": "done"})
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.url, request.post_data)))
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Use 270 tokens")
    page.keyboard.press("Enter")
    page.wait_for_url("**/run?a=1&b=2")
    context.close()

    [(method, url, data)] = sent[:1]
    assert (method, url) == ("POST", "http://host.test/run?a=1&b=2")
    assert parse_qs(data) == {"job": ["17"], "_wpnonce": ["3f9c"], "confirmed": ["true"]}


def test_step_that_cannot_be_paid_leads_to_the_shop_only(shared: SharedApp, page: Page) -> None:
    visit(page, host_page(step(shared, "short"), PLAIN), others={"http://host.test/tokens": "the shop"})
    expect(page.get_by_role("button")).to_be_disabled()
    expect(page.get_by_role("alert")).to_contain_text("180,000 tokens are missing.")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("href", "http://host.test/tokens")


def test_page_with_a_script_can_handle_the_form_itself(shared: SharedApp, page: Page) -> None:
    visit(page, host_page(step(shared, fields={"job": "17"}), PLAIN))
    page.evaluate(
        """() => document.addEventListener('submit', event => {
             event.preventDefault()
             window.handled = Object.fromEntries(new FormData(event.target, event.submitter))
           })"""
    )
    page.get_by_role("button", name="Use 270 tokens").click()
    assert page.evaluate("window.handled") == {"job": "17", "confirmed": "true"}
