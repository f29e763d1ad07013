"""A guest who signs in brings their free use of the running windows along, each token once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from types import SimpleNamespace

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


def refund(shop, spend, tokens=None):
    body = {"reason": "failed"} | ({} if tokens is None else {"tokens": tokens})
    path = f"/v1/spends/{spend.get_json()['id']}/refund"
    answer = shop.client.post(path, json=body, headers=headers(shop))
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def windows(database, module="chat"):
    """Return what counts in each window of the day by account, and what of it came with guests."""
    found = ledger_sql.rows(
        database,
        "select w.account_id, w.used, w.passed_on,"
        " (select coalesce(sum(g.tokens), 0) from guest_uses g where g.account_id = w.account_id"
        "  and g.module = w.module and g.counter = w.counter) as brought,"
        " (select coalesce(sum(g.tokens), 0) from guest_uses g where g.guest_id = w.account_id"
        "  and g.module = w.module and g.counter = w.counter) as gone"
        f" from window_uses w where w.module = '{module}' and w.counter = 0 order by w.account_id",
    )
    for row in found:
        # What counts toward users was used by the guest, and counts in the users' windows.
        assert row["gone"] == row["passed_on"] <= row["used"]
        assert row["brought"] <= row["used"]
    return [row["used"] for row in found]


def test_refund_after_the_sign_in_lowers_the_count_of_the_user(free, database):
    spent = use(free, 40)
    use(free, 10, user={"id": 2})
    sign_in(free)
    assert left(free) == [50, 50]

    part = refund(free, spent, 15)
    assert (part["paid_by"]["allowance"], left(free)) == (15, [35, 35])
    assert windows(database) == [25, 35]
    refund(free, spent)

    assert (left(free), windows(database)) == ([10, 10], [0, 10])
    # What was given back counts once when it is used and brought along again.
    use(free, 50)
    assert sign_in(free).get_json()["moved"] == [{"module": "chat", "tokens": 50}]
    assert left(free) == [60, 60]


def test_refund_lowers_the_count_of_the_user_who_brought_the_spend_along(free, database):
    first = use(free, 10)
    sign_in(free, 2)
    second = use(free, 7)
    sign_in(free, 3)
    third = use(free, 5)

    refund(free, third)
    assert (left(free, 2)[0], left(free, 3)[0]) == (10, 7)
    refund(free, first, 4)
    assert (left(free, 2)[0], left(free, 3)[0]) == (6, 7)
    refund(free, second)
    refund(free, first)

    assert (left(free, 2), left(free, 3)) == ([0, 0], [0, 0])
    assert set(windows(database)) == {0}


def test_refunds_in_one_batch_never_lower_more_than_was_brought(free, database, app):
    spent = [use(free, 5) for _ in range(8)]
    sign_in(free)
    use(free, 3, user={"id": 2})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: refund(client_of(app, free), one, 4), spent))

    assert left(free) == [11, 11]
    assert windows(database) == [8, 11]


def client_of(app, shop):
    """Return the store with a client of its own, for a thread."""
    return SimpleNamespace(client=app.test_client(), headers=shop.headers)


def test_refund_reaches_the_account_that_the_user_was_merged_into(free, database):
    spent = use(free, 30)
    put_user(free, 5)
    sign_in(free, 5)
    use(free, 8, user={"id": 2})
    assert merge(free, 2, 5).status_code == 201
    assert left(free) == [38, 38]

    refund(free, spent)

    assert left(free) == [8, 8]


def test_refund_lowers_the_running_window_of_the_user_where_the_guests_was_reset(free):
    spent = use(free, 30)
    sign_in(free)
    reset = free.client.post("/v1/limits/reset", json={"role": "guest"}, headers=headers(free))
    assert reset.status_code == 200, reset.text
    back = refund(free, spent)

    assert back["paid_by"]["allowance"] == 30
    assert left(free) == [0, 0]


def test_reset_of_the_user_leaves_their_new_window_alone(free):
    spent = use(free, 30)
    sign_in(free)
    assert free.client.post("/v1/users/2/limits/reset", json={"all": True}, headers=headers(free)).status_code == 200
    use(free, 6, user={"id": 2})

    refund(free, spent)

    assert left(free) == [6, 6]
