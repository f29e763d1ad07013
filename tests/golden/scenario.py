"""A store with some of everything, and the requests whose responses are in the golden files."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import Shop, deliver, line, order, put_package, put_user

Answers = dict[str, str]
"""The text of each golden file, by name."""

_IDS = re.compile(r"\b(sp|ho|rf|en|evt|ep|si)_[0-9a-hjkmnp-tv-z]{13,26}\b")
_SECRETS = (
    (re.compile(r"whsec_[A-Za-z0-9+/=]+"), "<signing secret>"),
    (re.compile(r"\btb_[A-Za-z0-9_-]{43}"), "<access key>"),
    (re.compile(r"\btb_[A-Za-z0-9_-]{4,12}"), "<key prefix>"),
    (re.compile(r'("code": ")[0-9A-Z]{5}-[0-9A-Z]{5}(")'), r"\1<link code>\2"),
    (re.compile(r'(name="(?:csrf_token|form_key)" value=")[^"]*'), r"\1<random>"),
    (re.compile(r'(nonce=")[^"]*'), r"\1<random>"),
    (re.compile(r"(/static/[\w./-]+\?\w+=)[\w.-]+"), r"\1<hash>"),
)

WIDGETS = [
    ("a user, English", "user_id=2"),
    ("a user, German", "user_id=2&lang=de"),
    ("a user, French, two modules", "user_id=2&lang=fr&modules=chat,ai_forms"),
    ("a user, Spanish summary", "user_id=2&lang=es&view=summary"),
    ("a user with a plan", "user_id=5"),
    ("a user in debt", "user_id=3&view=summary"),
    ("a user without an account", "user_id=99"),
    ("a guest", "guest_id=visitor"),
    ("a wrong view", "user_id=2&view=all"),
]
PAGES = {
    "credits": ["credits", "credits?q=ada&sort=balance&dir=asc&edit=2", "credits?q=no-such-user"],
    "user": ["credits/2", "credits/3", "credits/5", "credits/99"],
    "connection": ["connection"],
    "exceptions": ["exceptions"],
    "packages": ["packages", "packages/10/0/past-orders"],
}


def take_answers(shop: Shop, admin: FlaskClient, advance: Callable[[], None]) -> Answers:
    """Fill the store and return every response, with placeholders for random values."""
    names = _Names()
    calls = _Calls(shop, advance)
    answers: Answers = {}
    for area, steps in (("settings", _settings), ("metering", _metering), ("orders", _orders), ("users", _users)):
        answers[f"api_{area}.txt"] = names.replace("\n".join(steps(calls)))
    answers["api_sites.txt"] = names.replace("\n".join(_sites(calls)))
    answers["api_events.txt"] = names.replace("\n".join(_events(calls)))
    shown = [(title, shop.client.get(f"/v1/widget?{query}", headers=shop.headers).text) for title, query in WIDGETS]
    style, fragments = _without_style([text for _, text in shown])
    parts = [f"== {title}\n{text}" for (title, _), text in zip(shown, fragments, strict=True)]
    answers["widget.txt"] = names.replace("\n".join([f"== style sheet of each\n{style}", *parts]) + "\n")
    for page, paths in PAGES.items():
        answers[f"page_{page}.txt"] = names.replace("\n".join(_pages(admin, paths)) + "\n")
    return answers


class _Names:
    """Placeholders for random ids: numbered by prefix in the order in which they appear."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, itertools.count[int]] = {}

    def replace(self, text: str) -> str:
        """Return the text with a placeholder for each random id, key and secret."""
        for pattern, placeholder in _SECRETS:
            text = pattern.sub(placeholder, text)
        return _IDS.sub(lambda found: self._name(found[0], found[1]), text)

    def _name(self, visible_id: str, prefix: str) -> str:
        if visible_id not in self._known:
            count = self._counts.setdefault(prefix, itertools.count(1))
            self._known[visible_id] = f"<{prefix} {next(count)}>"
        return self._known[visible_id]


