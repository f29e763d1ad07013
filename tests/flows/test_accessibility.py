"""axe-core on every page of the console, the portal and the API reference, in light and dark, filled and empty."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from tests.factories import deliver, give, line, order, put_package, put_user, spend
from tests.support import portal
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = pytest.mark.xdist_group("browser")

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RUN = """([rules, areNew]) => areNew && !newLooks.length ? [] : axe.run(areNew ? {include: newLooks} : document, rules)
  .then(found => found.violations.map(
    each => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`))"""
FIND_NEW_LOOKS = """(known) => {
  const seen = new Set(known);
  const place = each => each ? `${each.tagName}.${each.getAttribute("class")}[${each.type || ""}]` : "";
  window.newLooks = [];
  for (const each of document.querySelectorAll("body, body *")) {
    const style = getComputedStyle(each);
    const look = [each, each.parentElement, each.parentElement?.parentElement].map(place);
    look.push(style.color, style.fontSize, style.fontWeight);
    for (let behind = each; behind; behind = behind.parentElement) {
      const {backgroundColor, backgroundImage, opacity} = getComputedStyle(behind);
      look.push(backgroundColor, backgroundImage, opacity);
    }
    const key = look.join();
    if (!seen.has(key)) { seen.add(key); window.newLooks.push(each); }
  }
  return [...seen];
}"""
"""Finds an element of each look that no page before had: its kind and place, its colors, all that is behind it."""
FEWER_REQUESTS = """() => document.querySelectorAll(
  ".api-section:nth-of-type(n+3):not(#error-codes), .api-call:nth-of-type(n+4)").forEach(each => each.remove())"""
"""Leaves three requests of the API reference: all are set from one template, and axe needs 14 s for 15,000 elements."""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
ONLY_CONTRAST = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
"""The rule whose result depends on the theme; axe spends most of its time on it."""
ALL_OTHERS = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}


SHAPE = """() => document.documentElement.outerHTML.replace(/value="[^"]{30,}"|nonce="[^"]*"|[0-9]+/g, "")"""
"""The page without what differs from one response to the next."""


class Checker:
    """Checks pages of one surface: each by all rules, and the contrast of each look once in light and once in dark."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._looks: dict[str, list[str]] = {"light": [], "dark": []}
        self.found: list[str] = []

    def open(self, url: str) -> None:
        """Open a page and check it."""
        self._page.goto(url)
        self.check()

    def check(self) -> None:
        """Check the page that is open."""
        page = self._page
        page.evaluate(AXE)
        self._run(ALL_OTHERS, are_new=False)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self._looks[scheme] = page.evaluate(FIND_NEW_LOOKS, self._looks[scheme])
            self._run(ONLY_CONTRAST, are_new=True)

    def _run(self, rules, *, are_new: bool) -> None:
        scheme = self._page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
        self.found += [f"{self._page.url} {scheme} {each}" for each in self._page.evaluate(RUN, [rules, are_new])]


def _pages(app) -> list[str]:
    """Return every page of the console that takes no more than the store, and the main ones of single records."""
    found = set()
    for rule in app.url_map.iter_rules():
        if str(rule).startswith("/admin") and "GET" in rule.methods and rule.arguments <= {"store"}:
            found.add(str(rule).replace("<store>", "shop"))
    found -= {path for path in found if path.endswith((".csv", ".zip", "/return")) or path in {"/admin", "/admin/shop"}}
    user = "/admin/shop/credits/2"
    more = [user, f"{user}/merge?q=grace", f"{user}/merge?from=3", f"{user}/erase"]
    return [*sorted(found), *more, "/admin/shop/credits?edit=2", "/admin/shop/exceptions?assign=2"]


def _fill(shop) -> None:
    """Give the store something of each kind."""
    put_package(shop, 10, 600)
    second = {"period": "monthly", "rules": {"user": 900}}
    limit = {"period": "daily", "rules": {"user": 100}, "second": second}
    shop.client.put("/v1/limits/chat", json=limit, headers=shop.headers)
    shop.client.put("/v1/operations/image", json={"module": "images", "tokens_per_unit": 40}, headers=shop.headers)
    deliver(shop, order(1, customer=2, lines=[line(quantity=2)]))
    give(shop, 2, 5_000)
    spend(shop, 2, 700)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_no_page_has_a_violation(app, shop, address: str, browser: Browser) -> None:
    """First where the store is nearly empty, then filled; a page that is the same in both is checked once."""
    add_owner(app)
    put_user(shop, 2, name="Ada", email="ada@example.test", roles=["customer"])
    put_user(shop, 3, name="Grace", email="grace@example.test")
    deliver(shop, order(2, customer=0, email="guest@example.test"))
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    checker = Checker(page)
    checker.open(f"{address}/admin")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("form[action*=sign-in] button")
    page.wait_for_url("**/credits")
    checked: set[str] = set()
    paths = _pages(app)
    for fill in (lambda _: None, _fill):
        fill(shop)
        for path in paths:
            page.goto(f"{address}{path}")
            shape = page.evaluate(SHAPE)
            if shape not in checked:
                checked.add(shape)
                checker.check()
    context.close()

    assert checker.found == []
    assert len(paths) < len(checked) < 2 * len(paths)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_api_reference_has_no_violation(shop, address: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/v1/docs")
    page.evaluate(FEWER_REQUESTS)

    checker = Checker(page)
    checker.check()

    context.close()
    assert checker.found == []


@pytest.mark.parametrize("engine", ["sqlite"])
def test_no_page_of_the_portal_has_a_violation(app, shop, address: str, browser: Browser) -> None:
    put_package(shop, 10, 600)
    deliver(shop, order(1, customer=2, lines=[line(quantity=2)]))
    spend(shop, 2, 700)
    paths = [
        portal.path_of(rule) for rule in portal.rules(app) if "GET" in rule.methods and "download" not in rule.endpoint
    ]
    body = {"url": "https://blog.example", "name": "Blog", "monthly_cap": 5}
    shop.client.post("/v1/users/2/sites", json=body, headers=shop.headers)
    found = []
    for lang, width in (("en", 1280), ("ar", 280)):
        context = browser.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        wanted = {"user": {"id": 2}, "for": "portal", "lang": lang}
        page.goto(address + portal.link(shop, **wanted).removeprefix(address))
        assert page.url == f"{address}/account"
        checker = Checker(page)
        for path in paths:
            checker.open(f"{address}{path}")
            found += [f"{path} is too wide at {width}"] if page.evaluate(TOO_WIDE) else []
        found += checker.found
        context.close()

    assert found == []
    assert len(paths) > 6
