"""The connection page: each step turns green by real events, each problem has its sentence and its button."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest

from bridge.domain.shop.subscriptions import TOPICS
from bridge.storage.shop import sync_state
from fakeshop.rest.api import Rest
from fakeshop.rest.faults import Kind
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import SECRET, open_connected_shop
from tests.support.pages import read, send, sign_in

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
PAGE = "/admin/shop/connection"
STEPS = ("API keys", "The shop answers", "Webhooks", "Packages", "Past orders", "First delivery", "Access key")


@pytest.fixture
def connected_shop(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        yield connected_shop


@pytest.fixture
def admin(connected_shop):
    return sign_in(connected_shop.app)


def states(client):
    """Return the state of each step."""
    found = re.findall(r'<li class="step step--(\w+)">.*?<h2>(.*?) <span', client.get(PAGE).text, re.DOTALL)
    assert tuple(title for _, title in found) == STEPS
    return {title: state for state, title in found}


def press(client, part, **fields):
    """Press the first button of an action and return the page that follows."""
    answer = send(client, read(client.get(PAGE)).form(f"connection/{part}"), **fields)
    assert (answer.status_code, answer.location) == (303, PAGE)
    return client.get(answer.location)


def test_checklist_turns_green_step_by_step(connected_shop, admin):
    connected_shop.connect(history="ask")
    assert states(admin) == {
        "API keys": "done",
        "The shop answers": "open",
        "Webhooks": "open",
        "Packages": "open",
        "Past orders": "open",
        "First delivery": "waiting",
        "Access key": "done",
    }

    installed = press(admin, "webhooks")
    assert "All webhooks are installed; 10 changes were made in the shop." in installed.text
    assert sorted(hook.topic for hook in connected_shop.shop.webhooks.values()) == sorted(TOPICS)
    assert {hook.secret for hook in connected_shop.shop.webhooks.values()} == {SECRET}
    assert (states(admin)["The shop answers"], states(admin)["Webhooks"]) == ("done", "done")
    assert "The shop’s test request, which is not signed, arrived on" in installed.text
    assert states(admin)["First delivery"] == "waiting", "the ping proves little"
    assert "6 packages among 6 products were read." in press(admin, "packages").text
    assert "are not granted" in press(admin, "history", answer="skip").text
    connected_shop.sell()
    connected_shop.shop.run_queue()
    assert set(states(admin).values()) == {"done"}
    assert "7 of 7 done" in admin.get(PAGE).text
    assert SECRET not in admin.get(PAGE).text
    assert connected_shop.balances() == {2: 100_000}


@one_engine
def test_look_repairs_what_can_be_repaired_and_says_what_is_left(connected_shop, admin):
    connected_shop.connect(history="skip").listen()
    next(iter(connected_shop.shop.webhooks.values())).status = "disabled"

    looked = press(admin, "look")

    assert "The shop was checked. Repaired: 1." in looked.text
    assert any(
        found.startswith("No product of the shop grants tokens yet; set the tokens of each package")
        for found in _faults(looked)
    )
    assert not any("flask" in found for found in _faults(looked))
    assert {hook.status for hook in connected_shop.shop.webhooks.values()} == {"active"}
    connected_shop.served.faults.add(Kind.ERROR_PAGE, times=None)
    broken = press(admin, "look")
    (found,) = [fault for fault in _faults(broken) if "The shop cannot be read" in fault]
    assert "the shop answered HTTP 500 text/html: a PHP error in the shop" in found
    assert "keys" not in found
    assert states(admin)["The shop answers"] == "wrong"
    assert re.search(r"Problems <span class=\"muted\">since <time", broken.text)
    for part in ("webhooks", "packages"):
        (alert,) = read(press(admin, part)).alerts
        assert alert.startswith("The action failed: the shop answered HTTP 500")
    connected_shop.served.faults.clear()
    assert "The shop cannot be read" not in press(admin, "look").text
    assert "flask" not in broken.text


def _faults(page):
    return [fault[:1].upper() + fault[1:] for fault in re.findall(r'<p class="sentence wide">(.*?)</p>', page.text)]


@one_engine
def test_store_without_keys_explains_how_to_get_them(connected_shop, admin):
    connected_shop.connect(has_keys=False)

    assert (states(admin)["API keys"], states(admin)["The shop answers"]) == ("open", "waiting")
    page = read(admin.get(PAGE))
    assert not [form for form in page.forms if form.action.endswith(("/webhooks", "/packages"))]
    for part in ("webhooks", "packages"):
        stale = replace(page.form("connection/look"), action=f"{PAGE}/{part}")
        send(admin, stale)
        (alert,) = read(admin.get(PAGE)).alerts
        assert alert == "The shop cannot be read: there are no API keys yet."
    assert any(fault.startswith("No API keys yet") for fault in _faults(admin.get(PAGE)))


@one_engine
def test_read_only_key_is_reported_and_replaced_by_hand(connected_shop, admin):
    connected_shop.connect(permissions="read")
    key = connected_shop.shop.add_key()
    press(admin, "look")
    assert states(admin)["The shop answers"] == "wrong"
    form = read(admin.get(PAGE)).form("connection/keys")
    before = ledger_sql.rows(connected_shop.database, "select consumer_key from stores")

    wrong = send(admin, form, consumer_key=key.consumer_key, consumer_secret="cs_" + "9" * 40)
    assert (wrong.status_code, "Nothing was saved: HTTP 401" in read(wrong).alerts[0]) == (422, True)
    assert ledger_sql.rows(connected_shop.database, "select consumer_key from stores") == before
    right = send(admin, form, consumer_key=key.consumer_key, consumer_secret=key.consumer_secret)

    assert right.location == PAGE
    assert states(admin)["The shop answers"] == "done"
    assert key.consumer_secret not in admin.get(PAGE).text + wrong.text


@one_engine
def test_past_orders_are_granted_when_the_owner_says_so(connected_shop, admin):
    connected_shop.sell()
    connected_shop.later(60)
    connected_shop.connect(history="ask")
    connected_shop.poll()
    assert connected_shop.balances() == {}

    asked = read(admin.get(PAGE))
    answers = [form.fields["answer"] for form in asked.forms if "answer" in form.fields]
    assert answers == ["grant", "skip"]
    form = asked.form("connection/history")
    for answer in ("", "ask", "both"):
        assert send(admin, form, answer=answer).status_code == 422
    press(admin, "history", answer="skip")
    connected_shop.poll()
    assert connected_shop.balances() == {}
    press(admin, "history", answer="grant")
    connected_shop.poll()

    assert connected_shop.balances() == {2: 100_000}
    assert "Past orders grant tokens as well." in admin.get(PAGE).text


@one_engine
def test_reading_back_is_shown_with_the_orders_that_stop_it(connected_shop, admin):
    connected_shop.connect()
    connected_shop.poll()
    with connected_shop.database.transaction() as connection:
        failed = [f"order {number}: <b>why</b>" for number in range(30)]
        sync_state.change(connection, connected_shop.connected.store.id, unapplied=failed)

    page = admin.get(PAGE).text

    assert page.count("&lt;b&gt;why") == 10
    assert "and 20 more" in page
    assert "http://127.0.0.1:8000/webhooks/woocommerce/shop" in page
    assert "Synced up to</dt><dd>nothing yet: the sync begins with the first order" in page


@one_engine
def test_page_sends_no_request_and_a_button_holds_no_transaction(connected_shop, admin, monkeypatch):
    """SQLite has one writer at a time: another one succeeds while the request to the shop is open."""
    connected_shop.connect()
    connected_shop.asked()
    admin.get(PAGE)
    assert connected_shop.asked() == []
    seen = []
    answer = Rest.answer

    def slow(rest, request):
        factories.put_user(connected_shop, 40 + len(seen))
        seen.append(request.path)
        return answer(rest, request)

    monkeypatch.setattr(Rest, "answer", slow)
    for part in ("webhooks", "packages", "look"):
        press(admin, part)
    assert len(seen) > 15


@one_engine
def test_another_stores_buttons_do_nothing_here(connected_shop, admin):
    connected_shop.connect(history="ask")
    factories.add_shop(connected_shop.app, "other")

    other = admin.get("/admin/other/connection")

    assert connected_shop.served.url not in other.text
    for part in ("look", "webhooks", "packages", "history", "ask", "keys"):
        assert admin.post(f"{PAGE}/{part}").status_code == 400, "no form of ours"
        form = read(admin.get(PAGE)).form("connection/look")
        form.action = f"/admin/nowhere/connection/{part}"
        assert send(admin, form, answer="grant").status_code == 404
        assert connected_shop.app.test_client().post(f"{PAGE}/{part}").status_code == 400
    form.action = "/admin/other/connection/ask"
    assert send(admin, form).status_code == 422, "a shop elsewhere cannot reach this bridge"
    assert ledger_sql.count(connected_shop.database, "key_requests") == 0


@one_engine
def test_nothing_that_is_sent_breaks_a_page(app, shop):
    client = sign_in(app)
    token = {"csrf_token": read(client.get(PAGE)).forms[0].fields["csrf_token"]}
    form = {"url": "http://127.0.0.1:1", "slug": "x", "consumer_key": "none", "way": "keys"}

    for odd in ("", "\x00", "²", "a" * 70_000, b"\xed\xa0\x80", "https://["):
        answers = [client.post("/admin/connect", data=token | form | {name: odd}) for name in (*form, "name")]
        answers += [
            client.post(f"{PAGE}/history", data=token | {"answer": odd}),
            client.post(f"{PAGE}/keys", data=token | {"consumer_key": odd, "consumer_secret": odd}),
            client.post("/admin/shop/exceptions/1/assign", data=token | {"user_id": odd}),
            client.post("/admin/shop/exceptions/1/lines/1", data=token | {"tokens": odd}),
            client.post("/admin/shop/exceptions/1/seen", data=token | {"ids": odd, "total": odd}),
            client.get("/admin/shop/exceptions", query_string={"after": odd, "assign": odd, "amounts": odd}),
            client.get("/admin/shop/exceptions", query_string={"amounts": odd}),
            client.get("/admin/connect/return", query_string={"user_id": odd, "success": odd}),
            client.post("/connect/woocommerce", data=odd),
        ]
        assert {answer.status_code for answer in answers} <= {200, 400, 404, 409, 413, 422}, odd
    for slug in ("%00", "%ED%A0%80", "..", "a" * 300):
        assert client.get(f"/admin/{slug}/connection").status_code == 404
        assert client.post(f"/admin/{slug}/connection/look", data=token).status_code == 404
        assert client.post(f"/admin/shop/exceptions/{slug}/check", data=token).status_code in {404, 422}
