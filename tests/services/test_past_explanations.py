"""An explanation of an earlier moment is the one that was given then, whatever changed since."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from bridge.domain.metering.limits import Allows, Limit, LimitWindow, Override, Period, Rule
from bridge.rendering.documents import format_timestamp
from bridge.rendering.settings import limit_document, override_document
from bridge.services.metering.past_rules import read_limit, read_override
from bridge.services.ops import retention
from bridge.storage.accounts import role_changes
from bridge.storage.jobs import service_state
from bridge.storage.metering import past
from bridge.web.context import utcnow
from tests.factories import customer, deliver, give, line, order, put_user, spend
from tests.support import ledger_sql

KEYS = (
    "roles",
    "metered",
    "price",
    "rule",
    "window",
    "windows",
    "refused_by",
    "sources",
    "balance",
    "verdict",
    "paid_by",
)
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def explain(shop, *, module="chat", tokens=50, status=200, user=2, **more):
    query = {"module": module, "tokens": tokens} | more
    answer = shop.client.get(f"/v1/users/{user}/explain", query_string=query, headers=shop.headers)
    assert answer.status_code == status, answer.text
    return answer.json


def put(shop, path, body):
    answer = shop.client.put(f"/v1/{path}", json=body, headers=shop.headers)
    assert answer.status_code == 200, answer.text


def post(shop, path, body, key):
    return shop.client.post(f"/v1/{path}", json=body, headers=shop.headers | {"Idempotency-Key": key})


def act(shop, rng, number, spent, held):
    """Do one thing that changes the values that decide spends."""
    kinds = ("spend", "spend", "spend", "refund", "hold", "settle", "give", "limit", "own", "reset", "store", "roles")
    kinds += ("wish",)
    kind = rng.choice(kinds)
    key = f"act-{number}"
    if kind == "spend":
        said = rng.choice(({}, {"confirmed": True}))
        answer = spend(shop, 2, rng.randint(1, 60), module=rng.choice(("chat", "images")), **said)
        spent += [answer.json["id"]] if answer.status_code == 201 else []
    elif kind == "refund" and spent:
        post(shop, f"spends/{rng.choice(spent)}/refund", {"tokens": rng.randint(1, 5), "reason": "test"}, key)
    elif kind == "hold":
        body = {"user": {"id": 2}, "module": "chat", "tokens": rng.randint(1, 40), "confirmed": rng.random() < 0.5}
        answer = post(shop, "holds", body, key)
        held += [answer.json["id"]] if answer.status_code == 201 else []
    elif kind == "settle" and held:
        hold = held.pop()
        capture = rng.random() < 0.5
        body = {"tokens": rng.choice([3, 60]), "confirmed": rng.random() < 0.5} if capture else {}
        post(shop, f"holds/{hold}/{'capture' if capture else 'release'}", body, key)
    elif kind == "wish":
        put_user(shop, 2, confirm_paid=rng.random() < 0.7)
    elif kind == "give":
        give(shop, 2, rng.randint(1, 100))
    elif kind == "roles":
        put_user(shop, 2, roles=rng.choice([[], ["vip"], ["subscriber"], ["subscriber", "vip"]]))
    else:
        change_rules(shop, rng, kind)


def change_rules(shop, rng, kind):
    """Change a limit, a user's own limit, the beginning of a window, or settings of the store."""
    if kind == "limit":
        rules = {"user": rng.choice([0, 30, 100, "unlimited", "disabled"]), "role:vip": 400}
        body = {"period": rng.choice(["daily", "monthly"]), "rules": rules}
        if rng.random() < 0.5:
            body["second"] = {"period": "never", "rules": {"user": 500}}
        put(shop, "limits/chat", body)
    elif kind == "own":
        put(shop, "users/2/limits/chat", {"limit": rng.choice([5, 70, "unlimited"])})
    elif kind == "reset":
        shop.client.post("/v1/users/2/limits/reset", json={"module": "chat"}, headers=shop.headers)
    elif kind == "store":
        put(shop, "store", {"spend_order": rng.sample(["plan", "balance", "allowance"], 3)})
        put(shop, "modules/chat", {"metered": rng.random() < 0.8})


