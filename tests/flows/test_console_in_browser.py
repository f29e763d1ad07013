"""The console in a real browser, each flow with and without scripts: lists, conflicts, keys, deliveries, assigning."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from tests.factories import balance_of, deliver, give, order, put_package, put_user, spend
from tests.support.browser import note_console
from tests.support.pages import EMAIL, PASSWORD, add_owner
from tests.support.shared_app import SharedApp, open_shared_app

pytestmark = pytest.mark.xdist_group("browser")

USERS = 31
"""A prime, so that multiples of the user IDs are different values in another order."""
NUMBERS, PERSONS = itertools.count(600), itertools.count(20)


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[SharedApp]:
    """Return a service with users of which no two are equal in any column."""
    with open_shared_app("sqlite", request, "console_in_browser") as opened:
        shop = opened.shop
        add_owner(opened.app)
        put_package(shop, 10, 600)
        for user_id in range(1, USERS + 1):
            profile = {"name": f"Person {user_id * 7 % USERS:02}", "email": f"e{user_id * 11 % USERS:02}@example.test"}
            put_user(shop, user_id, **profile, roles=[f"role_{user_id * 13 % USERS:02}"])
            give(shop, user_id, 1000 + user_id * 17 % USERS)
            spend(shop, user_id, 1 + user_id * 19 % USERS)
        yield opened


@pytest.fixture(scope="module")
def address(shared: SharedApp) -> Iterator[str]:
    """Return the address where the service answers the browser."""
    server = make_server("127.0.0.1", 0, shared.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module", params=[True, False], ids=["script", "no script"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """Return one page for the module, signed in; its console must stay empty."""
    context = browser.new_context(java_script_enabled=request.param, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    page, messages = context.new_page(), list[str]()
    note_console(page, messages, expected="409")
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(f"{address}/admin/shop/credits")
    sign_in(page)
    yield page
    context.close()
    assert messages == []


def sign_in(page: Page) -> None:
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/shop/**")


def shown(page: Page) -> list[int]:
    # Asked once for all rows: a question for each takes longer than the page.
    return page.locator("tr.user").evaluate_all("rows => rows.map(row => Number(row.dataset.user))")


def sorted_by(page: Page) -> tuple[str, str]:
    """Return the column that the list is sorted by, and the direction."""
    heads = page.locator("th[aria-sort=ascending], th[aria-sort=descending]")
    return heads.inner_text().strip(" ↑↓\n"), heads.get_attribute("aria-sort") or ""


@pytest.mark.parametrize("column", ["User", "Balance", "Used, 30 days", "Purchased", "Last activity"])
def test_every_column_sorts_over_pages_in_both_directions(page: Page, address: str, column: str) -> None:
    page.goto(f"{address}/admin/shop/credits?size=25&sort=email")
    found = {}
    for _ in range(2):
        before = page.url
        page.get_by_role("columnheader", name=column).get_by_role("link").click()
        page.wait_for_url(lambda url, before=before: url != before)
        name, direction = sorted_by(page)
        assert name == column
        first = shown(page)
        page.get_by_role("link", name="Next", exact=True).click()
        page.get_by_role("link", name="Previous", exact=True).wait_for()
        found[direction] = first + shown(page)

    assert len(set(found["ascending"])) == USERS
    assert found["ascending"] == found["descending"][::-1]
    if column == "User":
        assert found["ascending"] == sorted(range(1, USERS + 1), key=lambda user_id: user_id * 7 % USERS)


def test_search_and_filters_narrow_the_list_together(page: Page, address: str) -> None:
    page.goto(f"{address}/admin/shop/credits")
    page.get_by_role("searchbox", name="Search").fill("PERSON 07")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**q=PERSON**")
    expect(page.locator("tr.user")).to_have_count(1)
    expect(page.locator("tr.user")).to_have_attribute("data-user", "1")
    page.get_by_role("link", name="Has tokens", exact=True).click()
    page.wait_for_url("**filter=has_balance**")
    expect(page.locator("tr.user")).to_have_count(1)
    expect(page.locator("tr.user")).to_have_attribute("data-user", "1")
    page.get_by_role("link", name="In debt", exact=True).click()
    expect(page.get_by_role("heading", name="No users found")).to_be_visible()
    page.get_by_role("link", name="Show all users").click()
    expect(page.locator("tr.user")).to_have_count(USERS)


def test_conflict_with_a_spend_in_between_shows_both_balances(page: Page, address: str, shared: SharedApp) -> None:
    page.goto(f"{address}/admin/shop/credits")
    before = balance_of(shared.shop, 9)
    page.get_by_role("link", name="change the balance of user 9", exact=False).first.click()
    page.locator("#edit-mode").select_option("add")
    page.get_by_role("textbox", name="Tokens", exact=True).fill("400")
    spend(shared.shop, 9, 100)
    page.get_by_role("button", name="Save balance").click()

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(f"it was {before:,} and is {before - 100:,} now")
    expect(page.get_by_role("textbox", name="Tokens", exact=True)).to_have_value("400")
    page.get_by_role("button", name="Save balance").click()
    expect(page.get_by_role("link", name="change the balance of user 9", exact=False).first).to_have_text(
        f"{before + 300:,}"
    )
    assert balance_of(shared.shop, 9) == before + 300


def test_typed_value_survives_the_end_of_the_session(page: Page, address: str, shared: SharedApp) -> None:
    page.goto(f"{address}/admin/shop/credits")
    page.get_by_role("link", name="change the balance of user 12", exact=False).first.click()
    page.get_by_role("textbox", name="Tokens", exact=True).fill("6543")
    with shared.database.transaction() as connection:
        connection.exec_driver_sql("delete from admin_sessions")
    page.get_by_role("button", name="Save balance").click()
    page.wait_for_url("**/admin?next=**")
    sign_in(page)

    expect(page.get_by_role("textbox", name="Tokens", exact=True)).to_have_value("6543")
    page.get_by_role("button", name="Cancel").or_(page.get_by_role("link", name="Cancel")).click()
    assert balance_of(shared.shop, 12) != 6543


def test_access_key_has_a_name_that_the_ledger_shows(page: Page, address: str, shared: SharedApp) -> None:
    page.goto(f"{address}/admin/shop/settings/keys")
    name = f"Chat plugin {next(NUMBERS)}"
    page.get_by_label("Name of a new key").fill(name)
    page.get_by_role("button", name="Create access key").click()
    key = page.get_by_role("region", name="New access key").locator("code").inner_text()
    with_key = {"Authorization": f"Bearer {key}", "Idempotency-Key": key[-12:]}
    body = {"user": {"id": 15}, "module": "chat", "tokens": 3}
    assert shared.app.test_client().post("/v1/spends", json=body, headers=with_key).status_code == 201

    page.goto(f"{address}/admin/shop/credits/15")
    newest = page.get_by_role("region", name="Table of ledger entries").locator("tbody tr").first
    expect(newest).to_contain_text(name)
    expect(newest).to_contain_text("−3")


def test_delivery_is_processed_again(page: Page, address: str, shared: SharedApp) -> None:
    number = next(NUMBERS)
    deliver(shared.shop, order(number, customer=18))
    before = balance_of(shared.shop, 18)
    page.goto(f"{address}/admin/shop/deliveries?order={number}")
    page.locator("tbody tr").first.get_by_role("link").first.click()
    page.get_by_role("button", name="Process again").click()

    expect(page.get_by_role("status").first).to_contain_text("The delivery was processed again")
    expect(page.locator("dt", has_text="Attempts").locator("xpath=following-sibling::dd")).to_contain_text("2")
    assert balance_of(shared.shop, 18) == before


def test_order_of_a_guest_is_assigned_by_email(page: Page, address: str, shared: SharedApp) -> None:
    number, person = next(NUMBERS), next(PERSONS)
    deliver(shared.shop, order(number, customer=0, email=f"guest{number}@example.test"))
    before = balance_of(shared.shop, person)
    page.goto(f"{address}/admin/shop/exceptions")
    page.get_by_role("link", name=f"Assign order {number} to a user").click()
    page.get_by_label("User name, email or ID").fill(f"e{person * 11 % USERS:02}@example")
    page.get_by_role("button", name=f"Assign order {number}").click()
    page.get_by_role("button", name=f"Assign order {number} to user {person}").click()

    expect(page.get_by_role("status").first).to_contain_text("600 tokens")
    assert balance_of(shared.shop, person) == before + 600


def test_box_of_a_user_lies_beside_the_name_on_every_screen(page: Page, address: str) -> None:
    boxes = """() => [...document.querySelectorAll("tr.user")].slice(0, 3).map(row => {
      const box = row.querySelector(".pick").getBoundingClientRect();
      const name = row.querySelector(".user__name").getBoundingClientRect();
      return box.right <= name.left && box.left >= row.getBoundingClientRect().left;
    })"""
    page.goto(f"{address}/admin/shop/credits")
    for width in (1280, 760, 380):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(boxes) == [True, True, True], width
    page.set_viewport_size({"width": 1280, "height": 800})
