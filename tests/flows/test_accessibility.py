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
RUN = """(rules) => axe.run(document, rules).then(found => found.violations.map(
  each => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`))"""
FEWER_REQUESTS = """() => document.querySelectorAll(
  ".api-section:nth-of-type(n+3):not(#error-codes), .api-call:nth-of-type(n+4)").forEach(each => each.remove())"""
"""Leaves three requests of the API reference: all are set from one template, and axe needs 14 s for 15,000 elements."""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
ALL_RULES = {"resultTypes": ["violations"]}
ONLY_CONTRAST = {"runOnly": ["color-contrast"], **ALL_RULES}
"""The rules whose result depends on the theme."""


def _violations(page: Page, url: str) -> list[str]:
    """Return what axe finds on a page: by all rules when it is light, and in the colors when it is dark."""
    found = []
    page.emulate_media(color_scheme="light")
    page.goto(url)
    page.evaluate(FEWER_REQUESTS)
    page.evaluate(AXE)
    for scheme, rules in (("light", ALL_RULES), ("dark", ONLY_CONTRAST)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"{page.url} {scheme} {each}" for each in page.evaluate(RUN, rules)]
    return found


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


@pytest.fixture(params=["empty", "filled"])
def console(request, app, shop):
    """Return the paths of the pages, with a store that has nothing, or something of each kind."""
    add_owner(app)
    put_user(shop, 2, name="Ada", email="ada@example.test", roles=["customer"])
    put_user(shop, 3, name="Grace", email="grace@example.test")
    if request.param == "filled":
        put_package(shop, 10, 600)
        second = {"period": "monthly", "rules": {"user": 900}}
        limit = {"period": "daily", "rules": {"user": 100}, "second": second}
        shop.client.put("/v1/limits/chat", json=limit, headers=shop.headers)
        shop.client.put("/v1/operations/image", json={"module": "images", "tokens_per_unit": 40}, headers=shop.headers)
        deliver(shop, order(1, customer=2, lines=[line(quantity=2)]))
        give(shop, 2, 5_000)
        spend(shop, 2, 700)
    deliver(shop, order(2, customer=0, email="guest@example.test"))
    return _pages(app)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_no_page_has_a_violation(address: str, browser: Browser, console: list[str]) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    found = _violations(page, f"{address}/v1/docs")
    found += _violations(page, f"{address}/admin")
    page.fill("#email", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("form[action*=sign-in] button")
    page.wait_for_url("**/credits")
    for path in console:
        found += _violations(page, f"{address}{path}")
    context.close()

    assert found == []


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
        for path in paths:
            found += _violations(page, f"{address}{path}")
            found += [f"{path} is too wide at {width}"] if page.evaluate(TOO_WIDE) else []
        context.close()

    assert found == []
    assert len(paths) > 6