@pytest.mark.parametrize("seed", range(4))
def test_every_earlier_answer_is_given_again(shop, database, seed):
    rng = random.Random(seed)
    put_user(shop, 2, roles=["subscriber"])
    put(shop, "modules/images", {"label": "Images"})
    put(shop, "limits/chat", {"period": "daily", "rules": {"user": 100}})
    put(shop, "packages/10", {"plan": "Pro", "tokens": 200, "months": 2})
    deliver(shop, order(1, lines=[line()]) | {"date_created_gmt": (utcnow() - timedelta(days=3)).isoformat()[:19]})
    answers, spent, held = [], [], []
    for number in range(30):
        answers.append((utcnow(), explain(shop)))
        act(shop, rng, f"{seed}-{number}", spent, held)

    for at, then in answers:
        found = explain(shop, at=format_timestamp(at))
        assert {key: found.get(key) for key in KEYS} == {key: then.get(key) for key in KEYS}
    assert {gap["code"] for gap in found["not_recorded"]} <= {"plans_not_recorded"}
    assert ledger_sql.faults(database) == []


@pytest.mark.parametrize("most", [0, 200_000])
def test_use_is_computed_from_either_side_of_the_moment(shop, monkeypatch, most):
    """From the window's beginning where too many spends followed, and not exactly where both sides have too many."""
    put(shop, "limits/chat", {"period": "daily", "rules": {"user": 100}})
    spend(shop, 2, 10)
    at = utcnow()
    spend(shop, 2, 20)
    spend(shop, 2, 5)

    monkeypatch.setattr(past, "MOST_SCANNED", 1)
    found = explain(shop, at=format_timestamp(at))
    assert found["window"]["used"] == 10
    assert "use_not_exact" not in {gap["code"] for gap in found["not_recorded"]}
    monkeypatch.setattr(past, "MOST_SCANNED", most)
    found = explain(shop, at=format_timestamp(at))
    assert found["window"]["used"] == (10 if most else 35)
    assert ("use_not_exact" in {gap["code"] for gap in found["not_recorded"]}) is (most == 0)


def test_use_counts_where_it_was_counted_whatever_windows_the_limit_had_before(shop):
    """A window keeps the counter of its use when others come and go, so an earlier limit has the same one."""
    day, month = {"period": "daily", "rules": {"user": 100}}, {"period": "monthly", "rules": {"user": 500}}
    for limit in (day, month | {"second": day}, month | {"second": None}):
        put(shop, "limits/chat", limit)
    spend(shop, 2, 10)
    at = utcnow()
    put(shop, "limits/chat", month | {"rules": {"user": 300}})
    spend(shop, 2, 20)

    found = explain(shop, at=format_timestamp(at))

    assert (found["window"]["period"], found["window"]["used"], found["rule"]["limit"]) == ("monthly", 10, 500)


