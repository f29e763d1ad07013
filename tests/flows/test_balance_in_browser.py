"""The credits page with scripts: balances are changed and undone in the list, and purchases open over it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.factories import balance_of, deliver, give, order, put_package, put_user, spend
from tests.support.browser import note_console
from tests.support.bulk_files import run_job
from tests.support.pages import EMAIL, PASSWORD, add_owner

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.parametrize("engine", ["sqlite"])]


@pytest.fixture
def people(app, shop):
    add_owner(app)
    put_package(shop, 10, 600)
    for user_id in range(100, 140):
        put_user(shop, user_id, name=f"User {user_id}")
    give(shop, 110, 5000)
    deliver(shop, order(1, customer=110))
    return shop


@pytest.fixture
def page(address, browser, people):
    """Open the list, signed in, on a low screen; the console must stay empty."""
    context = browser.new_context(viewport={"width": 1280, "height": 500})
    context.set_default_timeout(15_000)
    page, messages = context.new_page(), []
    note_console(page, messages, expected="409")
    page.on("pageerror", lambda error: messages.append(str(error)))
    _enter(page, f"{address}/admin/shop/credits?sort=user&dir=asc")
    yield page
    context.close()
    assert messages == []


def _enter(page, address):
    page.goto(address)
    _sign_in(page)


def _sign_in(page):
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/credits**")


def _scroll(page):
    return page.evaluate("window.scrollY")


def test_balance_is_changed_and_undone_in_its_row(page, people):
    number = page.get_by_role("link", name="change the balance of user 110")
    number.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('[data-balance=\"5600\"]').scrollIntoView({block: 'center'})")
    scroll, address = _scroll(page), page.url
    number.click()
    field = page.get_by_role("textbox", name="Tokens", exact=True)
    expect(field).to_be_focused()
    page.keyboard.type("7000")
    expect(page.locator("#edit-now")).to_have_text("now 5,600 → 7,000")
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(number).to_be_focused()
    assert balance_of(people, 110) == 5600

    edit = page.get_by_role("link", name="Edit the balance of user 110")
    edit.press("Enter")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(edit).to_be_focused()

    number.press("Enter")
    expect(field).to_be_focused()
    page.keyboard.type("7000")
    page.keyboard.press("Enter")
    expect(number).to_have_text("7,000")
    expect(number).to_be_focused()
    expect(page.locator("tr.is-changed .tag")).to_have_text("✓ changed")
    assert balance_of(people, 110) == 7000
    assert abs(_scroll(page) - scroll) < 5
    assert page.url == address

    page.get_by_role("button", name="Undo the change of user 110").click()
    expect(number).to_have_text("5,600")
    expect(page.locator("tr.is-changed .tag")).to_have_text("✓ undone")
    assert balance_of(people, 110) == 5600


def test_conflict_shows_both_balances_and_keeps_what_was_typed(page, people):
    page.get_by_role("link", name="change the balance of user 110").click()
    page.locator("#edit-mode").select_option("add")
    page.get_by_role("textbox", name="Tokens", exact=True).fill("400")
    spend(people, 110, 100)
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("it was 5,600 and is 5,500 now")
    expect(page.get_by_role("textbox", name="Tokens", exact=True)).to_have_value("400")
    expect(page.get_by_role("textbox", name="Tokens", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="change the balance of user 110")).to_have_text("5,900")
    assert balance_of(people, 110) == 5900


def test_typed_value_survives_a_session_that_expires_in_the_row(page, people, database):
    page.get_by_role("link", name="change the balance of user 110").click()
    page.get_by_role("textbox", name="Tokens", exact=True).fill("6543")
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from admin_sessions")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin?next=**")
    _sign_in(page)

    expect(page.get_by_role("textbox", name="Tokens", exact=True)).to_have_value("6543")
    page.get_by_role("button", name="Save balance").click()
    expect(page.get_by_role("link", name="change the balance of user 110")).to_have_text("6,543")


def test_purchases_open_over_the_list_and_give_the_focus_back(page, people):
    icon = page.get_by_role("link", name="Purchases of user 110")
    icon.click()
    dialog = page.get_by_role("dialog", name="Purchases of User 110")
    expect(dialog.get_by_role("cell", name="600").first).to_be_visible()
    for _ in range(6):
        page.keyboard.press("Tab")
        inside = page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
        assert inside
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(icon).to_be_focused()


def test_purchases_and_undo_work_without_script(address, context, people):
    page = context.new_page()
    _enter(page, f"{address}/admin/shop/credits")
    page.get_by_role("link", name="Purchases of user 110").click()
    expect(page.get_by_role("heading", name="Purchases of User 110")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="change the balance of user 110").click()
    page.locator("#edit-mode").select_option("subtract")
    page.get_by_role("textbox", name="Tokens", exact=True).fill("600")
    page.get_by_role("button", name="Save balance").click()
    expect(page.get_by_role("status").first).to_have_text("The balance of user 110 changed from 5,600 to 5,000 tokens.")
    page.get_by_role("button", name="Undo the change of user 110").click()
    expect(page.get_by_role("status").first).to_have_text("The change was undone: the balance is now 5,600.")
    assert balance_of(people, 110) == 5600


@pytest.mark.parametrize("has_script", [True, False])
def test_file_with_a_bad_row_is_previewed_and_applied(address, browser, people, database, has_script):
    context = browser.new_context(java_script_enabled=has_script, viewport={"width": 380, "height": 800})
    page = context.new_page()
    _enter(page, f"{address}/admin/shop/credits/bulk")
    text = b"user_id,tokens,reason\n110,400,Bonus\nabc,5,\n"
    page.get_by_label("CSV file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": text})
    page.get_by_role("button", name="Show preview").click()
    expect(page.get_by_text("1 row has an error")).to_be_visible()
    assert balance_of(people, 110) == 5600
    if has_script:
        assert page.evaluate("document.documentElement.scrollWidth") <= 380
    with database.transaction() as connection:
        # As with more rows than are applied at once: the job applies the others.
        connection.exec_driver_sql("update bulk_changes set state = 'running'")
    page.reload()
    expect(page.get_by_role("progressbar", name="Rows processed")).to_be_visible()
    run_job(database)
    if not has_script:
        page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text("1 of 2 rows applied, 1 failed")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert balance_of(people, 110) == 6000
    context.close()
