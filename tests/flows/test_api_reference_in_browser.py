"""The API reference in a real browser: without scripts, narrow and wide, light and dark, by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import note_console

pytestmark = pytest.mark.xdist_group("browser")


WIDTHS = (320, 380, 1280, 1900)


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_reference_fits_and_breaks_no_policy(address, browser, engine, scheme):
    context = browser.new_context(java_script_enabled=False, color_scheme=scheme)
    page, faults = context.new_page(), []
    note_console(page, faults)
    page.on("requestfailed", lambda request: faults.append(request.url))
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    page.goto(f"{address}/v1/docs#insufficient_tokens")

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator("#insufficient_tokens:target"), str(width)).to_be_visible()
        assert page.locator("main").bounding_box()["width"] <= width
        assert page.locator("html").evaluate("element => element.scrollWidth") <= width
        expect(page.locator(".api-index"), str(width)).to_be_visible(visible=width >= 1280)
        expect(page.locator(".api-menu"), str(width)).to_be_visible(visible=width < 1280)
    assert faults == []
    context.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_sample_of_another_language_opens_by_keyboard(address, context, engine):
    page = context.new_page()
    page.goto(f"{address}/v1/docs#spend")
    call = page.locator("#spend")

    call.locator("summary", has_text="Python").focus()
    page.keyboard.press("Enter")

    expect(call.get_by_text("requests.post(")).to_be_visible()
    expect(call.get_by_text("curl -X POST")).to_be_hidden()
