"""A guest who signs in brings their free use of the running windows along, each token once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from bridge.services.ops import audit
from bridge.web.context import utcnow
from tests.factories import add_shop, give, merge, put_user
from tests.support import ledger_sql

_keys = count(1)


@pytest.fixture(autouse=True)
def sound_ledger(database):
    """Check afterwards that the ledger adds up, by its own audit as well."""
    yield
    assert ledger_sql.faults(database) == []
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=utcnow())) == []


@pytest.fixture
def free(shop):
    """Return a store with free chat for guests and users, each day and month, and free forms each month."""
    day, month = {"guest": 50, "user": 60}, {"period": "monthly", "rules": {"guest": 80, "user": 100}}
    for path, limit in (
        ("chat", {"period": "daily", "rules": day, "second": month}),
        ("ai_forms", {"period": "monthly", "rules": {"guest": 5, "user": "unlimited"}}),
    ):
        assert shop.client.put(f"/v1/limits/{path}", json=limit, headers=shop.headers).status_code == 200
    return shop


def headers(shop, key=None):
    return shop.headers | {"Idempotency-Key": key or f"sign-in-{next(_keys)}"}


def use(shop, tokens, *, module="chat", **who):
    body = {"module": module, "tokens": tokens} | (who or {"guest": {"id": "cookie"}})
    return shop.client.post("/v1/spends", json=body, headers=headers(shop))


def sign_in(shop, user=2, *, guest="cookie", key=None, client=None):
    path = f"/v1/users/{user}/merge-guest"
    return (client or shop.client).post(path, json={"guest": {"id": guest}}, headers=headers(shop, key))


def left(shop, user=2, module="chat"):
    found = shop.client.get(f"/v1/users/{user}", headers=shop.headers).get_json()["limits"]
    [limit] = [one for one in found if one["module"] == module]
    return [window["used"] for window in limit.get("windows", [limit])]


def test_free_use_of_a_guest_counts_in_each_window_of_the_user(free):
    use(free, 40)
    use(free, 3, module="ai_forms")
    use(free, 10, user={"id": 2})

    signed_in = sign_in(free)

    assert signed_in.status_code == 201
    moved = signed_in.get_json()["moved"]
    assert moved == [{"module": "ai_forms", "tokens": 3}, {"module": "chat", "tokens": 40}]
    assert signed_in.get_json()["user"]["id"] == 2
    assert (left(free), left(free, module="ai_forms")) == ([50, 50], [3])
    assert use(free, 11, user={"id": 2}).status_code == 402
    assert use(free, 10, user={"id": 2}).status_code == 201


def test_each_token_counts_once_and_stays_used_for_the_guest(free):
    use(free, 30)
    assert sign_in(free).get_json()["moved"] == [{"module": "chat", "tokens": 30}]
    assert sign_in(free).get_json()["moved"] == []
    # After signing out, the guest goes on where they were.
    assert use(free, 21).status_code == 402
    assert use(free, 20).status_code == 201
    assert sign_in(free).get_json()["moved"] == [{"module": "chat", "tokens": 20}]
    assert left(free) == [50, 50]
    # Another user of the same browser gets only what was used since.
    assert sign_in(free, 3).get_json()["moved"] == []
    assert left(free, 3) == [0, 0]


def test_repeated_request_gets_the_stored_answer(free):
    use(free, 30)
    first, again = sign_in(free, key="k"), sign_in(free, key="k")
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (201, first.data, "true")
    assert sign_in(free, 3, key="k").get_json()["code"] == "idempotency_key_reused"
    missing = free.client.post("/v1/users/2/merge-guest", json={"guest": {"id": "a"}}, headers=free.headers)
    assert missing.get_json()["code"] == "idempotency_key_required"


def test_guest_without_use_or_of_another_store_brings_nothing(free, app, database):
    _, keys = add_shop(app, "other")
    app.test_client().put("/v1/limits/chat", json={"period": "daily", "rules": {"guest": 9}}, headers=keys)
    body = {"guest": {"id": "cookie"}, "module": "chat", "tokens": 9}
    spent = app.test_client().post("/v1/spends", json=body, headers=keys | {"Idempotency-Key": "o"})
    assert spent.status_code == 201

    assert sign_in(free).get_json()["moved"] == []
    # The user exists from now on; no account is made for the guest.
    assert ledger_sql.count(database, "accounts") == 2
    for guest in ("", "x" * 256, "\x00"):
        assert sign_in(free, guest=guest).status_code == 422
    assert sign_in(free, 0).status_code == 422


def test_merged_user_is_the_person_and_an_erased_one_is_still_counted(free):
    use(free, 30)
    give(free, 5, 1)
    assert merge(free, 2, 5).status_code == 201
    assert sign_in(free, 5).get_json()["user"]["id"] == 2
    assert left(free) == [30, 30]
    put_user(free, 7, email="ada@example.test")
    assert free.client.delete("/v1/users/7", headers=free.headers).status_code == 200
    use(free, 5)
    assert sign_in(free, 7).get_json()["moved"] == [{"module": "chat", "tokens": 5}]


def test_last_free_token_is_announced(free):
    for _ in range(2):
        assert use(free, 25).status_code == 201
    use(free, 30, user={"id": 2})
    sign_in(free)
    events = free.client.get("/v1/events", headers=free.headers).get_json()["items"]
    found = [one["data"]["user"] for one in events if one["type"] == "allowance.exhausted" and "user" in one["data"]]
    assert {"id": 2} in found
    assert left(free) == [80, 80]


def test_signing_in_many_times_at_once_counts_each_token_once(free, app):
    use(free, 30)

    def act(number):
        client = app.test_client()
        return sign_in(free, 2 + number % 2, client=client).get_json()["moved"]

    with ThreadPoolExecutor(8) as threads:
        moved = [one for some in threads.map(act, range(16)) for one in some]

    assert sum(one["tokens"] for one in moved) == 30
    assert left(free)[0] + left(free, 3)[0] == 30