class _Calls:
    """A client that calls the API, each time a second later, and stores the responses."""

    def __init__(self, shop: Shop, advance: Callable[[], None]) -> None:
        self.shop = shop
        self._advance = advance
        self._keys = itertools.count(1)
        self.last: dict[str, Any] = {}

    def send(self, method: str, path: str, body: Any = None, *, key: str = "") -> str:
        """Send one request and return it with its response as text."""
        self._advance()
        headers = dict(self.shop.headers)
        if method == "POST":
            headers["Idempotency-Key"] = key or f"key-{next(self._keys)}"
        response = self.shop.client.open(f"/v1/{path}", method=method, json=body, headers=headers)
        self.last = response.get_json(silent=True) or {}
        return _written(method, path, body, response)

    def deliver(self, document: dict[str, Any]) -> None:
        """Deliver one state of an order, as the shop does."""
        self._advance()
        assert deliver(self.shop, document).status_code == 200


def _written(method: str, path: str, body: Any, response: TestResponse) -> str:
    asked = "" if body is None else f"\n{json.dumps(body)}"
    replayed = " (replayed)" if response.headers.get("Idempotent-Replayed") else ""
    kind = response.headers.get("Content-Type", "")
    return f"== {method} /v1/{path}{asked}\n-- {response.status_code} {kind}{replayed}\n{response.text}\n"


def _settings(calls: _Calls) -> Iterator[str]:
    put_package(calls.shop, 10, 100_000)
    put_user(calls.shop, 2, name="Ada Tester", email="ada@example.test", roles=["subscriber"])
    yield calls.send("PUT", "store", {"purchase_url": "https://shop.example/tokens", "low_balance": 500})
    yield calls.send("GET", "store")
    yield calls.send("PUT", "modules/alt_text", {"label": "Alt text", "metered": False})
    yield calls.send("GET", "modules")
    yield calls.send("GET", "modules/nothing")
    chat = {"guest": 100, "user": 1000, "role:editor": "unlimited"}
    yield calls.send("PUT", "limits/chat", {"period": "daily", "rules": chat, "message": "Come back tomorrow."})
    yield calls.send("PUT", "limits/ai_forms", {"period": "never", "rules": {"user": "unlimited"}})
    yield calls.send("PUT", "limits/image_generator", {"period": "monthly", "rules": {"user": "disabled"}})
    yield calls.send("PUT", "limits/chat", {"period": "hourly", "rules": {"someone": -1}})
    yield calls.send("GET", "limits")
    yield calls.send("PUT", "operations/caption", {"module": "chat", "tokens_per_unit": 40, "max_units": 100})
    yield calls.send("GET", "operations")
    yield calls.send("PUT", "packages/11", {"tokens": 3000})
    yield calls.send("PUT", "packages/12", {"tokens": 2000, "plan": "Monthly <2000>", "months": 3})
    yield calls.send("GET", "packages")
    yield calls.send("GET", "packages/99")


def _metering(calls: _Calls) -> Iterator[str]:
    user = {"user": {"id": 2}, "module": "chat"}
    yield calls.send("POST", "spends", user | {"tokens": 400, "reference": "first"}, key="once")
    yield calls.send("POST", "spends", user | {"tokens": 400, "reference": "first"}, key="once")
    yield calls.send("POST", "spends", user | {"tokens": 401}, key="once")
    first = "sp_none"
    calls.deliver(order(41, lines=[line(quantity=2, name="Hundred thousand")]))
    yield calls.send("POST", "spends", {"user": {"id": 2}, "operation": "caption", "quantity": 20})
    first = calls.last.get("id", first)
    yield calls.send("POST", f"spends/{first}/refund", {"tokens": 300, "reason": "failed"})
    yield calls.send("POST", "spends", user | {"module": "image_generator", "tokens": 10})
    yield calls.send("POST", "spends", user | {"module": "ai_forms", "tokens": 10})
    yield calls.send("POST", "spends", user | {"module": "alt_text", "tokens": 10})
    yield calls.send("POST", "spends", user | {"tokens": 9_000_000})
    yield calls.send("POST", "spends", {"guest": {"id": "visitor"}, "module": "chat", "tokens": 60})
    yield calls.send("POST", "spends", {"guest": {"id": "visitor"}, "module": "chat", "tokens": 60})
    yield calls.send("POST", "spends", {"module": "chat", "tokens": -1})
    batch = [user | {"tokens": 7, "key": "b-1"}, user | {"tokens": 9_000_000, "key": "b-2"}]
    yield calls.send("POST", "spends/batch", {"spends": batch})
    yield calls.send("POST", "quotes", {"user": {"id": 2}, "items": [{"module": "chat", "tokens": 50_000}]})
    yield calls.send("POST", "quotes", {"user": {"id": 9}, "items": [{"module": "ai_forms", "tokens": 5}]})
    yield calls.send("POST", "holds", user | {"tokens": 900, "ttl_seconds": 600})
    held = calls.last.get("id", "ho_none")
    yield calls.send("GET", f"holds/{held}")
    yield calls.send("POST", f"holds/{held}/capture", {"tokens": 450})
    yield calls.send("POST", f"holds/{held}/release", {})
    yield calls.send("POST", "holds", user | {"tokens": 80})
    yield calls.send("GET", "users/2/explain?module=chat&tokens=120")
    yield calls.send("PUT", "users/2/limits/image_optimizer", {"limit": 50, "ends_at": "2027-01-01T00:00:00Z"})
    yield calls.send("POST", "users/2/limits/reset", {"module": "image_optimizer"})
    yield calls.send("POST", "limits/reset", {"module": "ai_forms"})


