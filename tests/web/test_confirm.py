"""The confirmation step and the result of a run, as fragments for a page."""

from __future__ import annotations

import html
import re

import pytest

from bridge.web.i18n.formatting import Language
from tests.factories import give, put_user, spend
from tests.support.linked_sites import bearer, link
from tests.support.pages import Page

HTML = {"Accept": "text/html"}


@pytest.fixture
def ada(shop):
    """Return a store in which user 2 has 1,500 tokens and 100 free ones in the chat, which are used first."""
    give(shop, 2, 1_500)
    put(shop, "/v1/limits/chat", period="monthly", rules={"user": 100, "guest": 10})
    put(shop, "/v1/store", spend_order=["plan", "allowance", "balance"])
    put(shop, "/v1/operations/image.analysis", module="image_generator", tokens_per_unit=40)
    put(shop, "/v1/modules/chat", label="Chat <b>&</b>")
    return shop


def put(shop, path, **values):
    assert shop.client.put(path, json=values, headers=shop.headers).status_code == 200


def confirm(shop, *items, path="/v1/confirm", query="", headers=None, **more):
    body = {"items": [*items]} | ({} if headers else {"user": {"id": 2}}) | more
    return shop.client.post(f"{path}{query}", json=body, headers=(headers or shop.headers) | HTML)


def chat(tokens):
    return {"module": "chat", "tokens": tokens}


def words(response):
    """Return the text that a reader sees, line by line."""
    body = re.sub(r"<style.*?</style>|<template.*?</template>", "", response.text, flags=re.DOTALL)
    lines = (html.unescape(re.sub(r"<[^>]+>", " ", line)) for line in body.splitlines())
    return [" ".join(line.split()) for line in lines if line.strip(" \n") and " ".join(line.split())]


def test_step_shows_the_cost_the_sources_and_the_balance_afterwards(ada):
    response = confirm(ada, chat(120), {"operation": "image.analysis", "quantity": 3}, chat(10))

    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Content-Language"] == "en"
    assert words(response) == [
        "Please confirm",
        "Chat <b>&</b> × 2 130 tokens",
        "Image analysis × 3 120 tokens",
        "Total 250 tokens",
        "Paid with",
        "Free of charge 100 tokens",
        "Your balance 150 tokens",
        "Balance afterwards 1,350 tokens",
        "Use 250 tokens",
    ]
    assert "<b>" not in response.text
    [button] = [values for tag, values in Page(response.text).tags if tag == "button"]
    assert (button["name"], button["value"], "disabled" in button) == ("confirmed", "true", False)
    [form] = [values for tag, values in Page(response.text).tags if tag == "form"]
    assert (form["method"], "action" in form) == ("post", False)
    # The same as the quote that a spend follows, and nothing moved.
    assert confirm(ada, chat(120), path="/v1/quotes").text == confirm(ada, chat(120)).text
    quoted = ada.client.post("/v1/quotes", json={"user": {"id": 2}, "items": [chat(120)]}, headers=ada.headers)
    assert quoted.is_json
    assert quoted.get_json()["paid_by"] == {"plan": 0, "balance": 20, "allowance": 100}


def test_shortfall_disables_the_button_and_leads_to_the_shop(ada):
    put(ada, "/v1/store", purchase_url="https://shop.example/tokens?a=1&b=2")
    response = confirm(ada, chat(1_700))

    assert words(response)[1:] == ["Chat <b>&</b> 1,700 tokens", "Total 1,700 tokens", *_MISSING]
    tags = Page(response.text).tags
    [button] = [values for tag, values in tags if tag == "button"]
    assert "disabled" in button
    [buy] = [values for tag, values in tags if tag == "a"]
    assert buy["href"] == "https://shop.example/tokens?a=1&b=2"
    [alert] = [values for _, values in tags if values.get("role") == "alert"]
    assert alert["class"] == "token-bridge__missing"


_MISSING = ["100 tokens are missing.", "Use 1,700 tokens", "Buy tokens"]


def test_cap_of_a_linked_site_is_named_without_a_link_to_buy(ada):
    key = bearer(link(ada, 2, monthly_cap=50)["access_key"])

    response = confirm(ada, chat(60), headers=key)

    assert "This site may not use so many tokens this month." in words(response)
    assert "<a " not in response.text
    [button] = [values for tag, values in Page(confirm(ada, chat(50), headers=key).text).tags if tag == "button"]
    assert "disabled" not in button


