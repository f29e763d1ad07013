"""Spends through the API: exact, once for each key, and the same response for each repeat."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from bridge.domain.accounts.accounts import Profile, Visitor
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.stores.principals import Caller
from bridge.services.metering.execute import spend_many
from tests.factories import add_shop, balance_of, give, put_user, spend
from tests.support import ledger_sql
from tests.support.spend_replies import is_replay, read, status_of, text_of
from tests.support.statements import counted

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def sound_ledger(request, database):
    """Check afterwards that the ledger adds up."""
    yield
    assert ledger_sql.faults(database) == []


def post(shop, body, *, key="key", **headers):
    text = body if isinstance(body, str) else json.dumps(body)
    return shop.client.post("/v1/spends", data=text, headers=shop.headers | {"Idempotency-Key": key, **headers})


BODY = {"user": {"id": 2}, "module": "chat", "tokens": 30}


def test_spend_to_the_last_token_and_not_one_more(shop):
    give(shop, 2, 60)

    answers = [spend(shop, 2, tokens) for tokens in (30, 31, 30, 1)]

    assert [answer.status_code for answer in answers] == [201, 402, 201, 402]
    refusal = answers[1].get_json()
    assert (refusal["required"], refusal["available"], refusal["shortfall"]) == (31, 30, 1)
    assert balance_of(shop, 2) == 0


def test_same_key_and_body_answers_in_the_same_bytes_even_when_the_balance_is_gone(shop):
    give(shop, 2, 30)
    first = post(shop, BODY)
    gone = post(shop, BODY, key="another")

    again = post(shop, BODY)

    assert (first.status_code, gone.status_code, again.status_code) == (201, 402, 201)
    assert again.data == first.data
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert balance_of(shop, 2) == 0


def test_refused_request_is_decided_again_under_the_same_key(shop):
    refused = post(shop, BODY)
    give(shop, 2, 40)

    paid, again = post(shop, BODY), post(shop, BODY)

    assert [answer.status_code for answer in (refused, paid, again)] == [402, 201, 201]
    assert ["Idempotent-Replayed" in answer.headers for answer in (refused, paid, again)] == [False, False, True]
    assert again.data == paid.data
    assert balance_of(shop, 2) == 10


def test_refused_key_is_free_for_another_request(shop):
    give(shop, 2, 20)

    answers = [post(shop, BODY), post(shop, BODY | {"tokens": 15}), post(shop, BODY)]

    assert [answer.status_code for answer in answers] == [402, 201, 422]
    assert balance_of(shop, 2) == 5


def test_refused_batch_item_and_hold_are_decided_again(shop):
    batch = {"spends": [{"key": "a", **BODY}, {"key": "a", **BODY, "tokens": 10}, {"key": "b", **BODY, "tokens": 1}]}
    hold = {"headers": shop.headers | {"Idempotency-Key": "hold"}, "json": BODY}
    empty = shop.client.post("/v1/spends/batch", json=batch, headers=shop.headers).get_json()["results"]
    refused = shop.client.post("/v1/holds", **hold)
    give(shop, 2, 100)

    full = shop.client.post("/v1/spends/batch", json=batch, headers=shop.headers).get_json()["results"]
    held = shop.client.post("/v1/holds", **hold)

    assert [result["status"] for result in empty] == [402, 402, 402]
    assert (refused.status_code, held.status_code) == (402, 201)
    assert [(result["status"], result.get("replayed")) for result in full] == [(201, None), (422, None), (201, None)]
    assert balance_of(shop, 2) == 69


def test_refusal_that_an_earlier_version_stored_is_decided_again(shop, database):
    give(shop, 2, 30)
    post(shop, BODY)
    with database.transaction() as connection:
        connection.exec_driver_sql(
            "insert into idempotency_keys (store_id, site_id, key, fingerprint, status, answer, created_at)"
            " select store_id, site_id, 'old', fingerprint, 402, '{}', created_at"
            " from idempotency_keys where key = 'key'"
        )

    again = post(shop, {"user": {"id": 2}, "module": "ai_forms", "tokens": 1}, key="old")
    give(shop, 2, 5)
    paid = post(shop, {"user": {"id": 2}, "module": "ai_forms", "tokens": 1}, key="old")

    assert (again.status_code, paid.status_code) == (402, 201)
    assert balance_of(shop, 2) == 4


def test_refused_requests_that_come_at_once_under_one_key_charge_once(app, shop):
    give(shop, 2, 20)
    barrier = threading.Barrier(6)

    def ask(number):
        client = app.test_client()
        barrier.wait(10)
        if number == 0:
            give(shop, 2, 10)
        return client.post("/v1/spends", json=BODY, headers=shop.headers | {"Idempotency-Key": "key"}).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(ask, range(6)))

    assert set(statuses) <= {201, 402}
    assert balance_of(shop, 2) == (0 if 201 in statuses else 30)


@pytest.mark.parametrize(
    "spelling",
    [
        '{"tokens":30,"module":"chat","user":{"id":2}}',
        '{ "user" : {"id": 2},\n"module": "\\u0063hat", "tokens": 30 }',
    ],
    ids=["order", "spaces"],
)
def test_another_spelling_of_the_same_json_is_the_same_request(shop, spelling):
    give(shop, 2, 100)
    first = post(shop, BODY)

    again = post(shop, spelling)

    assert again.data == first.data
    assert balance_of(shop, 2) == 70


@pytest.mark.parametrize(
    "change",
    [{"tokens": 31}, {"module": "ai_forms"}, {"user": {"id": 3}}, {"source": "x"}, {"reference": "x"}],
    ids=lambda change: next(iter(change)),
)
def test_same_key_with_another_body_is_an_error_and_takes_nothing(shop, change):
    give(shop, 2, 100)
    put_user(shop, 3)
    post(shop, BODY)

    reused = post(shop, BODY | change)

    assert (reused.status_code, reused.get_json()["code"]) == (422, "idempotency_key_reused")
    assert "Idempotent-Replayed" not in reused.headers
    assert (balance_of(shop, 2), balance_of(shop, 3)) == (70, 0)


def test_key_of_a_spend_is_no_key_of_an_adjustment(shop):
    give(shop, 2, 100)
    post(shop, BODY)

    response = shop.client.post(
        "/v1/users/2/adjustments",
        json={"tokens": 5, "reason": "x"},
        headers=shop.headers | {"Idempotency-Key": "key"},
    )

    assert (response.status_code, response.get_json()["code"]) == (422, "idempotency_key_reused")
    assert balance_of(shop, 2) == 70


def test_request_that_made_no_sense_does_not_use_up_its_key(shop):
    give(shop, 2, 100)

    assert post(shop, BODY | {"tokens": 0}).status_code == 422
    assert post(shop, BODY).status_code == 201


def test_two_stores_may_use_the_same_key(shop, app):
    other, _headers = add_shop(app, "other")
    neighbour = type(shop)(other, app.test_client())
    give(shop, 2, 100)
    give(neighbour, 2, 100)

    ours, theirs = post(shop, BODY), post(neighbour, BODY)

    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert ours.get_json()["id"] != theirs.get_json()["id"]
    assert (balance_of(shop, 2), balance_of(neighbour, 2)) == (70, 70)


def test_same_key_from_16_threads_charges_once_and_answers_all_alike(shop, app, database):
    give(shop, 2, 1_000)
    start, answers = threading.Barrier(16), []

    def ask():
        client = app.test_client()
        start.wait()
        answers.append(spend(shop, 2, 30, key="one", client=client))

    callers = [threading.Thread(target=ask) for _ in range(16)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert len([answer for answer in answers if "Idempotent-Replayed" not in answer.headers]) == 1
    assert balance_of(shop, 2) == 970
    assert ledger_sql.count(database, "spends") == 1


def test_unmetered_module_costs_nothing_and_is_recorded(shop, database):
    shop.client.put("/v1/modules/chat", json={"metered": False}, headers=shop.headers)

    answer = spend(shop, 2, 500)

    assert (answer.status_code, answer.get_json()["tokens"]) == (201, 0)
    assert ledger_sql.count(database, "spends") == 1


@pytest.mark.parametrize(
    ("order", "paid_by"),
    [
        (["plan", "balance", "allowance"], {"plan": 0, "balance": 60, "allowance": 30}),
        (["allowance", "balance", "plan"], {"plan": 0, "balance": 40, "allowance": 50}),
    ],
)
def test_store_chooses_who_pays_first(shop, order, paid_by):
    shop.client.put("/v1/store", json={"spend_order": order}, headers=shop.headers)
    shop.client.put("/v1/limits/chat", json={"period": "never", "rules": {"user": 50}}, headers=shop.headers)
    give(shop, 2, 60)

    assert spend(shop, 2, 90).get_json()["paid_by"] == paid_by


def ask(shop, number, *, user=None, key=None, tokens=1, **more):
    return SpendRequest(
        caller=Caller(shop.connected.store.id, "key"),
        who=more.pop("who", Profile(user or number)),
        module=more.pop("module", "chat"),
        tokens=tokens,
        key=key or f"k{number}",
        fingerprint=more.pop("fingerprint", f"f{number}"),
        **more,
    )


def spend_all(database, asks, *, now=NOW):
    with database.transaction() as connection:
        return spend_many(connection, asks, now=now)


def test_asks_of_one_key_in_one_batch_answer_alike_and_charge_once(shop, database):
    give(shop, 2, 100)
    asks = [
        ask(shop, 1, user=2, key="same", fingerprint="f", tokens=30),
        ask(shop, 2, user=2, key="other", tokens=30),
        ask(shop, 3, user=2, key="same", fingerprint="f", tokens=30),
        ask(shop, 4, user=2, key="same", fingerprint="another", tokens=30),
        ask(shop, 5, user=2, key="more", tokens=50),
        ask(shop, 6, user=2, key="more", fingerprint="f5", tokens=50),
    ]

    replies = spend_all(database, asks)

    assert [status_of(reply) or read(reply)["code"] for reply in replies] == [
        *(201, 201, 201),
        "idempotency_key_reused",
        *(402, 402),
    ]
    assert text_of(replies[2]) == text_of(replies[0])
    assert [is_replay(reply) for reply in replies] == [False, False, True, False, False, False]
    assert balance_of(shop, 2) == 40


def test_batch_charges_each_ask_after_the_ones_before_it(shop, database):
    """32 requests of 30 tokens and one of 40 from a balance of 1000: the last finds 40, and one more finds nothing."""
    give(shop, 2, 1_000)
    asks = [ask(shop, number, user=2, tokens=30) for number in range(1, 33)]

    replies = spend_all(database, [*asks, ask(shop, 33, user=2, tokens=40), ask(shop, 34, user=2, tokens=1)])

    assert [status_of(reply) for reply in replies] == [201] * 33 + [402]
    balances = [read(reply)["balance"]["balance"] for reply in replies[:33]]
    assert balances == [*range(970, 39, -30), 0]


def count_statements(database, asks, *, now=NOW):
    """Return how many statements a batch takes, its BEGIN included."""
    with counted(database) as seen:
        replies = spend_all(database, asks, now=now)
    return len(seen), {status_of(reply) for reply in replies}


@pytest.mark.parametrize("kind", ["new users", "known users", "one user", "guests", "replays", "refusals"])
def test_large_batch_takes_as_many_statements_as_one_of_10(shop, database, kind):
    limit = {"period": "daily", "rules": {"user": 0 if kind == "refusals" else "unlimited", "guest": 10}}
    shop.client.put("/v1/limits/chat", json=limit, headers=shop.headers)
    # First new, then known: an existing user costs a statement less than a new one.
    for key in ("made", "met"):
        spend_all(database, [ask(shop, 9_999, key=key), ask(shop, 9_998, user=5, key=f"{key} 5")])

    def batch(size):
        numbers = range(size * 10, size * 11)
        if kind == "one user":
            return [ask(shop, number, user=5) for number in numbers]
        if kind == "guests":
            return [ask(shop, number, who=Visitor(f"{number:064d}")) for number in numbers]
        return [ask(shop, number) for number in numbers]

    counts, statuses = [], []
    for size in (10, 1_000 if kind == "known users" else 200):
        if kind in {"known users", "replays"}:
            spend_all(database, batch(size))
        again = batch(size)
        if kind == "known users":
            again = [ask(shop, one.who.user_id, key=f"again {one.key}", fingerprint="again") for one in again]
        count, found = count_statements(database, again)
        counts.append(count)
        statuses.append(found)

    assert counts[0] == counts[1]
    assert counts[0] <= 20
    assert statuses == [{402 if kind == "refusals" else 201}] * 2
