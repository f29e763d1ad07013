"""A linked site sees and settles only its own spends and holds; guessed ids do not help."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from app import create_app
from bridge.rendering.ids import decode_id, encode_id
from tests.conftest import Shop, make_config
from tests.factories import balance_of, give, spend
from tests.support.ledger_sql import faults, rows
from tests.support.linked_sites import account, bearer, link

_keys = itertools.count(1)


def post(shop: Shop, headers: dict[str, str], path: str, **body: Any) -> Any:
    """Send a POST under a new idempotency key."""
    return shop.client.post(path, json=body, headers=headers | {"Idempotency-Key": f"record-{next(_keys)}"})


def settle(shop: Shop, headers: dict[str, str], spend_id: str, hold_id: str) -> list[tuple[int, str]]:
    """Send every request for a spend and a hold; return status and body of each response."""
    tried = [
        post(shop, headers, f"/v1/spends/{spend_id}/refund", reason="mine now"),
        post(shop, headers, f"/v1/holds/{hold_id}/capture", tokens=1),
        post(shop, headers, f"/v1/holds/{hold_id}/release"),
        shop.client.get(f"/v1/holds/{hold_id}", headers=headers),
    ]
    return [(response.status_code, response.text) for response in tried]


@pytest.mark.parametrize("owner", ["shop", "other site"])
def test_site_settles_nothing_that_others_charged(shop, database, owner):
    give(shop, 2, 1000)
    site, other = link(shop, monthly_cap=0), link(shop, name="Other", monthly_cap=500)
    if owner == "shop":
        spent = spend(shop, 2, 300).get_json()["id"]
        held = post(shop, shop.headers, "/v1/holds", user={"id": 2}, module="chat", tokens=50).get_json()["id"]
    else:
        key = bearer(other["access_key"])
        spent = post(shop, key, "/v1/spends", module="chat", tokens=300).get_json()["id"]
        held = post(shop, key, "/v1/holds", module="chat", tokens=50).get_json()["id"]
    caps = account(shop, other["access_key"]).get_json()["site"]
    unknown_spend, unknown_hold = encode_id("sp", 77), encode_id("ho", 77)

    answers = settle(shop, bearer(site["access_key"]), spent, held)

    assert [status for status, _ in answers] == [404] * 4
    assert answers == settle(shop, bearer(site["access_key"]), unknown_spend, unknown_hold)
    assert balance_of(shop, 2) == 700
    assert account(shop, other["access_key"]).get_json()["site"] == caps
    assert account(shop, site["access_key"]).get_json()["site"]["used_this_month"] == 0
    assert rows(database, "select count(*) as n from refunds") == [{"n": 0}]
    assert faults(database) == []


def test_site_and_store_settle_what_the_site_charged(shop, database):
    give(shop, 2, 1000)
    key = bearer(link(shop)["access_key"])
    spends = [post(shop, key, "/v1/spends", module="chat", tokens=100).get_json()["id"] for _ in range(2)]
    holds = [post(shop, key, "/v1/holds", module="chat", tokens=100).get_json()["id"] for _ in range(2)]

    for headers, spent, held in zip((key, shop.headers), spends, holds, strict=True):
        assert post(shop, headers, f"/v1/spends/{spent}/refund", reason="bad").status_code == 201
        assert shop.client.get(f"/v1/holds/{held}", headers=headers).status_code == 200
        assert post(shop, headers, f"/v1/holds/{held}/capture", tokens=10).status_code == 201

    assert balance_of(shop, 2) == 980
    assert faults(database) == []


def test_visible_ids_cannot_be_guessed_from_their_neighbours(shop):
    give(shop, 2, 1000)
    key = bearer(link(shop)["access_key"])
    ids = [post(shop, key, "/v1/spends", module="chat", tokens=1).get_json()["id"] for _ in range(3)]

    assert ids == sorted(ids)
    assert {len(id_) for id_ in ids} == {29}
    numbers = [decode_id("sp", id_) for id_ in ids]
    for headers in (key, shop.headers):
        for number, id_ in zip(numbers, ids, strict=True):
            # The right number under the tag of a neighbour, of another kind, changed or cut.
            for tag in ({other[16:] for other in ids} - {id_[16:]}) | {
                encode_id("ho", number)[16:],
                id_[16:-1],
                "0" * 13,
            }:
                guess = post(shop, headers, f"/v1/spends/{id_[:16]}{tag}/refund", reason="guess")
                assert guess.status_code == 404, tag


def test_id_from_before_ids_had_tags_works_for_the_store_and_not_for_a_site(shop):
    give(shop, 2, 1000)
    key = bearer(link(shop)["access_key"])
    spent = post(shop, key, "/v1/spends", module="chat", tokens=10).get_json()["id"]

    assert post(shop, key, f"/v1/spends/{spent[:16]}/refund", reason="old").status_code == 404
    assert post(shop, shop.headers, f"/v1/spends/{spent[:16]}/refund", reason="old").status_code == 201


def test_site_key_that_keeps_guessing_is_slowed_and_no_other_key_is(shop):
    give(shop, 2, 1000)
    site, other = link(shop), link(shop, name="Other")
    guesser, neighbour = bearer(site["access_key"]), bearer(other["access_key"])
    own = post(shop, neighbour, "/v1/holds", module="chat", tokens=10).get_json()["id"]

    statuses = []
    for number in range(40):
        answer = post(shop, guesser, f"/v1/spends/{encode_id('sp', number)}/refund", reason="guess")
        statuses.append(answer.status_code)

    assert statuses.index(429) >= 10
    assert set(statuses) == {404, 429}
    assert answer.get_json()["code"] == "too_many_unknown_ids"
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert shop.client.get(f"/v1/holds/{own}", headers=guesser).status_code == 429
    # It may still spend; other keys are as fast as before.
    assert post(shop, guesser, "/v1/spends", module="chat", tokens=1).status_code == 201
    assert post(shop, neighbour, f"/v1/holds/{own}/capture", tokens=1).status_code == 201
    store = [
        post(shop, shop.headers, f"/v1/spends/{encode_id('sp', n)}/refund", reason="x").status_code for n in range(40)
    ]
    assert set(store) == {404}


def test_processes_share_the_count_of_unknown_ids(shop, app, database_url):
    """With workers the tries would multiply; each worker lets one wrong id through to see the count."""
    give(shop, 2, 1000)
    guesser, neighbour = bearer(link(shop)["access_key"]), bearer(link(shop, name="Other")["access_key"])
    workers = [app] + [create_app(make_config(database_url)) for _ in range(3)]
    shops = [type(shop)(shop.connected, worker.test_client()) for worker in workers]

    def guess(number, headers=guesser):
        where = shops[number % len(shops)]
        return post(where, headers, f"/v1/spends/{encode_id('sp', number)}/refund", reason="guess").status_code

    statuses = [guess(number) for number in range(80)]

    assert 20 <= statuses.count(404) <= 20 + len(workers)
    assert set(statuses[40:]) == {429}
    assert guess(0, neighbour) == 404
    for worker in workers[1:]:
        worker.extensions["bridge"].group_commit.close()
        worker.extensions["bridge"].database.close()


def test_every_id_a_caller_sees_carries_a_tag(shop):
    give(shop, 2, 1000)
    site = link(shop)
    spent = spend(shop, 2, 10).get_json()
    refund = post(shop, shop.headers, f"/v1/spends/{spent['id']}/refund", reason="bad").get_json()
    held = post(shop, shop.headers, "/v1/holds", user={"id": 2}, module="chat", tokens=5).get_json()
    endpoint = shop.client.post("/v1/event-endpoints", json={"url": "https://example.com/e"}, headers=shop.headers)
    entries = shop.client.get("/v1/users/2/entries", headers=shop.headers).get_json()["items"]
    events = shop.client.get("/v1/events", headers=shop.headers).get_json()["items"]

    seen = [site["id"], spent["id"], refund["id"], refund["spend"], held["id"], endpoint.get_json()["id"]]
    seen += [entry["id"] for entry in entries] + [event["id"] for event in events]
    assert events
    assert {len(id_.partition("_")[2]) for id_ in seen} == {26}
