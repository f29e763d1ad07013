"""The ETag of the widget: equal for an unchanged fragment, and another one after everything that it shows."""

from __future__ import annotations

import pytest
import time_machine

from tests.factories import add_shop, deliver, give, line, order, put_package, put_user, spend
from tests.support.replayed import replay

NOW = "2026-12-12T12:00:10+00:00"
PATH = "/v1/widget?user_id=2"


def _ask(shop, etag="", path=PATH):
    return shop.client.get(path, headers=shop.headers | ({"If-None-Match": etag} if etag else {}))


def _put(shop, path, **document):
    assert shop.client.put(f"/v1/{path}", json=document, headers=shop.headers).status_code == 200, path


def _hold(shop):
    hold = {"user": {"id": 2}, "module": "images", "tokens": 3}
    answer = shop.client.post("/v1/holds", json=hold, headers=shop.headers | {"Idempotency-Key": "hold"})
    assert answer.status_code == 201


CHANGES = {
    "a spend of the balance": lambda shop: spend(shop, 2, 5, module="images"),
    "a spend of a free allowance": lambda shop: spend(shop, 2, 5, module="chat"),
    "a spend of a module without tokens": lambda shop: spend(shop, 2, 5, module="free"),
    "a hold": _hold,
    "a grant": lambda shop: deliver(shop, order(9)),
    "a refund of an order": lambda shop: deliver(shop, order(1, "refunded", at=20)),
    "an order on hold": lambda shop: deliver(shop, order(9, "on-hold")),
    "an adjustment": lambda shop: give(shop, 2, 1),
    "the roles": lambda shop: put_user(shop, 2, roles=["editor"]),
    "a limit": lambda shop: _put(shop, "limits/chat", period="daily", rules={"user": 50}),
    "a limit of the user's own": lambda shop: _put(shop, "users/2/limits/chat", limit=5),
    "a reset": lambda shop: shop.client.post("/v1/users/2/limits/reset", json={"all": True}, headers=shop.headers),
    "a reset of the store": lambda shop: shop.client.post("/v1/limits/reset", json={"all": True}, headers=shop.headers),
    "the name of a module": lambda shop: _put(shop, "modules/chat", label="Talk"),
    "a package": lambda shop: put_package(shop, 77, 500),
    "the spend order": lambda shop: _put(shop, "store", spend_order=["balance", "allowance", "plan"]),
    "the page for buying": lambda shop: _put(shop, "store", purchase_url="https://shop.example.com/more"),
    "a plan": lambda shop: deliver(shop, order(9, lines=[line(product=11)])),
}


@pytest.fixture
def buyer(shop, database):
    """Return a store whose user 2 has a balance, a purchase, and used something of a daily limit."""
    with time_machine.travel(NOW, tick=False):
        replay(_buy, shop, database)
    return shop


def _buy(shop):
    put_package(shop, 10, 100)
    put_package(shop, 12, 1_000)
    _put(shop, "packages/11", plan="Studio", tokens=50, months=12)
    _put(shop, "limits/chat", period="daily", rules={"user": 100, "role:editor": "unlimited"})
    _put(shop, "modules/images", label="Images")
    _put(shop, "modules/free", label="Free", metered=False)
    _put(shop, "store", spend_order=["allowance", "balance", "plan"])
    put_user(shop, 2)
    deliver(shop, order(1))
    spend(shop, 2, 20, module="chat")


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_makes_another_version_with_other_content(buyer, change):
    with time_machine.travel(NOW, tick=False):
        first = _ask(buyer)
        assert (_ask(buyer, first.headers["ETag"]).status_code, _ask(buyer).text) == (304, first.text)
        CHANGES[change](buyer)
        after = _ask(buyer, first.headers["ETag"])

        assert after.status_code == 200
        assert after.headers["ETag"] != first.headers["ETag"]
        if change not in {"a reset", "a reset of the store", "a spend of a module without tokens"}:
            assert after.text != first.text