def _orders(calls: _Calls) -> Iterator[str]:
    calls.deliver(order(42, customer=3))
    calls.send("POST", "spends", {"user": {"id": 3}, "module": "chat", "tokens": 50_500})
    calls.deliver(order(42, "refunded", at=10, customer=3, lines=[line()]))
    calls.deliver(order(43, customer=0, email="guest@example.test"))
    calls.deliver(order(44, customer=4, refunds=["-1.00"]))
    calls.deliver(order(45, customer=4, lines=[line(product=0)]))
    for number in (41, 42, 43, 44, 45, 999):
        yield calls.send("GET", f"orders/{number}")
    yield calls.send("GET", "exceptions")
    yield calls.send("GET", "exceptions/products")
    yield calls.send("POST", "orders/43/assign", {"user": {"id": 6}})
    yield calls.send("GET", "store/sources")


def _users(calls: _Calls) -> Iterator[str]:
    calls.deliver(order(46, customer=5, lines=[line(product=12)]))
    put_user(calls.shop, 5, name="Eve <b>", email="eve@example.test", roles=["editor"])
    yield calls.send("POST", "users/5/adjustments", {"tokens": 1_234, "reason": "a gift"})
    yield calls.send("POST", "users/5/adjustments", {"balance": 77, "expected_balance": 1, "reason": "too late"})
    for number in (2, 3, 5, 99):
        yield calls.send("GET", f"users/{number}")
    for path in ("usage", "entries", "entries?limit=2", "purchases", "purchases/41/lines"):
        yield calls.send("GET", f"users/2/{path}")
    yield calls.send("GET", "users/0")


def _sites(calls: _Calls) -> Iterator[str]:
    yield calls.send("POST", "users/2/sites", {"url": "https://blog.example", "name": "Blog", "monthly_cap": 500})
    site, access_key = calls.last.get("id", "site_none"), calls.last.get("access_key", "")
    response = calls.shop.client.get("/v1/account", headers={"Authorization": f"Bearer {access_key}"})
    yield _written("GET", "account", None, response)
    yield calls.send("PATCH", f"sites/{site}", {"monthly_cap": 5})
    yield calls.send("POST", f"sites/{site}/rotate", {"grace_seconds": 60})
    yield calls.send("GET", "users/2/sites")
    yield calls.send("POST", "users/2/link-codes", {})
    yield calls.send("DELETE", f"sites/{site}")
    yield calls.send("GET", "users/2/sites")


def _events(calls: _Calls) -> Iterator[str]:
    yield calls.send("POST", "event-endpoints", {"url": "https://hooks.example.com/in", "types": ["balance.low"]})
    yield calls.send("GET", "event-endpoints")
    yield calls.send("GET", "events")
    yield calls.send("GET", "events?limit=1")


def _pages(admin: FlaskClient, paths: list[str]) -> Iterator[str]:
    for path in paths:
        response = admin.get(f"/admin/shop/{path}")
        found = re.search(r"<main.*</main>", response.text, re.DOTALL)
        yield f"== {path}\n-- {response.status_code}\n{found[0] if found else response.text}"


def _without_style(texts: list[str]) -> tuple[str, list[str]]:
    """Return the style sheet that the fragments share, and the fragments without it."""
    pattern = re.compile(r"<style>.*?</style>", re.DOTALL)
    styles = {found[0] for text in texts if (found := pattern.search(text))}
    assert len(styles) == 1
    return styles.pop(), [pattern.sub("<style></style>", text) for text in texts]
