"""A user with `confirm_paid` is asked once in each window before tokens of the balance are taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.metering import confirmations
from tests.factories import balance_of, give, merge, put_user, spend, state_of
from tests.support import ledger_sql
from tests.support.linked_sites import bearer, link
from tests.support.spend_driver import SpendDriver
from tests.support.statements import counted

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def sound_ledger(database):
    """Check afterwards that the ledger adds up."""
    yield
    assert ledger_sql.faults(database) == []


@pytest.fixture
def asking(shop):
    """Return a store in which user 2 has 1,000 tokens, 100 free ones in the chat each month, and wants to confirm."""
    give(shop, 2, 1_000)
    settings(shop, "/v1/limits/chat", period="monthly", rules={"user": 100})
    settings(shop, "/v1/store", spend_order=["plan", "allowance", "balance"])
    assert put_user(shop, 2, confirm_paid=True)["confirm_paid"] is True
    return shop


def settings(shop, path, **values):
    assert shop.client.put(path, json=values, headers=shop.headers).status_code == 200


def post(shop, path, *, key, **body):
    return shop.client.post(path, json=body, headers=shop.headers | {"Idempotency-Key": key})


def quote(shop, *tokens, module="chat"):
    body = {"user": {"id": 2}, "items": [{"module": module, "tokens": each} for each in tokens]}
    return shop.client.post("/v1/quotes", json=body, headers=shop.headers).get_json()


def test_first_spend_from_free_to_paid_is_refused_until_it_is_confirmed(asking):
    free = spend(asking, 2, 80)
    assert quote(asking, 20)["confirmation_required"] is False
    assert quote(asking, 10, 20)["confirmation_required"] is True
    before = state_of(asking, 2)

    refused = spend(asking, 2, 50, key="k")

    assert (free.status_code, refused.status_code) == (201, 402)
    document = refused.get_json()
    assert (document["code"], document["title"]) == ("confirmation_required", "Confirmation required")
    assert (document["required"], document["available"], document["shortfall"]) == (50, 50, 0)
    assert document["paid_by"] == {"plan": 0, "balance": 30, "allowance": 20}
    assert document["purchase_url"] is None
    assert document["message"] == (
        "This takes 30 tokens from your balance. Please confirm it first. Nothing was charged."
    )
    assert document["resets_at"] == document["allowance"]["resets_at"]
    # Free tokens alone never pay for more than the limit.
    assert spend(asking, 2, 101).get_json()["resets_at"] is None
    assert state_of(asking, 2) == before
    # The refusal is not stored: the same key is decided again, with the confirmation.
    agreed = spend(asking, 2, 50, key="k", confirmed=True)
    assert (agreed.status_code, agreed.get_json()["paid_by"]) == (201, document["paid_by"])
    # A retry gets the same answer, whether it repeats the confirmation or not.
    assert [spend(asking, 2, 50, key="k", **more).data for more in ({}, {"confirmed": True})] == [agreed.data] * 2
    # The confirmation counts for the rest of the window.
    assert spend(asking, 2, 70).status_code == 201
    assert quote(asking, 20)["confirmation_required"] is False
    # It counts for this module only.
    assert spend(asking, 2, 5, module="ai_forms").get_json()["code"] == "confirmation_required"
    assert balance_of(asking, 2) == 1_000 - 30 - 70


def test_what_is_missing_is_said_before_the_confirmation_is_asked_for(asking):
    refused = spend(asking, 2, 1_101)
    assert (refused.get_json()["code"], refused.get_json()["shortfall"]) == ("insufficient_tokens", 1)
    assert "paid_by" not in refused.get_json()
    assert quote(asking, 1_101)["confirmation_required"] is False


def test_confirmation_of_a_spend_that_takes_no_paid_tokens_does_not_count(asking):
    assert spend(asking, 2, 100, confirmed=True).status_code == 201
    assert spend(asking, 2, 1).get_json()["code"] == "confirmation_required"


def test_setting_is_off_by_default_and_turning_it_on_again_asks_again(asking, database):
    give(asking, 3, 50)
    assert spend(asking, 3, 120).status_code == 201
    assert put_user(asking, 3)["confirm_paid"] is False
    assert spend(asking, 2, 150, confirmed=True).status_code == 201
    put_user(asking, 2, confirm_paid=None, name="Ada")
    assert spend(asking, 2, 1).status_code == 201
    put_user(asking, 2, confirm_paid=False)
    assert spend(asking, 2, 1).status_code == 201
    put_user(asking, 2, confirm_paid=True)
    assert spend(asking, 2, 1).status_code == 402
    changed = ledger_sql.rows(database, "select name, after from changes where subject = 'user' order by id")
    assert [row["name"] for row in changed] == ["user 2"] * 3


@pytest.mark.parametrize("value", ["yes", 1, [], {}])
def test_values_other_than_true_and_false_are_refused(asking, value):
    assert spend(asking, 2, 1, confirmed=value).status_code == 422
    answer = asking.client.put("/v1/users/2", json={"confirm_paid": value}, headers=asking.headers)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "confirm_paid")


def test_hold_asks_as_a_spend_does_and_confirms_its_capture(asking):
    body = {"user": {"id": 2}, "module": "chat", "tokens": 150}
    refused = post(asking, "/v1/holds", key="h", **body)
    assert (refused.status_code, refused.get_json()["code"]) == (402, "confirmation_required")
    assert state_of(asking, 2)["held"] == 0

    held = post(asking, "/v1/holds", key="h", confirmed=True, **body)
    assert (held.status_code, held.get_json()["paid_by"]["balance"]) == (201, 50)
    taken = post(asking, f"/v1/holds/{held.get_json()['id']}/capture", key="c", tokens=170).get_json()
    assert (taken["paid_by"]["balance"], taken["uncovered"]) == (70, 0)


def test_capture_beyond_a_free_hold_takes_no_paid_tokens_without_a_confirmation(asking):
    holds = [
        post(asking, "/v1/holds", key=f"h{n}", user={"id": 2}, module="chat", tokens=50).get_json()["id"]
        for n in range(2)
    ]

    silent = post(asking, f"/v1/holds/{holds[0]}/capture", key="c0", tokens=60)
    agreed = post(asking, f"/v1/holds/{holds[1]}/capture", key="c1", tokens=60, confirmed=True)

    assert (silent.status_code, agreed.status_code) == (201, 201)
    assert (silent.get_json()["paid_by"]["balance"], silent.get_json()["uncovered"]) == (0, 10)
    assert (agreed.get_json()["paid_by"]["balance"], agreed.get_json()["uncovered"]) == (10, 0)
    # The confirmed capture counts for the window.
    assert spend(asking, 2, 5).status_code == 201
    assert balance_of(asking, 2) == 1_000 - 10 - 5


@pytest.mark.parametrize(
    ("order", "free_first"),
    [(["plan", "balance", "allowance"], False), (["plan", "allowance", "balance"], True)],
    ids=["balance-first", "free-first"],
)
def test_each_window_asks_once_in_each_spend_order(shop, database, order, free_first):
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.limit("chat", "daily", user=10)
    driver.settings(spend_order=order)
    driver.give(2, 100, now=NOW)
    want(database, shop, 2)
    crossing = 11 if free_first else 1

    for day in (NOW, NOW + DAY):
        if free_first:
            assert driver.one(driver.spend(2, 10), now=day)["status"] == 201
        refused = driver.one(driver.spend(2, crossing if not free_first else 1), now=day)
        assert (refused["status"], refused["code"]) == (402, "confirmation_required")
        assert driver.one(driver.spend(2, 1, confirmed=True), now=day)["status"] == 201
        assert driver.one(driver.spend(2, 1), now=day)["paid_by"]["balance"] == 1
    # Without a limit, a confirmation counts for the month of the store.
    forms = {"module": "ai_forms"}
    assert driver.one(driver.spend(2, 1, **forms), now=NOW)["status"] == 402
    assert driver.one(driver.spend(2, 1, **forms, confirmed=True), now=NOW)["status"] == 201
    assert driver.one(driver.spend(2, 1, **forms), now=NOW + 20 * DAY)["status"] == 201
    assert driver.one(driver.spend(2, 1, **forms), now=NOW + 25 * DAY)["status"] == 402


def test_window_that_was_reset_asks_again(asking):
    assert spend(asking, 2, 150, confirmed=True).status_code == 201
    assert spend(asking, 2, 1).status_code == 201
    reset = asking.client.post("/v1/users/2/limits/reset", json={"module": "chat"}, headers=asking.headers)
    assert reset.status_code == 200

    assert spend(asking, 2, 100).get_json()["paid_by"]["allowance"] == 100
    assert spend(asking, 2, 1).get_json()["code"] == "confirmation_required"


def test_plan_pays_without_a_question(shop, database):
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.plan(70, tokens=30, months=1, now=NOW)
    driver.order(1, 2, now=NOW, product=70)
    driver.give(2, 100, now=NOW)
    want(database, shop, 2)

    assert driver.one(driver.spend(2, 30), now=NOW)["paid_by"]["plan"] == 30
    assert driver.one(driver.spend(2, 1), now=NOW)["code"] == "confirmation_required"


def test_batch_decides_each_spend_in_turn(asking):
    asked = [(90, False), (20, False), (20, True), (20, False), (10, False)]
    spends = [
        {"key": f"b{n}", "user": {"id": 2}, "module": "chat", "tokens": tokens}
        | ({"confirmed": True} if agreed else {})
        for n, (tokens, agreed) in enumerate(asked)
    ]
    answer = asking.client.post("/v1/spends/batch", json={"spends": spends}, headers=asking.headers).get_json()

    assert [one["status"] for one in answer["results"]] == [201, 402, 201, 201, 201]
    assert answer["results"][1]["code"] == "confirmation_required"
    assert balance_of(asking, 2) == 1_000 - 10 - 20 - 10


def test_64_callers_take_no_paid_token_before_the_confirmation(asking, app):
    def send(number, **more):
        return spend(asking, 2, 10, key=f"storm-{number}", client=app.test_client(), **more)

    with ThreadPoolExecutor(64) as threads:
        first = list(threads.map(send, range(64)))
        assert sorted(answer.status_code for answer in first) == [201] * 10 + [402] * 54
        assert balance_of(asking, 2) == 1_000
        # One of them is confirmed among others that are not: whichever come after it are paid.
        second = list(threads.map(lambda number: send(number, confirmed=number == 132), range(100, 164)))

    accepted = [answer.get_json() for answer in second if answer.status_code == 201]
    assert {answer.get_json()["code"] for answer in second if answer.status_code != 201} <= {"confirmation_required"}
    assert second[32].status_code == 201
    assert sum(one["paid_by"]["balance"] for one in accepted) == 10 * len(accepted) == 1_000 - balance_of(asking, 2)


def test_linked_site_is_asked_as_well_and_a_merged_user_by_the_person(asking):
    key = bearer(link(asking, 2)["access_key"]) | {"Idempotency-Key": "s"}
    body = {"module": "ai_forms", "tokens": 5}
    assert asking.client.post("/v1/spends", json=body, headers=key).get_json()["code"] == "confirmation_required"
    assert asking.client.post("/v1/spends", json=body | {"confirmed": True}, headers=key).status_code == 201

    give(asking, 5, 10)
    assert merge(asking, 2, 5).status_code == 201
    assert spend(asking, 5, 101).get_json()["code"] == "confirmation_required"
    assert spend(asking, 5, 101, confirmed=True).status_code == 201


def test_explanation_says_that_the_user_is_asked(asking, app):
    found = asking.client.get("/v1/users/2/explain?module=chat&tokens=130", headers=asking.headers).get_json()
    assert (found["verdict"], found["paid_by"]["balance"]) == ("confirmation_required", 30)
    assert any("30 of 130 tokens" in words for words in found["words"])


def test_users_without_the_setting_cost_no_statement(shop, database):
    driver = SpendDriver(database, Caller(shop.id, "key"))
    for user in (2, 3):
        driver.give(user, 100, now=NOW)
    want(database, shop, 3)
    driver.one(driver.spend(2, 1), now=NOW)

    with counted(database) as seen:
        driver.send(driver.spend(2, 1), driver.spend(2, 1, confirmed=True), now=NOW)
        without = [statement for statement in seen if "paid_confirmations" in statement.lower()]
        driver.send(driver.spend(3, 1), driver.spend(3, 1, confirmed=True), driver.spend(3, 1), now=NOW)

    assert without == []
    assert len([statement for statement in seen if "paid_confirmations" in statement.lower()]) == 2


def want(database, shop, user):
    with database.transaction() as connection:
        confirmations.set_wanted(connection, shop.id, user, True, actor="test", now=NOW)