def test_text_with_a_wait_is_never_old(buyer):
    """The version changes with the minute, and the text is that of the version in every second of it."""
    shown = {}
    for second in (0, 1, 29, 59, 60, 61, 119, 120):
        with time_machine.travel(f"2026-12-12T12:{second // 60:02}:{second % 60:02}+00:00", tick=False):
            answer = _ask(buyer)
            assert shown.setdefault(answer.headers["ETag"], answer.text) == answer.text

    assert len(shown) == 3
    waits = ["Resets in 17 hours", "Resets in 16 hours 59 minutes", "Resets in 16 hours 58 minutes"]
    assert [wait for wait, text in zip(waits, shown.values(), strict=True) if wait in text] == waits


def test_a_new_day_of_the_store_is_another_version(buyer):
    with time_machine.travel("2026-12-13T04:59:59+00:00", tick=False):
        before = _ask(buyer)
    with time_machine.travel("2026-12-13T05:00:00+00:00", tick=False):
        after = _ask(buyer, before.headers["ETag"])

    assert "20 of 100 used" in before.text
    assert "0 of 100 used" in after.text


def test_expired_hold_is_another_version(buyer):
    with time_machine.travel(NOW, tick=False):
        _put(buyer, "limits/chat", period="never", rules={"user": 100})
        hold = {"user": {"id": 2}, "module": "images", "tokens": 3, "ttl_seconds": 30}
        buyer.client.post("/v1/holds", json=hold, headers=buyer.headers | {"Idempotency-Key": "short"})
        before = _ask(buyer)
    with time_machine.travel("2026-12-12T12:00:41+00:00", tick=False):
        after = _ask(buyer, before.headers["ETag"])

    assert "3 of them set aside" in before.text
    assert "set aside" not in after.text


def test_version_without_a_wait_stays(buyer):
    with time_machine.travel(NOW, tick=False):
        _put(buyer, "limits/chat", period="never", rules={"user": 100})
        etag = _ask(buyer).headers["ETag"]
    with time_machine.travel("2026-12-12T12:07:00+00:00", tick=False):
        assert _ask(buyer, etag).status_code == 304


def test_two_people_and_two_stores_never_share_a_version(app, buyer):
    """As a cache that stores by URL and version would mix them up."""
    _, other = add_shop(app, "other")
    with time_machine.travel(NOW, tick=False):
        paths = [f"/v1/widget?user_id={user}{more}" for user in (2, 3, 4) for more in ("", "&view=balance", "&lang=de")]
        seen = [buyer.client.get(path, headers=buyer.headers).headers["ETag"] for path in paths]
        seen += [buyer.client.get(path, headers=other).headers["ETag"] for path in paths]

    assert len(set(seen)) == len(seen)


class _Cache:
    """A cache in front that looks at the path alone, and obeys nothing but `private` and `no-store`."""

    def __init__(self, client):
        self._client = client
        self._kept = {}
        self.served = 0

    def get(self, path, headers):
        key = path.partition("?")[0]
        if key in self._kept:
            self.served += 1
            return self._kept[key]
        answer = self._client.get(path, headers=headers)
        allowed = {part.strip() for part in answer.headers.get("Cache-Control", "").split(",")}
        if not allowed & {"private", "no-store"}:
            self._kept[key] = answer
        return answer


def test_careless_cache_never_shows_the_numbers_of_another_user(buyer):
    give(buyer, 2, 1_111)
    give(buyer, 3, 2_222)
    cache = _Cache(buyer.client)
    for view in ("full", "summary", "balance"):
        texts = [cache.get(f"/v1/widget?user_id={user}&view={view}", buyer.headers).text for user in (2, 3)]
        assert ["2,222" in text for text in texts] == [False, True]
    for _ in range(2):
        cache.get("/widget/style.css", {})

    assert cache.served == 1, "the cache works: the style is the same for everyone"
