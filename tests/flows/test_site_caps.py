"""Spends of a linked site: from its own account only, and never above its cap."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bridge.domain.metering.plans import Term
from bridge.services.accounts import profiles
from bridge.storage.metering import plans
from bridge.storage.stores import stores
from bridge.web.context import utcnow
from tests.conftest import Shop
from tests.factories import balance_of, give, spend
from tests.support.ledger_sql import faults, rows
from tests.support.linked_sites import account, bearer, link, listed

_keys = itertools.count(1)


def ask(shop: Shop, key: str, path: str = "spends", *, client: Any = None, **body: Any) -> Any:
    """Send a request with a site's key, without a user."""
    headers = bearer(key) | {"Idempotency-Key": f"site-{next(_keys)}"}
    return (client or shop.client).post(f"/v1/{path}", json=body, headers=headers)


def spend_here(shop: Shop, key: str, tokens: int, **more: Any) -> Any:
    """Spend in the chat, from the site."""
    return ask(shop, key, module="chat", tokens=tokens, **more)


def cap_of(shop: Shop, key: str) -> tuple[int, int, int | None]:
    """Return the used and held part of a site's cap, and the rest."""
    site = account(shop, key).get_json()["site"]
    return site["used_this_month"], site["held"], site["remaining"]


def test_site_spends_from_its_own_account(shop, database):
    give(shop, 2, 1000)
    give(shop, 3, 1000)
    site = link(shop)

    spent = spend_here(shop, site["access_key"], 300)

    assert spent.status_code == 201, spent.text
    assert (balance_of(shop, 2), balance_of(shop, 3)) == (700, 1000)
    assert cap_of(shop, site["access_key"]) == (300, 0, None)
    assert rows(database, "select actor from entries where kind = 'spend'") == [{"actor": "site Ada's blog"}]
    assert faults(database) == []


def test_site_that_names_a_user_is_refused_and_nothing_is_taken(shop):
    """Not even its own account: a site that can name one user can name another."""
    give(shop, 2, 1000)
    site = link(shop)

    for who in ({"user": {"id": 2}}, {"user": {"id": 3}}, {"guest": {"id": "visitor"}}):
        for path in ("spends", "holds"):
            refused = ask(shop, site["access_key"], path, module="chat", tokens=1, **who)
            assert (refused.status_code, refused.get_json()["code"]) == (403, "site_names_user"), (path, who)
            assert [error["field"] for error in refused.get_json()["errors"]] == list(who)

    assert balance_of(shop, 2) == 1000


def test_site_spends_up_to_its_cap_and_not_one_token_more(shop):
    give(shop, 2, 1000)
    key = link(shop, monthly_cap=500)["access_key"]

    assert spend_here(shop, key, 499).status_code == 201
    assert spend_here(shop, key, 2).get_json()["code"] == "site_cap_reached"
    assert spend_here(shop, key, 1).status_code == 201
    assert spend_here(shop, key, 1).status_code in {402, 403}

    assert balance_of(shop, 2) == 500
    assert cap_of(shop, key) == (500, 0, 0)


def test_cap_of_nothing_may_spend_nothing_and_the_shop_still_may(shop):
    give(shop, 2, 1000)
    staging = link(shop, monthly_cap=0)["access_key"]

    assert spend_here(shop, staging, 1).get_json()["code"] == "site_cap_reached"
    assert spend(shop, 2, 1000).status_code == 201


def test_caps_of_two_sites_are_each_their_own(shop):
    give(shop, 2, 1000)
    small, large = link(shop, monthly_cap=10)["access_key"], link(shop, monthly_cap=900)["access_key"]

    assert spend_here(shop, large, 900).status_code == 201
    assert spend_here(shop, small, 10).status_code == 201


def test_raised_cap_counts_from_the_next_spend(shop):
    give(shop, 2, 1000)
    site = link(shop, monthly_cap=0)

    shop.client.patch(f"/v1/sites/{site['id']}", json={"monthly_cap": 5}, headers=shop.headers)

    assert spend_here(shop, site["access_key"], 5).status_code == 201
    assert spend_here(shop, site["access_key"], 1).get_json()["code"] == "site_cap_reached"


def test_open_hold_takes_from_the_cap_until_it_is_released(shop):
    give(shop, 2, 1000)
    site = link(shop, monthly_cap=100)
    key = site["access_key"]

    held = ask(shop, key, "holds", module="chat", tokens=80)

    assert held.status_code == 201, held.text
    assert cap_of(shop, key) == (0, 80, 20)
    assert listed(shop)[0]["held"] == 80
    assert spend_here(shop, key, 21).get_json()["code"] == "site_cap_reached"
    ask(shop, key, f"holds/{held.get_json()['id']}/release")
    assert cap_of(shop, key) == (0, 0, 100)


def test_refund_gives_the_cap_back(shop):
    give(shop, 2, 1000)
    key = link(shop, monthly_cap=100)["access_key"]
    spent = spend_here(shop, key, 100).get_json()

    refunded = ask(shop, key, f"spends/{spent['id']}/refund", tokens=60, reason="it failed")

    assert refunded.status_code == 201, refunded.text
    assert cap_of(shop, key) == (40, 0, 60)


def test_spends_at_once_never_pass_the_cap(app, shop, database):
    give(shop, 2, 1000)
    key = link(shop, monthly_cap=50)["access_key"]
    barrier = threading.Barrier(8)

    def burst(_number: int) -> list[int]:
        client = app.test_client()
        barrier.wait(10)
        return [spend_here(shop, key, 10, client=client).status_code for _ in range(2)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for answers in pool.map(burst, range(8)) for status in answers]

    assert statuses.count(201) == 5
    assert cap_of(shop, key) == (50, 0, 0)
    assert balance_of(shop, 2) == 950
    assert faults(database) == []


def test_unlinked_site_spends_no_more(shop):
    give(shop, 2, 1000)
    site = link(shop)
    assert spend_here(shop, site["access_key"], 1).status_code == 201

    shop.client.delete(f"/v1/sites/{site['id']}", headers=shop.headers)

    refused = spend_here(shop, site["access_key"], 1)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "site_unlinked")
    assert balance_of(shop, 2) == 999


def test_account_is_low_while_a_hold_has_most_of_it_and_exhausted_when_it_has_all(shop):
    give(shop, 2, 1500)
    key = link(shop)["access_key"]

    assert account(shop, key).get_json()["state"] == "ok"
    ask(shop, key, "holds", module="chat", tokens=501)
    assert account(shop, key).get_json()["state"] == "low"
    ask(shop, key, "holds", module="chat", tokens=999)
    assert account(shop, key).get_json()["state"] == "exhausted"


def test_account_with_a_plan_is_not_exhausted(shop, database):
    key = link(shop)["access_key"]
    assert account(shop, key).get_json()["state"] == "exhausted"

    with database.transaction() as connection:
        holder = profiles.get_account(connection, shop.id, 2)
        term = Term(1, 1, 10, "Pro", tokens=50, months=1, bought_at=utcnow())
        plans.put_terms(connection, shop.id, 1, account_id=holder.id, bought=[term])
        stores.touch(connection, shop.id)

    assert account(shop, key).get_json()["state"] == "low"
    assert spend_here(shop, key, 50).status_code == 201
    assert account(shop, key).get_json()["state"] == "exhausted"