def test_guest_is_shown_what_is_free_and_no_balance(ada):
    guest = {"user": None, "guest": {"id": "a"}}
    free, short = confirm(ada, chat(10), **guest), confirm(ada, chat(11), **guest)
    assert words(free)[3:] == ["Paid with", "Free of charge 10 tokens", "Use 10 tokens"]
    assert "1 token is missing." in words(short)


def test_free_run_and_holds_are_described(ada):
    put(ada, "/v1/modules/alt_text", label="Alt text", metered=False)
    assert words(confirm(ada, {"module": "alt_text", "tokens": 5}))[-2:] == [
        "Balance afterwards 1,500 tokens",
        "Continue",
    ]
    hold = {"user": {"id": 2}, "module": "ai_forms", "tokens": 40}
    ada.client.post("/v1/holds", json=hold, headers=ada.headers | {"Idempotency-Key": "h"})
    assert "40 of them set aside for work in progress" in words(confirm(ada, chat(1)))


def test_reason_to_ask_is_shown_only_where_the_user_wants_it(ada):
    note = "You want to be asked before your balance is used."
    put_user(ada, 2, confirm_paid=True)
    assert note not in words(confirm(ada, chat(100)))
    assert note in words(confirm(ada, chat(101)))
    assert note not in words(confirm(ada, chat(2_000)))
    spend(ada, 2, 101, confirmed=True)
    assert note not in words(confirm(ada, chat(101)))


def test_form_goes_to_the_callers_page_with_its_fields(ada):
    fields = {"job": '17"><script>', "_wpnonce": "3f9c", "meta[a]": ""}
    response = confirm(ada, chat(1), action="/wp-admin/admin-post.php?a=1&b=2", fields=fields)
    tags = Page(response.text).tags
    assert [values["action"] for tag, values in tags if tag == "form"] == ["/wp-admin/admin-post.php?a=1&b=2"]
    hidden = {values["name"]: values["value"] for tag, values in tags if tag == "input"}
    assert hidden == fields
    assert "<script" not in response.text
    own = confirm(ada, chat(1), action="http://127.0.0.1:8980/run")
    assert own.status_code == 200
    linked = link(ada, 2, url="https://blog.example.com/")["access_key"]
    assert confirm(ada, chat(1), action="https://blog.example.com/run").status_code == 200
    assert confirm(ada, chat(1), action="https://blog.example.com/run", headers=bearer(linked)).status_code == 200
    assert confirm(ada, chat(1), action="https://blog.example.com/run", user={"id": 3}).status_code == 422


FOREIGN = (
    *("https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", "run", "https://", "/a b"),
    "https://127.0.0.1:8980@evil.example/",
)


def test_form_goes_to_no_foreign_site(ada):
    for action in FOREIGN:
        response = confirm(ada, chat(1), action=action)
        assert (response.status_code, response.get_json()["errors"][0]["field"]) == (422, "action"), action


REFUSED_FIELDS = (
    *({"confirmed": "true"}, {"a b": "1"}, {"": "1"}, {"a": 1}, {"a": "x" * 2001}, {"a": "\x00"}, ["a"]),
    {f"f{number}": "" for number in range(21)},
)


def test_fields_that_no_form_should_have_are_refused(ada):
    for fields in REFUSED_FIELDS:
        response = confirm(ada, chat(1), fields=fields)
        assert response.status_code == 422, fields
        assert response.get_json()["errors"][0]["field"].startswith("fields")


def test_errors_are_those_of_a_quote(ada):
    assert confirm(ada).status_code == 422
    assert confirm(ada, chat(0)).status_code == 422
    assert confirm(ada, {"operation": "nothing"}).get_json()["code"] == "unknown_operation"
    assert confirm(ada, chat(1), user=None).status_code == 422
    assert ada.client.post("/v1/confirm", json={"items": [chat(1)]}).status_code == 401


def test_thousand_items_stay_a_short_fragment(ada):
    for number in range(60):
        put(ada, f"/v1/operations/step.{number}", module="chat", tokens_per_unit=1)
    items = [{"operation": f"step.{number % 60}", "quantity": 2} for number in range(1000)]
    response = confirm(ada, *items)

    shown = words(response)
    assert "10 more items 320 tokens" in shown
    assert "Total 2,000 tokens" in shown
    assert len(response.data) < 20_000


