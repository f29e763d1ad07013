"""axe-core on every page of the console, the portal and the API reference, in light and dark, filled and empty."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.factories import deliver, give, line, order, put_package, put_user, spend
from tests.support import portal
from tests.support.axe import TOO_WIDE, Checker
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = pytest.mark.xdist_group("browser")

FEWER_REQUESTS = """() => document.querySelectorAll(
  ".api-section:nth-of-type(n+3):not(#error-codes), .api-call:nth-of-type(n+4)").forEach(each => each.remove())"""
"""Leaves three requests of the API reference: all are set from one template, and axe needs 14 s for 15,000 elements."""
SHAPE = """() => document.documentElement.outerHTML.replace(/value="[^"]{30,}"|nonce="[^"]*"|[0-9]+/g, "")"""
"""The page without what differs from one response to the next."""


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
