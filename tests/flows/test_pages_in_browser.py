"""The user-facing pages in a real browser: without scripts, by keyboard, on a narrow screen, in dark mode."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.factories import balance_of, deliver, give, line, order, put_package, put_user, spend
from tests.support.browser import note_console
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def people(app, shop):
    """Return an admin, and users with names of every length."""
    add_owner(app)
    put_package(shop, 10, 2**50)
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 1000}}, headers=shop.headers)
    put_user(shop, 2, name="Ada", email="ada@example.test", roles=["customer"])
    put_user(shop, 3, name="Long " * 39, email=f"{'long' * 60}@example.test", roles=["shop_manager"] * 9)
    put_user(shop, 2**53 - 1, name="x" * 200)
    deliver(shop, order(1, customer=3, lines=[line(quantity=7, name="Package " * 20)]))
    give(shop, 2, 5000)
    spend(shop, 3, 12_345_678)
    return shop


def _press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until this has the focus, as without a mouse."""
    for _ in range(60):
        if page.locator(f"{selector}:focus").count():
            return
        _press(page, "Tab")
    raise AssertionError(f"the Tab key never reaches {selector}")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_balance_is_edited_without_script_and_without_a_mouse(address, context, people, engine):
    page = context.new_page()
    page.goto(f"{address}/admin/shop/credits")
    page.locator("#email:focus").wait_for()
    page.keyboard.type(EMAIL)
    _press(page, "Tab")
    page.keyboard.type(PASSWORD)
    _press(page, "Enter")
    page.wait_for_url("**/admin/shop/credits")

    _tab_to(page, "#q")
    page.keyboard.type("ada@")
    _press(page, "Enter")
    page.wait_for_url("**q=ada*")
    _tab_to(page, "[aria-label='Edit the balance of user 2']")
    _press(page, "Enter")
    page.wait_for_url("**edit=2*")
    page.locator("#edit-balance:focus").wait_for()
    _press(page, "Control+A")
    page.keyboard.type("4321")
    _press(page, "Tab")
    page.keyboard.type("Counted again")
    _press(page, "Enter")
    page.wait_for_url("**changed=2*")

    expect(page.get_by_role("status").first).to_have_text("The balance of user 2 changed from 5,000 to 4,321 tokens.")
    expect(page.locator("tr.is-changed")).to_contain_text("changed")
    assert balance_of(people, 2) == 4321


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_every_screen_and_break_no_rule_of_their_own(address, browser, people, engine, scheme):
    """With scripts on, so that the browser can be queried; the console reports violations of the content policy."""
    context = browser.new_context(viewport={"width": 380, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    messages: list[str] = []
    note_console(page, messages)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/admin")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/credits")

    credits = ("credits", "credits?edit=3", "credits?q=long", "credits?q=zzz", "credits/3", f"credits/{2**53 - 1}")
    for path in (*credits, "packages", "exceptions"):
        page.goto(f"{address}/admin/shop/{path}")
        for width in (1280, 760, 380):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == {
            "light": "rgb(246, 246, 243)",
            "dark": "rgb(19, 20, 24)",
        }.get(scheme)

    context.close()
    assert messages == []
    assert {url.split("/")[2] for url in asked} == {address.split("/")[2]}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_every_control_has_a_name(address, context, people, engine):
    page = context.new_page()
    page.goto(f"{address}/admin")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/credits")

    page.goto(f"{address}/admin/shop/credits?edit=2")
    tree = page.locator("body").aria_snapshot()

    for line_ in tree.splitlines():
        text = line_.strip().removeprefix("- ")
        role = text.split(" ")[0].rstrip(":")
        if role in {"link", "button", "textbox", "searchbox", "meter", "navigation", "region", "table"}:
            assert '"' in text or role == "table", text
    expect(page.get_by_role("textbox", name="Tokens", exact=True)).to_have_value("5,000")
    expect(page.get_by_role("textbox", name="Reason")).to_have_count(2)
    expect(page.get_by_role("columnheader", name="Balance")).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search")).to_have_count(1)
    expect(page.locator("h1")).to_have_count(1)


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_widget_reads_well_on_a_foreign_page(app, browser, people, engine, scheme):
    """A theme that styles every element it can name, on a background of its own."""
    fragment = people.client.get("/v1/widget?user_id=3&lang=de", headers=people.headers).text
    theme = """<style>body{background:#7a0;color:#7a0;font:40px serif} p,summary,a,span{color:#7a0;margin:99px;
      text-transform:uppercase} svg{display:none;height:300px} details{border:20px solid}</style>"""
    context = browser.new_context(viewport={"width": 380, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(f"<!doctype html>{theme}<p id=outside>Outside</p><div>{fragment}</div>")

    ratios = page.evaluate(_CONTRASTS)
    assert [ratio for ratio in ratios if ratio["ratio"] < 4.5] == []
    assert len(ratios) > 15
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert page.evaluate("getComputedStyle(document.querySelector('#outside')).fontSize") == "40px"
    meter = page.get_by_role("meter", name="Chat")
    assert 5 <= meter.bounding_box()["height"] <= 10
    expect(page.get_by_text("Bestellung 1")).to_be_hidden()
    page.get_by_text("Käufe").click()
    expect(page.get_by_text("Bestellung 1")).to_be_visible()
    assert asked == []
    context.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_arabic_widget_runs_from_right_to_left(app, browser, people, engine):
    """Also on a page that runs from left to right, and on a phone."""
    put_user(people, 4)
    assert spend(people, 4, 250).status_code == 201
    fragment = people.client.get("/v1/widget?user_id=4&lang=ar", headers=people.headers).text
    context = browser.new_context(viewport={"width": 320, "height": 800})
    page = context.new_page()
    page.set_content(f"<!doctype html><p>Outside</p><div>{fragment}</div>")

    def box(part):
        return page.locator(f".token-bridge__{part}").first.bounding_box()

    label, state, track, fill = box("label"), box("state"), box("track"), box("fill")
    assert label["x"] > state["x"] + state["width"]
    assert track["width"] / 5 < fill["width"] < track["width"] / 2
    assert abs((fill["x"] + fill["width"]) - (track["x"] + track["width"])) < 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("getComputedStyle(document.querySelector('body > p')).direction") == "ltr"
    context.close()


# The contrast of every text in the widget with the card behind it.
_CONTRASTS = """() => {
  const rgb = text => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = colour => rgb(colour).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const root = document.querySelector('.token-bridge');
  return [...root.querySelectorAll('p, span, a, summary, time')].filter(each => each.innerText.trim()).map(each => {
    const style = getComputedStyle(each);
    let behind = each;
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const [a, b] = [light(style.color), light(getComputedStyle(behind).backgroundColor)].sort((x, y) => y - x);
    return {text: each.innerText, ratio: (a + 0.05) / (b + 0.05)};
  });
}"""
