"""The price list and the modules over HTTP: a store's defaults, and its owner's changes."""

from __future__ import annotations

import pytest

from tests.factories import add_shop, balance_of, give

SEED = {
    "chat.message": ("chat", 1, None, []),
    "form.submission": ("ai_forms", 1, None, []),
    "image.generation": ("image_generator", 1, None, []),
    "image.analysis": ("image_optimizer", 1, None, []),
    "image.export": ("image_optimizer", 1, None, []),
    "image.pipeline": ("image_optimizer", 2, None, ["image.analysis", "image.export"]),
    "image.preview": ("image_optimizer", 0, 5, []),
    "alt_text.generation": ("alt_text", 1, None, []),
}


@pytest.fixture
def put(shop):
    def put(path, **body):
        response = shop.client.put(f"/v1/{path}", json=body, headers=shop.headers)
        assert response.status_code == 200, response.text
        return response.get_json()

    return put


@pytest.fixture
def buy(shop):
    """Spend an operation as user 2 and return the response."""
    numbers = iter(range(1_000))

    def buy(operation, quantity=1):
        body = {"user": {"id": 2}, "operation": operation, "quantity": quantity}
        headers = shop.headers | {"Idempotency-Key": f"buy-{next(numbers)}"}
        return shop.client.post("/v1/spends", json=body, headers=headers)

    return buy


def listed(shop):
    items = shop.client.get("/v1/operations", headers=shop.headers).get_json()["items"]
    return {one["key"]: (one["module"], one["tokens_per_unit"], one["max_units"], one["parts"]) for one in items}


def test_store_begins_with_the_price_list_of_the_issue(shop):
    assert listed(shop) == SEED


def test_each_operation_costs_what_it_is_listed_at(shop, buy):
    give(shop, 2, 1_000)

    for key, (module, tokens, _, _) in SEED.items():
        answer = buy(key, 3).get_json()
        assert (answer["tokens"], answer["module"], answer["quantity"]) == (3 * tokens, module, 3), key


def test_operation_of_others_follows_their_prices(shop, put, buy):
    give(shop, 2, 1_000)

    put("operations/image.analysis", module="image_optimizer", tokens_per_unit=7)

    assert listed(shop)["image.pipeline"][1] == 8
    assert buy("image.pipeline", 2).get_json()["tokens"] == 16


def test_price_changes_count_from_the_next_spend_and_not_for_the_last(shop, put, buy):
    give(shop, 2, 100)
    before = buy("chat.message").get_json()

    put("operations/chat.message", module="chat", tokens_per_unit=10)

    assert (before["tokens"], buy("chat.message").get_json()["tokens"]) == (1, 10)
    assert balance_of(shop, 2) == 89


def test_operations_and_their_modules_can_be_added_and_taken_away(shop, put, buy):
    give(shop, 2, 100)

    made = put("operations/video.second", module="video", tokens_per_unit=4, max_units=10)
    put("operations/video.clip", module="video", parts=["video.second", "image.export"])

    assert made == {"key": "video.second", "module": "video", "tokens_per_unit": 4, "max_units": 10, "parts": []}
    modules = [one["key"] for one in shop.client.get("/v1/modules", headers=shop.headers).get_json()["items"]]
    assert modules[-1] == "video"
    assert buy("video.clip", 2).get_json()["tokens"] == 10
    assert buy("video.second", 11).get_json()["code"] == "too_many_units"
    for key in ("video.clip", "video.second"):
        assert shop.client.delete(f"/v1/operations/{key}", headers=shop.headers).status_code == 204
    assert listed(shop) == SEED
    assert buy("video.second").get_json()["code"] == "unknown_operation"


def test_unmetered_module_costs_nothing_and_is_recorded_until_it_is_metered_again(shop, put, buy):
    give(shop, 2, 10)
    put("limits/image_optimizer", period="daily", rules={"user": "disabled"})
    put("modules/image_optimizer", label="Images", metered=False)

    free = buy("image.pipeline", 50).get_json()
    put("modules/image_optimizer", label="Images", metered=True)
    paid = buy("image.pipeline", 5).get_json()

    assert (free["tokens"], free["quantity"], paid["tokens"]) == (0, 50, 10)
    assert buy("image.pipeline").status_code == 403
    days = shop.client.get("/v1/users/2/usage", headers=shop.headers).get_json()["days"]
    assert [(day["units"], day["tokens"]) for day in days] == [(55, 10)]


def test_price_lists_of_two_stores_are_their_own(shop, app, put):
    connected, headers = add_shop(app, "other")
    put("operations/chat.message", module="chat", tokens_per_unit=99)

    theirs = shop.client.get("/v1/operations/chat.message", headers=headers).get_json()

    assert (connected.store.slug, theirs["tokens_per_unit"]) == ("other", 1)