def test_every_language_is_complete_and_has_its_direction(ada):
    english = {"Please confirm", "Paid with", "Free of charge", "Use", "tokens are missing", "Balance afterwards"}
    for language in Language:
        query = f"?lang={language}&theme=dark&accent=0a7d55&heading=4&nonce=abc"
        response, short = confirm(ada, chat(150), query=query), confirm(ada, chat(9_000), query=query)
        direction = "rtl" if language == "ar" else "ltr"
        assert f'lang="{language}" dir="{direction}" data-theme="dark"' in response.text
        assert response.text.count('nonce="abc"') == response.text.count("<style")
        assert '<h4 class="token-bridge__heading">' in response.text
        shown = " ".join(words(response) + words(short))
        found = {part for part in english if part in shown}
        assert found == (english if language == "en" else set())


def test_unknown_parameters_are_replaced_by_defaults(ada):
    plain = confirm(ada, chat(1)).text
    assert (
        confirm(ada, chat(1), query="?lang=tlh&theme=blue&accent=red&heading=9&nonce=%3C&stylesheet=ftp:").text == plain
    )


def test_result_is_one_line(ada):
    spent = spend(ada, 2, 112).get_json()["id"]

    def line(id_=spent, kind="spends", headers=None, lang="en"):
        response = ada.client.get(f"/v1/{kind}/{id_}?lang={lang}", headers=(headers or ada.headers) | HTML)
        assert response.headers["Cache-Control"] == "private, no-store"
        return words(response)

    assert line() == ["112 tokens · 1,488 left"]
    assert line(lang="de") == ["112 Token · noch 1.488"]
    assert 'dir="rtl"' in ada.client.get(f"/v1/spends/{spent}?lang=ar", headers=ada.headers | HTML).text
    refund = f"/v1/spends/{spent}/refund"
    key = ada.headers | {"Idempotency-Key": "r"}
    ada.client.post(refund, json={"tokens": 100, "reason": "bad"}, headers=key)
    assert line() == ["12 tokens · 1,588 left"]
    ada.client.post(refund, json={"reason": "bad"}, headers=ada.headers | {"Idempotency-Key": "s"})
    assert line() == ["Not charged"]
    # A spend that is free still says what is left; what is unmetered or unlimited has no number.
    assert line(spend(ada, 2, 1).get_json()["id"]) == ["1 token · 1,599 left"]
    put(ada, "/v1/limits/ai_forms", period="monthly", rules={"user": "unlimited"})
    assert line(spend(ada, 2, 3, module="ai_forms").get_json()["id"]) == ["3 tokens · no limit"]
    assert ada.client.get(f"/v1/spends/{spent}", headers=ada.headers).is_json
    unknown = ada.client.get("/v1/spends/sp_nothing", headers=ada.headers | HTML)
    assert (unknown.status_code, unknown.is_json or unknown.mimetype.endswith("json")) == (404, True)


def test_result_of_a_hold_follows_its_state(ada):
    def hold(key):
        body = {"user": {"id": 2}, "module": "ai_forms", "tokens": 50}
        return ada.client.post("/v1/holds", json=body, headers=ada.headers | {"Idempotency-Key": key}).get_json()["id"]

    def line(id_):
        return words(ada.client.get(f"/v1/holds/{id_}", headers=ada.headers | HTML))

    one, other = hold("a"), hold("b")
    assert line(one) == ["50 tokens set aside"]
    ada.client.post(f"/v1/holds/{one}/capture", json={"tokens": 12}, headers=ada.headers | {"Idempotency-Key": "c"})
    ada.client.post(f"/v1/holds/{other}/release", headers=ada.headers)
    assert line(one) == ["12 tokens · 1,488 left"]
    assert line(other) == ["Not charged"]
    # What a linked site has left ends at its cap.
    key = bearer(link(ada, 2, monthly_cap=90)["access_key"])
    spent = ada.client.post(
        "/v1/spends", json={"module": "ai_forms", "tokens": 30}, headers=key | {"Idempotency-Key": "d"}
    )
    found = ada.client.get(f"/v1/spends/{spent.get_json()['id']}", headers=key | HTML)
    assert words(found) == ["30 tokens · 60 left"]
