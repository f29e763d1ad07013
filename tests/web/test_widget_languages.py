"""The widget in each of its languages."""

import re

import pytest
import time_machine

from bridge.web.i18n.formatting import Language
from scripts import update_catalogs
from tests.factories import deliver, line, order, put_package, put_user, spend
from tests.support.replayed import replay

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])
NOW = "2026-12-12T04:30:00+00:00"


@pytest.fixture
def ada(shop, database):
    """A user with a purchase, tokens on hold, and modules of every state."""
    replay(_add_ada, shop, database)
    return shop


def _add_ada(shop):
    with time_machine.travel(NOW, tick=False):
        put_user(shop, 2)
        limits = [
            ("chat", "daily", {"user": 9000}),
            ("ai_forms", "never", {"user": "unlimited"}),
            ("image_generator", "monthly", {"user": "disabled"}),
        ]
        for module, period, rules in limits:
            document = {"period": period, "rules": rules, "message": ""}
            assert shop.client.put(f"/v1/limits/{module}", json=document, headers=shop.headers).status_code == 200
        shop.client.put("/v1/modules/alt_text", json={"label": "Alt text", "metered": False}, headers=shop.headers)
        spend(shop, 2, 3, module="ai_forms")
        spend(shop, 2, 1500, module="chat")
        put_package(shop, 10, 100_000)
        deliver(shop, order(41, lines=[line(quantity=2, name="Tokens (large)")]))
        shop.client.post(
            "/v1/holds",
            json={"user": {"id": 2}, "module": "image_optimizer", "tokens": 5},
            headers=shop.headers | {"Idempotency-Key": "hold"},
        )


def _widget(shop, **query):
    with time_machine.travel(NOW, tick=False):
        return shop.client.get("/v1/widget", query_string={"user_id": 2} | query, headers=shop.headers)


def _words(response):
    body = re.sub(r"<style>.*?</style>", "", response.text, flags=re.DOTALL)
    # The spaces that do not break stay.
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", body))


SHOWN = {
    "en": ("Balance 200,000 5 of them set aside", "1,500 of 9,000 used 7,500 left Resets in 30 minutes", "3 used."),
    "de": (
        "Guthaben 200.000 davon 5 für",
        "1.500 von 9.000 verbraucht 7.500 übrig Wieder frei in 30 Minuten",
        "3 verbraucht.",
    ),
    "fr": (
        "Solde 200\u202f000 dont 5 réservés",
        "1\u202f500 utilisés sur 9\u202f000 7\u202f500 restants Réinitialisation dans 30 minutes",
        "3 utilisés.",
    ),
    "es": ("Saldo 200.000 de ellos, 5", "1500 de 9000 usados quedan 7500 Se renueva en 30 minutos", "3 usados."),
    "it": ("Saldo 200.000 di cui 5", "1500 di 9000 usati 7500 rimasti Si rinnova tra 30 minuti", "3 usati."),
    "nl": ("Saldo 200.000 waarvan 5", "1.500 van 9.000 verbruikt nog 7.500 over Wordt vernieuwd", "3 verbruikt."),
    "pt": ("Saldo 200.000 dos quais 5", "1.500 de 9.000 usados restam 7.500 Renova-se em 30 minutos", "3 usados."),
    "pl": (
        "Saldo 200\u00a0000 w tym 5 zarezerwowanych",
        "Zużyto 1500 z 9000 pozostało 7500 Odnowi się za 30 minut",
        "Zużyto 3.",
    ),
    "ja": ("残高 200,000 うち 5 は", "9,000 中 1,500 使用済み 残り 7,500 30分後にリセット", "3 使用済み。"),
    "ar": (
        "الرصيد 200,000 منها 5 رموز محجوزة",
        "استُخدم 1,500 من 9,000 المتبقي 7,500 يتجدّد خلال 30 دقيقة",
        "المستخدم 3.",
    ),
}
ORDERS = {
    "en": "Order 41 200,000 tokens 20 Nov 2026",
    "de": "Bestellung 41 200.000 Token 20. Nov. 2026",
    "fr": "Commande 41 200\u202f000 jetons 20 nov. 2026",
    "es": "Pedido 41 200.000 tokens 20 nov 2026",
    "it": "Ordine 41 200.000 token 20 nov 2026",
    "nl": "Bestelling 41 200.000 tokens 20 nov 2026",
    "pt": "Pedido 41 200.000 tokens 20 de nov. de 2026",
    "pl": "Zamówienie 41 200\u00a0000 tokenów 20 lis 2026",
    "ja": "注文 41 200,000 トークン 2026年11月20日",
    "ar": "الطلب \u206841\u2069 200,000 رمز 20 نوفمبر 2026",
}


@pytest.mark.parametrize("language", Language)
def test_widget_is_shown_in_the_language(ada, language):
    response = _widget(ada, lang=language.value)
    words = _words(response)

    assert response.headers["Content-Language"] == language.value
    assert f'lang="{language.value}" dir="{"rtl" if language == "ar" else "ltr"}"' in response.text
    for text in (*SHOWN[language], ORDERS[language]):
        assert text in words
    assert "Tokens (large) × 2" in words


@pytest.mark.parametrize("language", [language for language in Language if language != "en"])
def test_no_english_is_left_in_another_language(ada, language):
    # The name of the product is the shop's text, and stays.
    pages = (_widget(ada), _widget(ada, lang=language.value))
    english, shown = (_words(page).replace("Tokens (large)", "") for page in pages)
    simple = [message for message in update_catalogs.read(language.value) if message.id and not message.pluralizable]
    # Texts of other pages may be part of a text of the widget.
    of_widget = [message for message in simple if any("portal" not in path for path, _ in message.locations)]
    used = [message for message in of_widget if message.id in english]

    assert len(used) > 10
    for message in used:
        assert message.string in shown
        assert message.id not in shown or message.id in message.string


@pytest.mark.parametrize("tag", ["", "xx", "sv-SE", "en-US"])
def test_unsupported_language_is_english(ada, tag):
    assert _widget(ada, lang=tag).text == _widget(ada, lang="en").text == _widget(ada).text


def test_header_does_not_choose_the_language(ada):
    with time_machine.travel(NOW, tick=False):
        response = ada.client.get("/v1/widget?user_id=2", headers=ada.headers | {"Accept-Language": "de"})

    assert response.headers["Content-Language"] == "en"


def test_names_keep_their_direction_in_a_right_to_left_text(ada):
    label = {"label": "Chat (beta)", "metered": True}
    assert ada.client.put("/v1/modules/chat", json=label, headers=ada.headers).status_code == 200

    assert "\u2068Chat (beta)\u2069" in _widget(ada, lang="ar").text
    assert "\u2068Tokens (large) × 2\u2069" in _widget(ada, lang="ar").text
    assert "\u2068" not in _widget(ada, lang="en").text


def test_names_with_braces_are_shown_as_they_are(ada):
    hostile = {"label": "{n} {0.__class__} %s", "metered": True}
    assert ada.client.put("/v1/modules/chat", json=hostile, headers=ada.headers).status_code == 200

    for language in Language:
        assert "{n} {0.__class__} %s" in _widget(ada, lang=language.value).text