def test_wish_to_confirm_and_confirmations_of_that_moment_decide(shop):
    """Each later confirmation replaces the stored one, and the windows and the wish begin again in between."""
    put(shop, "limits/chat", {"period": "monthly", "rules": {"user": 10}})
    give(shop, 2, 1_000)
    answers, holds, stated = [], [], []

    def hold(**said):
        body = {"user": {"id": 2}, "module": "chat", "tokens": 30} | said
        answer = post(shop, "holds", body, f"hold-{len(answers)}")
        assert answer.status_code == 201
        holds.append(answer.json["id"])

    def capture(tokens, **said):
        post(shop, f"holds/{holds.pop()}/capture", {"tokens": tokens} | said, f"capture-{len(answers)}")

    def reset():
        shop.client.post("/v1/users/2/limits/reset", json={"module": "chat"}, headers=shop.headers)

    for act_ in (
        lambda: spend(shop, 2, 20),
        lambda: put_user(shop, 2, confirm_paid=True),
        lambda: stated.append(spend(shop, 2, 20, module="ai_forms", confirmed=True).json),
        lambda: spend(shop, 2, 20, confirmed=True),
        reset,
        lambda: hold(confirmed=True),
        reset,
        # It takes what the confirmed hold set aside, and confirms nothing in the new window.
        lambda: capture(30),
        lambda: put(shop, "store", {"spend_order": ["plan", "allowance", "balance"]}),
        lambda: hold(tokens=5),
        # It takes more than the hold set aside, with a confirmation of its own.
        lambda: capture(20, confirmed=True),
        lambda: put_user(shop, 2, confirm_paid=False),
        lambda: spend(shop, 2, 20),
        lambda: put_user(shop, 2, confirm_paid=True),
        lambda: spend(shop, 2, 20, confirmed=True),
        lambda: put_user(shop, 2, confirm_paid=False),
        lambda: put_user(shop, 2, confirm_paid=True),
        lambda: hold(tokens=40, confirmed=True),
        reset,
        lambda: capture(40, confirmed=True),
    ):
        act_()
        answers.append((utcnow(), explain(shop)))

    outcomes = [then["verdict"] for _, then in answers]
    asked, agreed = "confirmation_required", "accepted"
    assert outcomes[:9] == [agreed, asked, asked, agreed, asked, agreed, asked, asked, asked]
    assert outcomes[9:] == [asked, agreed, agreed, agreed, asked, agreed, agreed, asked, agreed, asked, agreed]
    for at, then in answers:
        found = explain(shop, at=format_timestamp(at))
        assert {key: found.get(key) for key in KEYS} == {key: then.get(key) for key in KEYS}
        assert found["not_recorded"] == []
    # The moment of a spend that states the confirmation explains the spend.
    found = explain(shop, module="ai_forms", tokens=20, at=stated[0]["created_at"])
    assert (found["verdict"], found["paid_by"]) == ("accepted", stated[0]["paid_by"])
    assert shop.client.delete("/v1/users/2", headers=shop.headers).status_code == 200
    assert [explain(shop, at=format_timestamp(at))["verdict"] for at, _ in answers] == outcomes


def test_moment_of_a_spend_explains_the_spend_itself(shop):
    put(shop, "limits/chat", {"period": "daily", "rules": {"user": 100}})
    give(shop, 2, 30)
    made = spend(shop, 2, 110).json

    found = explain(shop, tokens=110, at=made["created_at"])

    assert found["verdict"] == "accepted"
    assert found["paid_by"] == made["paid_by"]
    assert found["at"] == made["created_at"]


@one_engine
def test_unrecorded_values_are_named(shop, database):
    put_user(shop, 2, roles=["subscriber"])
    at = utcnow()
    assert explain(shop, at=format_timestamp(at))["not_recorded"] == []

    put_user(shop, 2, name="Ada")
    assert explain(shop, at=format_timestamp(at))["not_recorded"] == []
    # As after an update: the user and the store are older than the record of their changes.
    with database.transaction() as connection:
        connection.exec_driver_sql("delete from changes")
        service_state.put(connection, role_changes.BEGINNING, "", now=utcnow())
    put(shop, "store", {"low_balance": 7})
    gaps = explain(shop, at=format_timestamp(at))["not_recorded"]
    assert [each["code"] for each in gaps] == ["roles_not_recorded", "rules_not_recorded"]
    assert datetime.fromisoformat(gaps[1]["since"]) > at


def _by_profile(shop, roles):
    put_user(shop, 2, roles=roles)


def _by_spend(shop, roles):
    assert spend(shop, 2, 1, user={"id": 2, "roles": roles}, module="images").status_code == 201


def _by_webhook(shop, roles):
    document = customer(2, "ada@example.test", role=roles[0])
    assert deliver(shop, document, "customer.updated").status_code == 200


