"""Connecting a shop in a real browser: to the shop and back, review items, and pages on every screen size."""

from __future__ import annotations

import logging
import re

import pytest
from playwright.sync_api import expect

from fakeshop.webhooks.http_client import send_over_http
from tests import factories
from tests.support.browser import note_console
from tests.support.connected_shop import open_connected_shop
from tests.support.connecting import send_code
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),
]


@pytest.fixture
def connected_shop(app, address, caplog):
    """Return a shop that delivers over HTTP, an admin, and no store yet."""
    caplog.set_level(logging.CRITICAL)
    add_owner(app)
    with open_connected_shop(app) as connected_shop:
        connected_shop.shop.send = send_over_http
        yield connected_shop


def sign_in(page, address):
    page.goto(f"{address}/admin")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/admin/(connect|shop/credits)$"))


def test_shop_is_connected_without_script(connected_shop, address, context):
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, address)

    page.get_by_label("Shop address").fill(connected_shop.served.url)
    page.get_by_label("Name", exact=False).first.fill("Our shop")
    page.get_by_role("button", name="Continue in the shop").click()
    page.get_by_role("link", name="Continue to the shop").click()
    page.wait_for_url(f"{connected_shop.served.url}/wc-auth/v1/authorize*")
    page.get_by_role("link", name="Approve").click()
    page.wait_for_url(f"{address}/admin/shop/connection")
    expect(page.get_by_role("status")).to_have_text("The shop’s keys have arrived.")
    for button in ("Check now", "Install webhooks", "Import products", "Start from today"):
        page.get_by_role("button", name=button).first.click()
        page.get_by_role("status").wait_for()
    page.get_by_role("link", name="Access keys").first.click()
    page.get_by_label("Name of a new key").fill("The site")
    page.get_by_role("button", name="Create access key").click()
    expect(page.get_by_text(re.compile(r"^tb_[\w-]{40,}$"))).to_have_count(1)
    connected_shop.later(60)
    order = connected_shop.shop.place_order(0, [(10, 1)], status="completed", email="guest@example.test").id
    assert {sent.status for sent in connected_shop.shop.run_queue()} == {200}
    page.goto(f"{address}/admin/shop/connection")
    expect(page.locator(".progress")).to_have_text("7 of 7 done")
    expect(page.locator(".step--done")).to_have_count(7)
    expect(page.get_by_text("No problems. Last checked")).to_have_count(1)
    expect(page.get_by_role("region", name="Next step").get_by_role("link")).to_have_count(3)

    page.get_by_role("link", name=re.compile("Exceptions")).click()
    page.wait_for_url("**/exceptions")
    expect(page.locator("[aria-current=page]")).to_have_text(re.compile(r"^\s*Exceptions\s+open:\s+1\s*$"))
    page.get_by_role("link", name=f"Assign order {order} to a user").click()
    page.get_by_role("textbox", name="User").fill("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("There is no user 2 yet.")
    connected_shop.shop.save_user(2)
    connected_shop.shop.run_queue()
    page.get_by_role("button", name=f"Assign order {order}").click()
    expect(page.get_by_role("status")).to_contain_text("100,000 tokens were granted")
    assert connected_shop.balances() == {2: 100_000}
    answer_by_keyboard(connected_shop, page)
    assert "consumer" not in "".join(asked)


def answer_by_keyboard(connected_shop, page):
    """Two lines of deleted products and a refund of no line are answered without a mouse."""
    connected_shop.shop.add_product("Old mug", "1.00", sku="OLD-MUG", number=900)
    connected_shop.shop.add_product("Old pack", "9.00", sku="OLD-PACK", number=901)
    order = connected_shop.shop.place_order(2, [(900, 1), (901, 2)], status="completed").id
    loose = connected_shop.shop.place_order(2, [(11, 1)], status="completed").id
    for product in (900, 901):
        connected_shop.shop.delete_product(product)
    connected_shop.shop.refund_amount(loose, "5.00")
    connected_shop.shop.run_queue()
    before = connected_shop.balances()[2]
    page.reload()

    page.get_by_role("link", name=f"Set tokens of order {order}").press("Enter")
    mug = page.get_by_role("textbox", name="Old mug 1 sold")
    expect(mug).to_be_focused()
    page.keyboard.type("none")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Enter how many tokens one unit grants")
    expect(mug).to_have_value("none")
    expect(mug).to_have_attribute("aria-invalid", "true")
    mug.fill("0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("no tokens moved")
    expect(page.get_by_role("textbox", name="Old pack 2 sold")).to_be_focused()
    page.keyboard.type("7,000")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Save")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("14,000 tokens were granted").wait_for()
    page.get_by_role("button", name=f"Mark as reviewed: refunds of order {loose}").press("Enter")
    page.get_by_role("status").get_by_text("were marked as reviewed: no tokens moved").wait_for()
    expect(page.get_by_role("heading", name="All clear")).to_have_count(1)
    assert connected_shop.balances()[2] == before + 14_000


def make_code(page, address):
    """Create a connect code by the keyboard alone; return it."""
    page.goto(f"{address}/admin/connect/wordpress")
    page.get_by_role("button", name="Create code").press("Enter")
    return page.get_by_label("Connect code").input_value()


def test_a_wordpress_site_is_connected_and_the_page_goes_on_by_itself(app, connected_shop, address, browser):
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, address)
    code = make_code(page, address)
    assert code.startswith(f"{address}#")
    page.get_by_text("Waiting for the site").wait_for()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name=re.compile("Copied|Ctrl")).wait_for()

    assert send_code(app, code, url=connected_shop.served.url).status_code == 201

    page.wait_for_url(re.compile(r"/admin/[\w-]+/connection$"))
    expect(page.get_by_role("status")).to_contain_text("The WordPress site is connected")
    context.close()


