"""Quotes and explanations decide as a spend does, and write nothing at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from bridge.domain.stores.principals import Caller
from bridge.services.metering import limits, manual_resets, overrides, quotes
from bridge.services.secrets import Vault
from bridge.services.stores.settings import NewStore, add_store
from bridge.storage.engine.metadata import metadata
from bridge.web.api.quote_documents import explanation_document, quote_document
from tests.support.seeds import examples
from tests.support.spend_driver import SpendDriver, rule, who_of

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
OWN = settings(
    max_examples=examples(15),
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
GIVEN = st.integers(0, 60) | st.sampled_from(["unlimited", "disabled"])
WORLDS = st.fixed_dictionaries(
    {
        "order": st.permutations(["plan", "balance", "allowance"]),
        "balance": st.integers(0, 80),
        "plan": st.none() | st.integers(1, 40),
        "rules": st.dictionaries(st.sampled_from(["user", "guest", "role_editor", "role_barred"]), GIVEN),
        "roles": st.sampled_from([(), ("editor",), ("barred",), ("editor", "barred")]),
        "own": st.none() | GIVEN,
        "spent": st.integers(0, 50),
        "held": st.integers(0, 50),
        "reset": st.booleans(),
        "is_metered": st.booleans() | st.just(True),
    }
)
ITEMS = st.lists(
    st.fixed_dictionaries({"module": st.sampled_from(["chat", "ai_forms"]), "tokens": st.integers(1, 60)})
    | st.fixed_dictionaries(
        {"operation": st.sampled_from(["image.pipeline", "chat.message", "image.preview"]), "units": st.integers(1, 5)}
    ),
    min_size=1,
    max_size=6,
)
_slugs = count(1)


def build(database, world):
    """Return a new store where user 2 and a guest are as in the parameters."""
    with database.transaction() as connection:
        wanted = NewStore(f"world-{next(_slugs)}", "https://shop.example.com", time_zone="Europe/Paris")
        store = add_store(connection, wanted, vault_=Vault("of the tests"), actor="test", now=NOW).store
    driver = SpendDriver(database, Caller(store.id, "key"))
    driver.settings(spend_order=list(world["order"]))
    if world["rules"]:
        driver.limit("chat", "daily", **world["rules"])
    driver.put_user(2, now=NOW, roles=world["roles"])
    driver.give(2, world["balance"], now=NOW)
    if world["plan"]:
        driver.plan(70, tokens=world["plan"], months=1, now=NOW)
        driver.order(1, 2, now=NOW, product=70)
    driver.send(*(ask for who in (2, "ann") for ask in asks_before(driver, who, world)), now=NOW)
    with database.transaction() as connection:
        if world["own"] is not None:
            override = overrides.Override("chat", rule(world["own"]), NOW + timedelta(days=1))
            overrides.put_override(connection, store.id, 2, override, actor="admin", now=NOW)
        if world["reset"]:
            manual_resets.reset_account(connection, store.id, 2, "chat", actor="admin", now=NOW + timedelta(seconds=1))
        limits.put_module(
            connection, store.id, "chat", label="Chat", is_metered=world["is_metered"], actor="admin", now=NOW
        )
    return driver


def asks_before(driver, who, world):
    spent = [driver.spend(who, world["spent"])] if world["spent"] else []
    return spent + ([driver.hold(who, world["held"])] if world["held"] else [])


def row_counts(database):
    with database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def rows_of(database):
    with database.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in metadata.sorted_tables
            if table.name in {"accounts", "window_uses", "plan_uses", "entries", "holds", "outbox"}
        }


def quote(driver, who, items, now):
    asks = [driver.spend(who, **item) for item in items]
    with driver.database.reading() as connection:
        return quote_document(quotes.quote(connection, driver.caller, who_of(who), asks, now=now))


def test_quote_writes_nothing_and_is_what_the_spends_then_cost(database):
    @OWN
    @given(world=WORLDS, items=ITEMS, who=st.sampled_from([2, 2, "ann", 77, "somebody new"]))
    def compare(world, items, who):
        driver, now = build(database, world), NOW + timedelta(seconds=2)
        counts, rows = row_counts(database), rows_of(database)

        quoted = quote(driver, who, items, now)

        assert (row_counts(database), rows_of(database)) == (counts, rows)
        spent = driver.send(*(driver.spend(who, **item) for item in items), now=now)
        assert quoted["affordable"] == all(one["status"] == 201 for one in spent)
        assert quoted["tokens"] == sum(item["tokens"] for item in quoted["items"])
        if quoted["affordable"]:
            assert [item["tokens"] for item in quoted["items"]] == [one["tokens"] for one in spent]
            paid = {source: sum(one["paid_by"][source] for one in spent) for source in world["order"]}
            assert (quoted["paid_by"], quoted["shortfall"]) == (paid, 0)
        else:
            assert quoted["shortfall"] > 0

    compare()


def test_explanation_is_what_a_spend_then_answers(database):
    @OWN
    @given(world=WORLDS, module=st.sampled_from(["chat", "chat", "ai_forms"]), tokens=st.integers(0, 120))
    def compare(world, module, tokens):
        driver, now = build(database, world), NOW + timedelta(seconds=2)
        counts = row_counts(database)

        with database.reading() as connection:
            found = quotes.explain(connection, driver.caller.store_id, 2, module=module, tokens=tokens, now=now)
            said = explanation_document(found)

        assert row_counts(database) == counts
        done = driver.one(driver.spend(2, tokens, module=module), now=now)
        assert said["verdict"] == ("accepted" if done["status"] == 201 else done["code"])
        assert said["roles"] == list(world["roles"])
        if done["status"] == 201:
            assert (said["price"], said["paid_by"]) == (done["tokens"], done["paid_by"])
        else:
            assert (said["price"], said["shortfall"]) == (done["required"], done["shortfall"])
            assert (said["allowance"], said["balance"]) == (done["allowance"], done["balance"])
        assert said["words"][-1].startswith("Accepted" if done["status"] == 201 else "Refused")

    compare()


def test_explanation_of_what_is_given_once_reads_as_a_sentence(shop, database):
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.limit("chat", "never", user=1)
    driver.one(driver.spend(2, 1), now=NOW)

    with database.reading() as connection:
        said = explanation_document(quotes.explain(connection, shop.id, 2, module="chat", tokens=1, now=NOW))

    assert said["words"][1] == "The rule for user gives 1 token once; used: 1."
    assert said["words"][-1] == "Refused: of 1 token, 1 cannot be paid."
    assert said["window"]["starts_at"] is None


def test_quote_of_1000_items_is_the_sum_of_them(shop, database):
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.give(2, 1_500, now=NOW)
    items = [{"operation": "image.pipeline", "units": 1}] * 500 + [{"module": "chat", "tokens": 1}] * 500

    enough = quote(driver, 2, items, NOW)
    short = quote(driver, 2, [*items, {"module": "chat", "tokens": 1}], NOW)

    assert (enough["tokens"], enough["affordable"], enough["shortfall"]) == (1_500, True, 0)
    assert (short["tokens"], short["affordable"], short["shortfall"]) == (1_501, False, 1)