@pytest.mark.parametrize("change", [_by_profile, _by_spend, _by_webhook])
def test_roles_of_that_moment_decide(shop, change):
    put(shop, "modules/images", {"label": "Images"})
    put(shop, "limits/images", {"period": "daily", "rules": {"user": "unlimited"}})
    put(shop, "limits/chat", {"period": "daily", "rules": {"user": 10, "role:customer": 20, "role:vip": 500}})
    put_user(shop, 2, name="Ada")
    moments = [utcnow()]
    for roles in (["customer"], ["vip"], ["customer"]):
        change(shop, roles)
        moments.append(utcnow())

    found = [explain(shop, at=format_timestamp(at)) for at in moments]

    assert [each["roles"] for each in found] == [[], ["customer"], ["vip"], ["customer"]]
    assert [each["rule"]["limit"] for each in found] == [10, 20, 500, 20]
    assert [each["verdict"] for each in found] == [
        *("insufficient_tokens", "insufficient_tokens", "accepted", "insufficient_tokens")
    ]
    assert [each["not_recorded"] for each in found] == [[], [], [], []]


def test_spend_that_states_roles_is_explained_by_them(shop, database):
    put(shop, "limits/chat", {"period": "daily", "rules": {"user": 10, "role:vip": 500}})
    put_user(shop, 2, name="Ada", roles=["customer"])
    made = spend(shop, 2, 50, user={"id": 2, "roles": ["vip"]}).json
    new = spend(shop, 3, 50, user={"id": 3, "roles": ["vip"]}).json
    put_user(shop, 2, roles=["customer"])

    for user, spent in ((2, made), (3, new)):
        found = explain(shop, user=user, at=spent["created_at"])
        assert (found["roles"], found["verdict"], found["not_recorded"]) == (["vip"], "accepted", [])
    # The first roles of a user follow none, and equal roles are no change.
    put_user(shop, 2, roles=["customer"])
    assert len(ledger_sql.rows(database, "select id from role_changes")) == 2


def test_roles_are_not_known_after_the_person_was_erased(shop, database):
    put(shop, "limits/chat", {"period": "daily", "rules": {"user": 10, "role:vip": 500}})
    put_user(shop, 2, roles=["vip"])
    put_user(shop, 2, roles=["customer"])
    at = format_timestamp(utcnow())
    assert shop.client.delete("/v1/users/2", headers=shop.headers).status_code == 200

    found = explain(shop, at=at)

    assert [gap["code"] for gap in found["not_recorded"]] == ["roles_not_recorded"]
    assert ledger_sql.rows(database, "select id from role_changes") == []


def test_changes_of_roles_are_kept_as_long_as_they_are_said_to_be(shop, database):
    put_user(shop, 2, roles=["vip"])
    put_user(shop, 2, roles=["customer"])
    for days, left in ((399, 1), (401, 0)):
        with database.transaction() as connection:
            retention.steps(now=utcnow() + timedelta(days=days))["roles"](connection)
        assert len(ledger_sql.rows(database, "select id from role_changes")) == left


@one_engine
@pytest.mark.parametrize(
    "at",
    [
        "2099-01-01T00:00:00Z",
        "2001-01-01T00:00:00Z",
        "yesterday",
        "2026-11-20T12:00:00",
        "",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59Z",
    ],
)
def test_invalid_moment_is_refused(shop, at):
    put_user(shop, 2)

    assert [fault["field"] for fault in explain(shop, at=at, status=422)["errors"]] == ["at"]


@one_engine
def test_module_that_did_not_exist_then_is_unknown(shop):
    put_user(shop, 2)
    at = utcnow()
    put(shop, "modules/video", {"label": "Video"})

    assert explain(shop, module="video", at=format_timestamp(at), status=404)["code"] == "unknown_module"
    assert explain(shop, module="video")["module"] == "video"


def test_recorded_rules_are_read_back_as_they_were():
    rules = {"guest": Rule(Allows.DISABLED), "user": Rule(Allows.AMOUNT, 9), "role:vip": Rule(Allows.UNLIMITED)}
    for second in (None, LimitWindow(Period.MONTHLY, rules)):
        limit = Limit("chat", Period.DAILY, rules, "Buy more", second)
        assert read_limit(limit_document(limit)) == limit
    for own in (Override("chat", rules["user"]), Override("chat", rules["guest"], utcnow(), rules["role:vip"])):
        assert read_override(override_document(2, own)) == own
