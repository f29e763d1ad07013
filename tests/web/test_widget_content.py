"""The widget's states, order of use, recent use, waiting orders and packages, and its parameters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import quote

import pytest
import time_machine

from tests.factories import balance_of, deliver, give, line, order, put_package, put_user, spend
from tests.support.pages import Page

NOW = datetime(2026, 12, 12, 12, tzinfo=UTC)


def _get(shop, **query):
    response = shop.client.get("/v1/widget", query_string={"user_id": 2} | query, headers=shop.headers)
    assert response.status_code == 200, response.text
    return response.text


def _words(text):
    body = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def _put(shop, path, **document):
    assert shop.client.put(f"/v1/{path}", json=document, headers=shop.headers).status_code == 200, path


def test_balance_is_low_or_used_up_in_words(shop):
    _put(shop, "store", low_balance=100)
    put_user(shop, 2)
    assert "No tokens" not in _words(_get(shop)), "a new user has used nothing up"
    for tokens, state, text in ((100, "", ""), (-1, "low", "Only a few tokens"), (-99, "exhausted", "No tokens are")):
        give(shop, 2, tokens) if tokens > 0 else spend(shop, 2, -tokens)
        full, inline = _get(shop), _get(shop, view="balance")
        assert text in full
        assert (f'token-bridge__state--{state}">' in full) is bool(state)
        assert ("token-bridge--low" in inline, "token-bridge--exhausted" in inline) == (
            state == "low",
            state == "exhausted",
        )


@pytest.mark.parametrize(
    ("order_of_use", "sentence"),
    [
        (["balance", "allowance", "plan"], "Paid tokens are used first, then the free allowance."),
        (["allowance", "plan", "balance"], "The free allowance is used first, then paid tokens."),
    ],
)
def test_order_of_use_follows_the_store(shop, order_of_use, sentence):
    _put(shop, "limits/chat", period="daily", rules={"user": 5})
    _put(shop, "store", spend_order=order_of_use)

    assert sentence in _words(_get(shop))


def test_use_of_7_and_30_days_by_module(shop):
    put_user(shop, 2)
    give(shop, 2, 10_000)
    for back, module, tokens in ((0, "chat", 5), (6, "chat", 40), (7, "chat", 300), (29, "alt_text", 2_000)):
        with time_machine.travel(NOW - timedelta(days=back), tick=False):
            spend(shop, 2, tokens, module=module)
    with time_machine.travel(NOW - timedelta(days=30), tick=False):
        spend(shop, 2, 7_000, module="chat")
    with time_machine.travel(NOW, tick=False):
        text = _get(shop)

    words = _words(text)
    assert "Usage 7 days 30 days Alt text 0 2,000 Chat 45 345 Total 45 2,345" in words
    assert "13 Nov 2026 12 Dec 2026" in words
    assert 'aria-label="2,345 tokens in 30 days. The highest bar: 2,000, 13 Nov 2026."' in text
    assert re.search(r'<path class="token-bridge__fill" d="([^"]*)"', text)[1].count("M") == 4
    assert "Usage" not in _words(_get(shop, view="summary"))


def test_orders_on_hold_are_shown_with_their_tokens_until_they_grant(shop):
    put_package(shop, 10, 100_000)
    put_user(shop, 2)
    deliver(shop, order(17, "on-hold") | {"number": "TB-17"})
    deliver(shop, order(18, "processing", lines=[line(quantity=2)]))
    deliver(shop, order(19, "on-hold", customer=3))
    deliver(shop, order(20, "on-hold", lines=[line(product=999)]))
    words = _words(_get(shop))

    assert "Order TB-17 is on hold until payment clears: 100,000 tokens" in words
    assert "Order 18 is being processed: 200,000 tokens" in words
    assert words.count("is on hold") == 1
    deliver(shop, order(17, at=10) | {"number": "TB-17"})
    assert "TB-17 is on hold" not in _words(_get(shop))
    assert "Order TB-17 100,000 tokens" in _words(_get(shop))


def test_several_packages_are_offered_with_links_into_the_cart(shop):
    put_package(shop, 10, 1_000)
    assert "add-to-cart" not in _get(shop)
    put_package(shop, 11, 5_000)
    put_package(shop, 12, 7_000, variation=121)

    links = Page(_get(shop)).links
    assert {label: url.partition("/?")[2] for label, url in links.items() if "tokens" in label} == {
        "1,000 tokens": "add-to-cart=10",
        "5,000 tokens": "add-to-cart=11",
        "7,000 tokens": "add-to-cart=121",
    }
    assert "All packages" in links
    assert Page(_get(shop, buycreditsurl="/shop/tokens", buycreditslabel="More")).links == {"More": "/shop/tokens"}
    assert Page(_get(shop, buycredits="false")).links == {}


def test_links_into_the_shop_name_the_way_back(shop):
    here = "https://shop.example/app?a=1&b=ä#x"
    wanted = "token_bridge_return=https%3A%2F%2Fshop.example%2Fapp%3Fa%3D1%26b%3D%C3%A4%23x"
    query = f"user_id=1&return_url={quote(here, safe='')}"

    def links(more=""):
        text = shop.client.get(f"/v1/widget?{query}{more}", headers=shop.headers).text
        return [unescape(link) for link in re.findall(r'href="([^"]*)"', text)]

    assert links() == [f"http://127.0.0.1:8980/shop/?{wanted}"]
    assert links("&buycreditsurl=https://elsewhere.example/buy") == ["https://elsewhere.example/buy"]
    put_package(shop, 10, 600)
    put_package(shop, 11, 700)
    assert links()[0] == f"http://127.0.0.1:8980/?add-to-cart=10&{wanted}"
    asked = {"user": {"id": 1}, "items": [{"module": "chat", "tokens": 5}]}
    step = shop.client.post(f"/v1/confirm?{query}", json=asked, headers=shop.headers).text
    assert f'href="http://127.0.0.1:8980/shop/?{wanted}"' in step
    assert "token_bridge_return" not in shop.client.post("/v1/confirm", json=asked, headers=shop.headers).text
    bad = shop.client.get("/v1/widget?user_id=1&return_url=javascript:1", headers=shop.headers).text
    assert "token_bridge_return" not in bad


def test_balance_view_is_the_number_alone(shop):
    give(shop, 2, 1_450)

    text = _get(shop, view="balance", lang="de")
    assert text.strip() == (
        '<span class="token-bridge token-bridge--balance" lang="de" dir="ltr" title="1.450 Token">'
        '<span class="token-bridge__balance">1.450</span></span>'
    )
    guest = shop.client.get("/v1/widget?guest_id=g&view=balance", headers=shop.headers)
    assert _words(guest.text) == ""


def test_parameters_change_title_labels_and_parts(shop):
    put_package(shop, 10, 5)
    deliver(shop, order(1))
    _put(shop, "limits/chat", period="daily", rules={"user": 5})
    _put(shop, "modules/chat", labels={"de": "Gespräch", "fr": "Discussion"})

    text = _get(shop, title="My <b>tokens</b>", intro="All in one place", heading="3", labels="alt_text:Alt,chat:Ask")
    assert '<h3 class="token-bridge__heading">My &lt;b&gt;tokens&lt;/b&gt;</h3>' in text
    assert "All in one place" in text
    assert ">Ask<" in text
    assert ">Gespräch<" in _get(shop, lang="de-AT")
    assert ">Chat<" in _get(shop, lang="nl")
    assert "Purchases" not in _words(_get(shop, purchasehistory="false"))
    assert 'href="/account/tokens"' in _get(shop, account_url="/account/tokens")
    assert "<h" not in _get(shop, title="")


def test_unknown_values_are_replaced_by_the_default_and_logged(shop, caplog):
    caplog.set_level("INFO", "bridge.web.widget.look")
    with time_machine.travel(NOW, tick=False):
        plain = _get(shop)
        for name, value in (
            ("view", "tiny"),
            ("modules", "Chat!,no_such_module"),
            ("modules", "\x00,\n"),
            ("theme", "pink"),
            ("accent", "url(x)"),
            ("heading", "9"),
            ("nonce", 'x" onload="y'),
            ("stylesheet", "javascript:alert(1)"),
            ("buycreditsurl", "javascript:alert(1)"),
            ("account_url", "//evil.example/x"),
            ("signin_url", "data:text/html,x"),
            ("purchasehistory", "perhaps"),
            ("labels", "nothing"),
            ("roles", ",".join(f"r{number}" for number in range(60))),
            ("lang", "xx"),
            ("no_such_parameter", "1"),
        ):
            caplog.clear()
            assert _get(shop, **{name: value}) == plain, name
            assert (f"ignores {name}=" in caplog.text) is (name != "no_such_parameter"), name


def test_roles_of_a_request_are_stored_and_decide_at_once(shop):
    _put(shop, "limits/chat", period="daily", rules={"user": 5, "role:editor": 70})
    put_user(shop, 2, roles=["subscriber"])

    assert "0 of 70 used" in _words(_get(shop, roles="editor, author"))
    assert "0 of 70 used" in _words(_get(shop))
    assert "0 of 5 used" in _words(_get(shop, roles=""))
    assert "0 of 70 used" in _words(_get(shop, user_id=77, roles="editor"))
    assert balance_of(shop, 77) == 0


def test_size_is_bounded_with_many_purchases_and_30_modules(shop):
    put_package(shop, 10, 1_000)
    put_user(shop, 2)
    for number in range(30):
        _put(shop, f"modules/module_{number}", label=f"Module number {number}", metered=True)
        _put(shop, f"limits/module_{number}", period="daily", rules={"user": 10_000 + number})
    for number in range(1, 15):
        deliver(shop, order(number, lines=[line(quantity=9, name="A package with a long name " * 9)]))
    for number in range(12):
        spend(shop, 2, number + 1, module=f"module_{number}")

    text = _get(shop)
    assert len(text.encode()) <= 20_000
    assert "The latest 10 purchases are shown." in text
    assert "Module number 29" in text
    assert "6 other modules" in text


def test_names_with_joiners_emoji_and_directions_stay_whole(shop):
    names = {
        "chat": "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "alt_text": "👩\u200d👩\u200d👧",
        "ai_forms": "<i>&amp;",
    }
    for key, name in names.items():
        _put(shop, f"modules/{key}", label=name)
        _put(shop, f"limits/{key}", period="daily", rules={"user": 5})
    text = _get(shop, title="👩\u200d👧 \u202eabc")

    assert names["chat"] in text
    assert names["alt_text"] in text
    assert "&lt;i&gt;&amp;amp;" in text
    assert "👩\u200d👧 \u202eabc" in text
