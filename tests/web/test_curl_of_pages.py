"""“Same call with curl”: each command that a page of the console shows is sent to the API as it is."""

from __future__ import annotations

import html
import re
import shlex
from urllib.parse import urlsplit

import pytest

from bridge.domain.orders.comparing import Compared, Comparison, Difference, SyncState
from bridge.storage.orders import comparisons
from tests.factories import NOON, deliver, give, line, order, put_package, put_user, spend
from tests.support.pages import sign_in

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture
def filled(app, shop, database):
    """Return a signed-in client of a store that has something of each kind."""
    put_package(shop, 10, 600)
    limit = {"period": "daily", "rules": {"user": 100}, "message": "O'Neill’s “limit”; rm -rf $HOME"}
    shop.client.put("/v1/limits/chat", json=limit, headers=shop.headers)
    shop.client.put("/v1/operations/image", json={"module": "images", "tokens_per_unit": 40}, headers=shop.headers)
    for user_id in range(1, 31):
        put_user(shop, user_id, name=f"O'Brien {user_id}", email=f"u{user_id}@example.test", roles=["customer"])
    give(shop, 2, 5_000)
    spend(shop, 2, 700)
    site = {"url": "https://blog.example", "name": "Blog", "monthly_cap": 5000}
    shop.client.post("/v1/users/2/sites", json=site, headers=shop.headers)
    shop.client.put("/v1/users/2/limits/chat", json={"limit": 77}, headers=shop.headers)
    hold = {"user": {"id": 2}, "module": "chat", "tokens": 5}
    shop.client.post("/v1/holds", json=hold, headers=shop.headers | {"Idempotency-Key": "hold"})
    endpoint = {"url": "https://receiver.example/events"}
    shop.client.post("/v1/event-endpoints", json=endpoint, headers=shop.headers)
    deliver(shop, order(1, customer=2, lines=[line(quantity=2)]))
    deliver(shop, order(2, customer=0, email="guest@example.test"))
    deliver(shop, order(3, customer=2, lines=[line(product=77)]))
    deliver(shop, order(4, customer=2, total="10.00", refunds=["-5.00"]))
    differences = (Difference(Compared.STATUS, "processing", "completed"),)
    with database.transaction() as connection:
        comparisons.put(connection, shop.id, [(1, Comparison(SyncState.WARNING, NOON, differences))])
    return sign_in(app)


def calls_of(client, path):
    """Return the commands of a page as method, path, headers and body."""
    page = client.get(path)
    assert page.status_code == 200, path
    commands = re.findall(r'aria-label="curl command[^"]*"><code>(.*?)</code>', page.text, re.DOTALL)
    assert commands, path
    return [_parsed(html.unescape(command)) for command in commands]


def _parsed(command):
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["curl", "-X"], command
    address, headers, body = words[3], {}, None
    assert address.startswith(f"{ADDRESS}/v1/")
    for name, value in zip(words[4::2], words[5::2], strict=True):
        if name == "-d":
            body = value
        else:
            assert name == "-H"
            headers.update([value.split(": ", 1)])
    assert headers.pop("Authorization") == "Bearer $TOKEN_BRIDGE_KEY"
    split = urlsplit(address)
    return words[2], f"{split.path}?{split.query}".rstrip("?"), headers, body


PAGES = (
    "credits",
    "credits?q=o'brien&filter=has_balance&filter=inactive&role=customer&sort=name&dir=desc&size=25&days=365",
    "credits?edit=2",
    "credits/2",
    "credits/2?module=chat&tokens=50&at=2026-11-20T10:00:00&days=90",
    "credits/2/merge?from=3",
    "credits/2/erase",
    "credits/bulk",
    "exceptions",
    "exceptions?amounts=3",
    "exceptions?after=3",
    "comparison",
    "packages/preview",
    "packages/preview?product=10/3&quantity=1,5&stamp=700",
    "packages/preview?order=1",
    "settings/limits",
    "settings/prices",
    "packages",
    "packages/10/0/past-orders",
    "settings/store",
    "settings/events",
)


def test_each_command_of_every_page_is_accepted_by_the_api(shop, filled):
    wrong = []
    for path in PAGES:
        for number, (method, address, headers, body) in enumerate(calls_of(filled, f"/admin/shop/{path}")):
            if address.endswith("/check") or method == "DELETE":
                # Needs the keys of a shop, or removes what other commands are about.
                if method not in shop.client.open(address, method="OPTIONS").headers["Allow"]:
                    wrong.append((path, method, address))
                continue
            keyed = {"Idempotency-Key": f"{path}-{number}"} if "Idempotency-Key" in headers else {}
            answer = shop.client.open(address, method=method, data=body, headers=shop.headers | headers | keyed)
            if answer.status_code not in {200, 201}:
                wrong.append((path, method, address, body, answer.text))

    assert wrong == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_call_of_the_list_returns_the_users_of_the_page(shop, filled):
    page = "/admin/shop/credits?q=o'brien&sort=name&dir=desc&size=25"
    following = re.search(r'rel="next" href="([^"]+)"', filled.get(page).text)
    assert following
    path = html.unescape(following[1])
    shown = [int(text) for text in re.findall(r'data-user="(\d+)"', filled.get(path).text)]

    [address] = [address for _, address, _, _ in calls_of(filled, path) if address.startswith("/v1/users")]
    listed = shop.client.get(address, headers=shop.headers).json["items"]

    assert [item["id"] for item in listed] == shown
    assert len(shown) == 5


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_every_page_with_a_twin_in_the_api_is_in_this_test(app, filled):
    """Pages about sign-in, admins, access keys, deliveries and the connection have no call of the API."""
    boxed = set()
    for rule in app.url_map.iter_rules():
        if str(rule).startswith("/admin/<store>") and "GET" in rule.methods and rule.arguments <= {"store"}:
            page = filled.get(str(rule).replace("<store>", "shop"))
            if page.mimetype == "text/html" and 'id="curl"' in page.text:
                boxed.add(str(rule).removeprefix("/admin/<store>/"))

    assert boxed == {path for path in PAGES if "?" not in path and not re.search(r"/\d", path)}
