import re

from bridge.storage.accounts import role_changes
from bridge.storage.jobs import service_state
from bridge.web.context import utcnow
from tests.factories import deliver, give, line, order, put_package, put_user, spend
from tests.support.pages import read, send, sign_in

USER = "/admin/shop/credits/2"


def _limit(shop, module, period="daily", message="", **rules):
    document = {"period": period, "rules": rules, "message": message}
    assert shop.client.put(f"/v1/limits/{module}", json=document, headers=shop.headers).status_code == 200


def _figures(page):
    found = re.findall(r'stat[^>]*><h2>([^<]+)</h2><p class="stat__value[^>]*>([^<]+)<', page.source)
    return dict(found)


def test_user_without_anything_has_a_page(app, shop):
    put_user(shop, 2)

    page = sign_in(app).get(USER).text

    assert "<h1>User 2</h1>" in page
    assert "Nothing has moved this balance yet." in page
    assert "Nothing was bought yet." in page


def test_page_shows_ledger_and_purchases(app, shop):
    put_package(shop, 10, 600)
    deliver(shop, order(41, lines=[line(quantity=2, name="Tokens <600>")]))
    spend(shop, 2, 700)
    deliver(shop, order(41, "refunded", at=10, lines=[line(quantity=2, name="Tokens <600>")]))

    page = read(sign_in(app).get(USER))

    # A reversal that became debt counts in full: nothing of the purchase is left.
    texts = [row[1:2] + row[4:] for row in page.rows if row[1] in {"Reversal", "Spend", "Grant"}]
    assert texts == [["Reversal", "−500debt +700", "0"], ["Spend", "−700", "500"], ["Grant", "+1,200", "1,200"]]
    [purchase] = [row for row in page.rows if len(row) == 9]
    assert purchase[0] == "41"
    assert purchase[2:7] == ["Tokens <600> × 2", "refunded", "10.00 USD", "1,200", "1,200"]
    assert _figures(page) == {"Balance": "0", "Debt": "700", "Used in 30 days": "700", "Purchased": "0"}


def test_limits_have_bars_and_the_local_time_of_their_reset(app, shop):
    _limit(shop, "chat", user=1000)
    _limit(shop, "alt_text", period="never", user="unlimited")
    put_user(shop, 2)
    spend(shop, 2, 250)

    response = sign_in(app).get(USER)
    meters = [values for tag, values in read(response).tags if values.get("role") == "meter"]

    assert [(meter["aria-label"], meter["aria-valuenow"], meter["aria-valuetext"]) for meter in meters] == [
        ("Chat", "25", "250 of 1,000 used, 750 left")
    ]
    assert "times in America/New York" in response.text
    assert ", 00:00</time>" in response.text
    assert "No limit." in response.text
    assert "Does not reset" in response.text


def test_long_ledger_is_read_page_by_page(app, shop):
    for _ in range(30):
        give(shop, 2, 1)
    client = sign_in(app)

    first = read(client.get(USER))
    second = read(client.get(first.links["Older"]))

    after = [row[5] for row in first.rows] + [row[5] for row in second.rows]
    assert after == [str(balance) for balance in range(30, 0, -1)]
    assert "Older" not in second.links
    assert second.links["Newest"] == f"{USER}#ledger"


def test_many_purchases_are_read_page_by_page(app, shop):
    put_package(shop, 10, 1)
    for number in range(1, 13):
        deliver(shop, order(number))
    client = sign_in(app)

    first = read(client.get(USER))
    second = read(client.get(first.links["Earlier"]))

    orders = [row[0] for page in (first, second) for row in page.rows if len(row) == 9]
    assert orders == [str(number) for number in range(12, 0, -1)]
    assert second.links["Latest"] == f"{USER}#purchases"


def test_invalid_addresses_are_refused(app, shop):
    put_user(shop, 2)
    client = sign_in(app)

    answers = {path: client.get(path).status_code for path in (f"{USER}?entries=x", f"{USER}?orders=x", f"{USER}0")}
    assert answers == {f"{USER}?entries=x": 422, f"{USER}?orders=x": 422, f"{USER}0": 404}
    assert client.get("/admin/shop/credits/x").status_code == 422


def test_spend_in_the_ledger_leads_to_its_explanation(app, shop, database):
    put_user(shop, 2, roles=["subscriber"])
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 100}}, headers=shop.headers)
    give(shop, 2, 20)
    spend(shop, 2, 110)
    give(shop, 2, 5_000)
    shop.client.delete("/v1/limits/chat", headers=shop.headers)
    client = sign_in(app)

    link = next(url for name, url in read(client.get(USER)).links.items() if "at=" in url)
    page = client.get(link).text

    assert "Accepted. 110 tokens: 20 from the balance, 90 from the free limit." in page
    assert "Limit of all users: 100 tokens each day." in page
    assert 'class="gaps"' not in page
    local = re.search(r'name="at" type="datetime-local" step="1" value="([^"]+)"', page)[1]
    assert client.get(f"{USER}?module=chat&tokens=1&at={local}").status_code == 200
    for at, words in (("soon", "Enter a date and a time"), ("2099-01-01T00:00", "must not be in the future")):
        answer = client.get(USER, query_string={"module": "chat", "tokens": "1", "at": at}).text
        assert words in answer
        assert 'id="explain-at" name="at" type="datetime-local" step="1" value="" aria-invalid="true"' in answer
    # As after an update: the user is older than the record of roles.
    with database.transaction() as connection:
        service_state.put(connection, role_changes.BEGINNING, "", now=utcnow())
    assert "The roles of that moment are not recorded" in client.get(link).text


def test_manager_lets_a_user_be_asked_before_the_balance_is_used(app, shop):
    give(shop, 2, 50)
    client = sign_in(app)
    page = client.get(USER)
    assert "Ask before paid tokens: off" in page.text

    on = send(client, read(page).form("/confirmation"))

    assert (on.status_code, on.location) == (303, f"{USER}#account")
    shown = client.get(USER)
    assert "User 2 is asked before tokens of the balance are taken." in shown.text
    assert "Ask before paid tokens: on" in shown.text
    assert spend(shop, 2, 1).get_json()["code"] == "confirmation_required"
    assert "Refused until the user confirms" in client.get(f"{USER}?module=chat&tokens=1").text
    send(client, read(shown).form("/confirmation"))
    assert spend(shop, 2, 1).status_code == 201
    log = client.get("/admin/shop/changes").text
    assert log.count("confirm_paid") + log.count("Confirm paid") >= 2
    form = read(page).form("/confirmation").fields
    wrong = client.post(f"{USER}/confirmation", data=form | {"confirm_paid": "perhaps"})
    assert wrong.status_code == 422
    assert client.post("/admin/shop/credits/99/confirmation", data=form).status_code == 404
