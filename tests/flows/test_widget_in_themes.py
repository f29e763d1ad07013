"""The widget in pages of other sites: it looks the same in any theme, with and without a shadow root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.factories import deliver, line, order, put_package, put_user, spend
from tests.support.browser import note_console
from tests.support.host_pages import APPEARANCE, HAS_SHADOW, INSERT, PLAIN, THEMES, host_page, visit
from tests.support.shared_app import SharedApp, open_shared_app

pytestmark = pytest.mark.xdist_group("browser")

NONCE = "bm9uY2Ugb2YgdGhlIHBhZ2U="


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[SharedApp]:
    """Return a service whose user 2 has something of each kind that the widget shows."""
    with open_shared_app("sqlite", request, "widget_themes") as opened:
        shop = opened.shop
        put_package(shop, 10, 100_000)
        put_user(shop, 2, roles=["customer"])
        for module, rules in (("chat", {"user": 1000}), ("ai_forms", {"user": "unlimited"})):
            limit = {"period": "daily", "rules": rules, "second": {"period": "monthly", "rules": {"user": 2000}}}
            shop.client.put(f"/v1/limits/{module}", json=limit, headers=shop.headers)
        deliver(shop, order(1, lines=[line(quantity=2, name="Hundred thousand")]))
        spend(shop, 2, 950)
        yield opened


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """Return one page for the module, 1000 pixels wide; each test opens its own document in it."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, color_scheme="light")
    yield context.new_page()
    context.close()


def widget(shared: SharedApp, **query: str) -> str:
    """Return the fragment of user 2."""
    response = shared.shop.client.get("/v1/widget", query_string={"user_id": 2} | query, headers=shared.shop.headers)
    assert response.status_code == 200
    return response.text


@pytest.mark.parametrize("theme", THEMES)
def test_theme_changes_nothing_with_and_without_a_shadow_root(shared: SharedApp, page: Page, theme: str) -> None:
    lang = "ar" if theme == "right to left" else "en"
    fragment = widget(shared, lang=lang)
    scheme = ":root{color-scheme:dark}" if theme == "dark" else ""

    visit(page, host_page(fragment, PLAIN + scheme, language=lang))
    expected = page.evaluate(APPEARANCE)
    asked = visit(page, host_page(fragment, THEMES[theme], language=lang))
    assert page.evaluate(HAS_SHADOW)
    attached = page.evaluate(APPEARANCE)
    page.evaluate(INSERT, fragment)
    assert not page.evaluate(HAS_SHADOW)
    inserted = page.evaluate(APPEARANCE)

    assert len(expected) > 30
    assert attached == expected
    assert inserted == expected
    assert asked == ["http://host.test/"]
    width = page.evaluate("document.querySelector('.token-bridge').getBoundingClientRect().width")
    assert width == 645


def test_card_follows_the_page_and_not_the_system(shared: SharedApp, browser: Browser) -> None:
    background = "getComputedStyle(document.querySelector('.token-bridge')).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(27, 29, 34)"
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    shown = {}
    for name, style, query in (
        ("page without a scheme", "", {}),
        ("light page", ":root{color-scheme:light}", {}),
        ("dark page", ":root{color-scheme:dark}", {}),
        ("page for both", ":root{color-scheme:light dark}", {}),
        ("dark in a light page", "", {"theme": "dark"}),
        ("light in a dark page", ":root{color-scheme:dark}", {"theme": "light"}),
    ):
        visit(page, host_page(widget(shared, **query), style))
        shown[name] = page.evaluate(background)
        page.evaluate(INSERT, widget(shared, **query))
        assert page.evaluate(background) == shown[name]
    context.close()

    assert shown == {
        "page without a scheme": light,
        "light page": light,
        "dark page": dark,
        "page for both": dark,
        "dark in a light page": dark,
        "light in a dark page": light,
    }