def test_a_wordpress_site_is_connected_without_script(app, connected_shop, address, context):
    page = context.new_page()
    sign_in(page, address)
    code = make_code(page, address)
    page.get_by_role("link", name="Check whether it is connected").click()
    expect(page.get_by_role("status")).to_contain_text("No site has used the code yet")

    assert send_code(app, code, url=connected_shop.served.url).status_code == 201

    page.get_by_role("link", name="Check again").click()
    page.wait_for_url(re.compile(r"/admin/[\w-]+/connection$"))
    with page.expect_download() as download:
        page.goto(f"{address}/admin/connect/wordpress")
        page.get_by_role("link", name="Download plugin").click()
    assert download.value.suggested_filename == "token-bridge.zip"


def test_pages_fit_every_screen_and_can_be_read(connected_shop, address, browser):
    connected_shop.connect(history="ask", permissions="read").watch()
    factories.put_package(connected_shop, 10, 1000)
    for number in (1, 2**52):
        name = {"first_name": "Long" * 40, "last_name": "", "email": f"{'x' * 200}@example.test"}
        factories.deliver(connected_shop, factories.order(number, customer=0, total="123456789.00") | {"billing": name})
    long = [factories.line(1, 0, name="Old" * 60) | {"sku": "S" * 90}, factories.line(2, 0, 2**40, name="Mug")]
    factories.deliver(connected_shop, factories.order(3, lines=long))
    factories.deliver(connected_shop, factories.order(4, total="123456789.00", refunds=["-12345678.00"]))
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    messages: list[str] = []
    note_console(page, messages)
    sign_in(page, address)

    for path in (
        "connect",
        "connect/wordpress",
        "stores",
        "shop/connection",
        "shop/exceptions?assign=1",
        "shop/exceptions?amounts=3",
    ):
        page.goto(f"{address}/admin/{path}")
        for width in (1280, 760, 380):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert [found for found in page.evaluate(_CONTRASTS) if found["ratio"] < 4.5] == [], (path, scheme)
        for line in page.locator("body").aria_snapshot().splitlines():
            role = line.strip().removeprefix("- ").split(" ")[0].rstrip(":")
            if role in {"link", "button", "textbox", "combobox", "navigation", "region"}:
                assert '"' in line, line
        expect(page.locator("h1")).to_have_count(1)
    context.close()
    assert messages == []


# The contrast of every text with its background.
_CONTRASTS = """() => {
  const rgb = text => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const light = colour => rgb(colour).map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const own = each => [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll('body *')].filter(own).filter(each => each.offsetParent).map(each => {
    let behind = each;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const back = behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)';
    const [a, b] = [light(getComputedStyle(each).color), light(back)].sort((x, y) => y - x);
    return {text: each.innerText.slice(0, 40), ratio: (a + 0.05) / (b + 0.05)};
  });
}"""
