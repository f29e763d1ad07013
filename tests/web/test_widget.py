import re

import pytest
import time_machine

from tests.factories import add_shop, deliver, give, line, order, put_package, put_user, spend
from tests.support.pages import Page
from tests.support.replayed import replay

WIDGET = "/v1/widget"


def _get(shop, headers=None, **query):
    return shop.client.get(WIDGET, query_string=query, headers=shop.headers | (headers or {}))


def _limit(shop, module, period="daily", message="", **rules):
    document = {"period": period, "rules": rules, "message": message}
    assert shop.client.put(f"/v1/limits/{module}", json=document, headers=shop.headers).status_code == 200


def _words(response) -> str:
    """Return the text that a reader sees, with spaces between."""
    body = re.sub(r"<style>.*?</style>", "", response.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.fixture
def ada(shop, database):
    """Return a user with tokens, limits of every kind and a purchase."""
    replay(_add_ada, shop, database)
    return shop


def _add_ada(shop):
    put_package(shop, 10, 100_000)
    deliver(shop, order(41, lines=[line(quantity=2, name="Hundred thousand")]))
    put_user(shop, 2, roles=["subscriber"])
    spend(shop, 2, 76_544)
    _limit(shop, "chat", user=1000, guest=100)
    _limit(shop, "ai_forms", "never", user="unlimited")
    _limit(shop, "image_generator", "monthly", user="disabled")
    shop.client.put("/v1/modules/alt_text", json={"label": "Alt text", "metered": False}, headers=shop.headers)


def test_fragment_has_one_root_and_only_its_own_classes(ada):
    response = _get(ada, user_id=2)
    tags = Page(response.text).tags

    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert response.text.strip().startswith('<section class="token-bridge token-bridge--full" lang="en"')
    assert response.text.strip().endswith("</section>")
    assert response.text.count("<section") == 1
    names = {name for _, values in tags for name in values.get("class", "").split()}
    assert all(name == "token-bridge" or name.startswith(("token-bridge__", "token-bridge--")) for name in names)


def test_fragment_contains_no_script_and_loads_nothing(ada):
    tags = Page(_get(ada, user_id=2).text).tags

    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "base", "form", "meta"}
    names = {name for _, values in tags for name in values}
    assert not [name for name in names if name.startswith("on") or name in {"style", "src", "srcset", "id"}]
    style = re.search(r"<style>(.*?)</style>", _get(ada, user_id=2).text, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    # Nothing of the page around it is styled.
    selectors = re.findall(r"(?:^|[}{])\s*([^{}@]+)\{", re.sub(r"@media[^{]*\{", "", style))
    assert all(part.strip().startswith(".token-bridge") for each in selectors for part in each.split(","))


def test_fragment_shows_balance_limits_and_purchases(ada):
    words = _words(_get(ada, user_id=2))

    assert words.startswith("Balance 123,456 Buy tokens")
    assert "Chat Available 0 of 1,000 used 1,000 left Resets in " in words
    assert "(America/New York)" in words
    assert "AI forms Unlimited Use it as much as you like. Does not reset" in words
    assert "Alt text Free of charge It costs no tokens." in words
    assert "Paid from your balance: Image optimizer No free use: Image generator" in words
    assert "Paid tokens are used first, then the free allowance." in words
    assert "Usage 7 days 30 days Chat 76,544 76,544" in words
    assert "Purchases Order 41 200,000 tokens 20 Nov 2026 · Hundred thousand × 2 · US$10.00" in words


def test_buy_button_leads_to_the_shop(ada):
    ada.client.put("/v1/store", json={"purchase_url": "https://shop.example/t?a=1&b=2"}, headers=ada.headers)

    links = Page(_get(ada, user_id=2).text).links

    assert links == {"Buy tokens": "https://shop.example/t?a=1&b=2"}


def test_bar_and_words_say_how_much_is_used(shop):
    _limit(shop, "chat", message="Come <back> tomorrow.", user=1000)
    put_user(shop, 2)
    used = 0

    for then, state, text, share in (
        (0, "ok", "Available", "0"),
        (1, "ok", "Available", "1"),
        (900, "ok", "Available", "90"),
        (901, "low", "Almost used up", "90"),
        (999, "low", "Almost used up", "99"),
        (1000, "exhausted", "Used up", "100"),
    ):
        assert then == used or spend(shop, 2, then - used).status_code == 201
        used = then
        response = _get(shop, user_id=2, modules="chat")
        [meter] = [values for _, values in Page(response.text).tags if values.get("role") == "meter"]
        assert f"Chat {text} {used:,} of 1,000 used {1000 - used:,} left" in _words(response)
        assert f"token-bridge__state--{state}" in response.text
        assert (meter["aria-label"], meter["aria-valuenow"]) == ("Chat", share)
        assert meter["aria-valuetext"] == f"{used:,} of 1,000 used, {1000 - used:,} left"
        assert ("Come &lt;back&gt; tomorrow." in response.text) is (state == "exhausted")


def test_limit_that_shrank_below_the_use_is_used_up(shop):
    _limit(shop, "chat", user=1000)
    put_user(shop, 2)
    spend(shop, 2, 900)
    _limit(shop, "chat", user=10)

    assert "Chat Used up 900 of 10 used 0 left" in _words(_get(shop, user_id=2, modules="chat"))


def test_held_tokens_and_debt_are_shown(ada):
    ada.client.post(
        "/v1/holds",
        json={"user": {"id": 2}, "module": "chat", "tokens": 456},
        headers=ada.headers | {"Idempotency-Key": "hold"},
    )
    assert "456 of them set aside for work in progress" in _words(_get(ada, user_id=2))

    deliver(ada, order(41, "refunded", at=10, lines=[line(quantity=2, name="Hundred thousand")]))
    words = _words(_get(ada, user_id=2))
    assert "76,544 tokens are owed" in words
    assert "200,000 removed" in words


def test_reset_is_shown_in_the_stores_own_time(ada):
    """11 December, 23:30 in New York: the day ends in half an hour, while the UTC day ended long ago."""
    with time_machine.travel("2026-12-12T04:30:00+00:00", tick=False):
        words = _words(_get(ada, user_id=2))

    assert "Resets in 30 minutes · 12 Dec 2026, 00:00 (America/New York)" in words


def test_summary_leaves_out_bars_resets_and_purchases(ada):
    response = _get(ada, user_id=2, view="summary")

    assert "Chat Available 0 of 1,000 used 1,000 left" in _words(response)
    assert "Resets" not in _words(response)
    assert "Purchases" not in _words(response)
    assert 'role="meter"' not in response.text


def test_modules_are_shown_in_the_order_asked_for(ada):
    response = _get(ada, user_id=2, modules="alt_text, chat,alt_text,somebody.elses")

    labels = re.findall(r'token-bridge__label">([^<]+)<', response.text.split("<details")[0])
    assert labels == ["Alt text", "Chat"]


def test_languages(ada):
    assert "Solde 123 456 Acheter des jetons" in _words(_get(ada, user_id=2, lang="fr-FR"))
    assert "123\u202f456" in _get(ada, user_id=2, lang="fr").text
    assert "Guthaben 123.456 Token kaufen" in _words(_get(ada, user_id=2, lang="de"))
    assert "0 von 1.000 verbraucht 1.000 übrig" in _words(_get(ada, user_id=2, lang="de"))
    assert "Saldo 123.456 Comprar tokens" in _words(_get(ada, user_id=2, lang="es"))
    assert "0 de 1000 usados" in _words(_get(ada, user_id=2, lang="es"))
    for lang in ("xx", "", "en-GB", "<b>"):
        assert "Balance 123,456" in _words(_get(ada, user_id=2, lang=lang))
    assert _get(ada, user_id=2, lang="es").headers["Content-Language"] == "es"
    assert 'lang="de"' in _get(ada, user_id=2, lang="de").text


def test_unknown_user_has_nothing_and_the_limits_of_any_user(ada, database):
    response = _get(ada, user_id=777)

    assert response.status_code == 200
    words = _words(response)
    assert words.startswith("Balance 0 Buy tokens Paid tokens are used first, then the free allowance.")
    assert "Chat Available 0 of 1,000 used" in words
    assert "No purchases yet." in _words(response)
    assert ada.client.get("/v1/users/777", headers=ada.headers).status_code == 404


def test_guest_sees_what_is_free_for_visitors(ada):
    ada.client.post(
        "/v1/spends",
        json={"guest": {"id": "a visitor"}, "module": "chat", "tokens": 40},
        headers=ada.headers | {"Idempotency-Key": "g"},
    )

    known, unknown = _words(_get(ada, guest_id="a visitor")), _words(_get(ada, guest_id="another"))

    assert "Chat Available 40 of 100 used 60 left" in known
    assert "Chat Available 0 of 100 used 100 left" in unknown
    for words in (known, unknown):
        assert words.startswith("You are not signed in")
        assert "Balance" not in words
        assert "Purchases" not in words
        assert "your balance" not in words


def test_names_are_shown_as_text(shop):
    nasty = '"><script>alert(1)</script>'
    put_package(shop, 10, 5)
    deliver(shop, order(1, lines=[line(name=nasty)]))
    _limit(shop, "chat", user=1000)
    shop.client.put("/v1/modules/chat", json={"label": nasty}, headers=shop.headers)

    text = _get(shop, user_id=2).text

    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3


def test_fragment_is_in_no_shared_cache_and_identified_by_its_etag(shop):
    _limit(shop, "chat", "never", user=1000)
    give(shop, 2, 5)
    first = _get(shop, user_id=2)

    same = _get(shop, {"If-None-Match": first.headers["ETag"]}, user_id=2)
    give(shop, 2, 1)
    other = _get(shop, {"If-None-Match": first.headers["ETag"]}, user_id=2)

    assert first.headers["Cache-Control"] == "private, no-store"
    assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (other.status_code, other.headers["ETag"] != first.headers["ETag"]) == (200, True)
    assert "Set-Cookie" not in first.headers


@pytest.mark.parametrize("engine", ["sqlite"])
def test_bad_parameter_is_named(shop, engine):
    for query, field in (
        ({}, "user_id"),
        ({"user_id": 2, "guest_id": "g"}, "user_id"),
        ({"user_id": "x"}, "user_id"),
        ({"user_id": 0}, "user_id"),
        ({"user_id": 2**53}, "user_id"),
        ({"user_id": "٣"}, "user_id"),
        ({"guest_id": ""}, "guest_id"),
        ({"guest_id": "x" * 256}, "guest_id"),
    ):
        response = _get(shop, **query)
        assert response.status_code == 422, query
        assert response.content_type == "application/problem+json"
        assert [error["field"] for error in response.get_json()["errors"]] == [field]


def test_fragment_needs_the_stores_own_key(app, shop):
    give(shop, 2, 5)
    _, other = add_shop(app, "other")

    assert shop.client.get(f"{WIDGET}?user_id=2").status_code == 401
    assert "Balance 0 " in _words(shop.client.get(f"{WIDGET}?user_id=2", headers=other))


def test_plan_is_shown_with_what_is_left_of_its_month(app, shop):
    plan = {"plan": "Studio", "tokens": 1000, "months": 12}
    assert shop.client.put("/v1/packages/10", json=plan, headers=shop.headers).status_code == 200
    deliver(shop, order(1))
    put_user(shop, 2)
    with time_machine.travel("2026-12-12T12:00:00+00:00", tick=False):
        spend(shop, 2, 250)
        words = _words(_get(shop, user_id=2))

    assert "Studio Plan, until 20 Nov 2027 250 of 1,000 used 750 left Resets in 8 days" in words