def test_strict_policy_of_the_page_allows_the_style_by_nonce_or_as_a_link(shared: SharedApp, page: Page) -> None:
    errors: list[str] = []
    note_console(page, errors)
    css = shared.shop.client.get("/widget/style.css")
    assert css.content_type == "text/css; charset=utf-8"
    assert css.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    visit(page, host_page(widget(shared), PLAIN))
    expected = page.evaluate(APPEARANCE)

    policy = f"default-src 'none'; style-src 'self' 'nonce-{NONCE}'"
    visit(page, host_page(widget(shared, nonce=NONCE), PLAIN, nonce=NONCE), policy=policy)
    by_nonce = page.evaluate(APPEARANCE)
    sheets = {"http://host.test/style.css": css.text}
    visit(page, host_page(widget(shared, stylesheet="/style.css"), PLAIN, nonce=NONCE), policy=policy, others=sheets)
    by_link = page.evaluate(APPEARANCE)
    assert errors == []
    visit(page, host_page(widget(shared), PLAIN, nonce=NONCE), policy=policy)
    blocked = page.evaluate(APPEARANCE)

    assert by_nonce == expected
    assert by_link == expected
    assert blocked != expected
    assert len(errors) >= 2


AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
VIOLATIONS = """() => axe.run('.token-bridge', {resultTypes: ['violations']}).then(found => found.violations.map(
  each => `${each.id}: ${each.nodes.slice(0, 2).map(node => node.html.slice(0, 120)).join(' | ')}`))"""
OVERFLOW = """() => {
  const root = document.querySelector('.token-bridge'), end = root.getBoundingClientRect().right + 1;
  return [...root.querySelectorAll('*')].filter(each => !each.closest('svg, template, style'))
    .filter(each => each.getBoundingClientRect().right > end).map(each => each.outerHTML.slice(0, 80)); }"""


@pytest.mark.parametrize("lang", ["en", "ar"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_widget_fits_every_width_and_has_no_violation(shared: SharedApp, page: Page, lang: str, theme: str) -> None:
    fluid = f":root{{color-scheme:{theme};background:{'#fff' if theme == 'light' else '#000'}}}body{{margin:8px}}"
    visit(page, host_page(widget(shared, lang=lang, title="Tokens", account_url="/account"), fluid, language=lang))
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    page.evaluate(AXE)
    found = []
    for width in (280, 380, 640, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width} {each}" for each in page.evaluate(OVERFLOW)]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found += page.evaluate(VIOLATIONS) if width in {280, 1280} else []
    page.set_viewport_size({"width": 1000, "height": 900})

    assert found == []


def test_details_open_by_keyboard_without_scripts(shared: SharedApp, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    visit(page, host_page(widget(shared), PLAIN))
    purchase = page.get_by_text("Order 1", exact=True)
    expect(purchase).to_be_hidden()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(purchase).to_be_visible()
    expect(page.locator(".token-bridge__balance")).to_have_text("199,050")
    context.close()


def test_page_chooses_accent_radius_font_and_width(shared: SharedApp, page: Page) -> None:
    own = """:root{--token-bridge-accent:#123456;--token-bridge-on-accent:#fedcba;--token-bridge-radius:3px;
        --token-bridge-font:monospace;--token-bridge-width:400px}"""
    visit(page, host_page(widget(shared), own))

    root = page.evaluate("""() => { const style = getComputedStyle(document.querySelector('.token-bridge'));
        return [style.borderTopLeftRadius, style.fontFamily, style.width] }""")
    button = page.evaluate("""() => { const style = getComputedStyle(document.querySelector('.token-bridge__buy'));
        return [style.backgroundColor, style.color] }""")
    assert root == ["3px", "monospace", "400px"]
    assert button == ["rgb(18, 52, 86)", "rgb(254, 220, 186)"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_any_accent_stays_readable(shared: SharedApp, page: Page, theme: str) -> None:
    for accent in ("#ffee00", "#000", "fff", "2d5bd7", "#777777"):
        visit(page, host_page(widget(shared, accent=accent, theme=theme), PLAIN))
        assert page.evaluate(CONTRAST_OF_BUTTON) >= 4.5, accent
        assert page.evaluate(CONTRAST_OF_LINK) >= 4.5, accent


_LUMINANCE = """const light = color => color.match(/[0-9.]+/g).slice(0, 3).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const ratio = (one, other) => { const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) };
  const style = name => getComputedStyle(document.querySelector(name));"""
CONTRAST_OF_BUTTON = f"""() => {{ {_LUMINANCE}
  return ratio(style('.token-bridge__buy').color, style('.token-bridge__buy').backgroundColor) }}"""
CONTRAST_OF_LINK = f"""() => {{ {_LUMINANCE}
  const link = document.createElement('a'); link.className = 'token-bridge__link';
  document.querySelector('.token-bridge').append(link);
  return ratio(getComputedStyle(link).color, style('.token-bridge').backgroundColor) }}"""
