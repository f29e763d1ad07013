"""The audit finds every kind of fault, and nothing in a sound ledger."""

from functools import partial
from itertools import pairwise

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.ops import audit, audit_sentences
from bridge.services.sites import sites
from bridge.services.sites.sites import NewSite
from bridge.web.context import utcnow
from tests import factories
from tests.support import recordings
from tests.support.ledger_sql import rows
from tests.support.replayed import replay
from tests.support.spend_driver import SpendDriver


@pytest.fixture
def lived_in(shop, database):
    """Return a ledger with everything: grants, a reversal into debt, spends of every source, refunds, holds, a site."""
    replay(partial(_live, database=database), shop, database)
    return shop


def _live(shop, database):
    day = {"period": "daily", "rules": {"user": 100}}
    assert shop.client.put("/v1/limits/chat", json=day, headers=shop.headers).status_code == 200
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=2))
    factories.deliver(shop, factories.order(2, customer=3, lines=[factories.line(1), factories.line(2)]))
    spent = factories.spend(shop, 2, 600, source="wordpress")
    assert spent.status_code == 201
    assert factories.spend(shop, 2, 450, key="mixed").get_json()["paid_by"]["allowance"] == 50
    path = f"/v1/spends/{spent.get_json()['id']}/refund"
    headers = shop.headers | {"Idempotency-Key": "refund"}
    assert shop.client.post(path, json={"tokens": 100, "reason": "failed"}, headers=headers).status_code == 201
    factories.deliver(shop, factories.order(2, "refunded", at=60, customer=3))
    factories.give(shop, 4, 70)
    factories.give(shop, 4, 50)
    hold_and_plan(SpendDriver(database, Caller(shop.id, "key")))
    factories.deliver(shop, factories.order(8, customer=8, email="zoe@example.test"))
    assert factories.spend(shop, 8, 30).status_code == 201
    assert factories.merge(shop, 9, 8).status_code == 201


def hold_and_plan(driver):
    """User 7 has a plan and a linked site, and holds that were captured, released, and left open."""
    now = utcnow()
    driver.plan(70, tokens=500, months=2, now=now)
    driver.order(9, 7, now=now, product=70)
    held, other, _ = driver.send(*(driver.hold(7, tokens, module="ai_forms") for tokens in (33, 44, 55)), now=now)
    captured, _ = driver.send(driver.capture(held, 30, key="capture"), driver.release(other, key="release"), now=now)
    assert captured["paid_by"]["plan"] == 30
    driver.one(driver.refund(captured, 10, key="refund of plan"), now=now)
    [row] = rows(driver.database, "select id from accounts where user_id = 7")
    with driver.database.transaction() as connection:
        site = sites.link_site(
            connection,
            NewSite("https://blog.example.com", "Blog", monthly_cap=500),
            store_id=driver.caller.store_id,
            account_id=row["id"],
            now=now,
        ).site
    blog = SpendDriver(driver.database, Caller(driver.caller.store_id, "site Blog", 0, site.id, row["id"]))
    assert blog.one(blog.spend(7, 21, module="ai_forms"), now=now)["status"] == 201


def faults(database, **how):
    with database.reading() as connection:
        return list(audit.list_faults(connection, now=utcnow(), **how))


def unguard(database):
    """Drop every constraint that would stop a planted fault; on SQLite each connection ignores them."""
    with database.transaction() as connection:
        connection.exec_driver_sql("drop index uq_entries_posting")
        if not database.is_sqlite:
            connection.exec_driver_sql(_NO_CONSTRAINTS)


def plant(connection, statement):
    """Change the ledger without the service."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("pragma ignore_check_constraints = on")
        connection.exec_driver_sql("pragma defer_foreign_keys = on")
    assert connection.exec_driver_sql(statement).rowcount, statement


_NO_CONSTRAINTS = """
do $$ declare one record; begin
    for one in select conrelid::regclass as owner, conname from pg_constraint
        where contype in ('c', 'f') and connamespace = 'public'::regnamespace and conrelid <> 0 loop
        execute 'alter table ' || one.owner || ' drop constraint ' || quote_ident(one.conname);
    end loop;
end $$
"""


def test_sound_ledger_has_no_fault(lived_in, database):
    assert faults(database) == []


def test_ledger_of_a_real_shops_deliveries_is_sound(shop, database):
    """Its first orders: paid, cancelled, refunded whole and in part, trashed and restored."""
    for product, tokens in ((10, 100_000), (11, 250_000), (12, 50_000), (13, 25_000), (15, 20_000)):
        factories.put_package(shop, product, tokens)

    recordings.send_all(shop.client, [sent for sent in recordings.all_recordings() if sent.sequence < 120])

    with database.reading() as connection:
        extent = audit.extent(connection)
    assert faults(database) == []
    assert extent.entries > 20
    assert extent.orders >= 20


_ENTRY = "account_id, kind, tokens, debt, forgiven, balance_after, debt_after, actor, reason, reference, created_at"
_POSTED = "store_id, order_number, line_id, posting"
_ANSWER = "update idempotency_keys set answer = replace(answer, {}) where key = '{}'"

_MERGED = "(select id from accounts where user_id = 8)"

PLANTED = [
    ("balance", "has balance 101,", "update accounts set balance = balance + 1 where user_id = 2"),
    ("balance", "debt 1 ", "update accounts set debt = debt + 1 where user_id = 2"),
    ("balance", "1001 purchased", "update accounts set purchased = purchased + 1 where user_id = 2"),
    ("balance", "its entries sum up to 70,", "delete from entries where reason = 'a gift' and tokens = 50"),
    ("chain", "leaves balance 71", "update entries set balance_after = 71 where reason = 'a gift' and tokens = 70"),
    ("chain", "debt 1;", "update entries set debt_after = 1 where reason = 'a gift' and tokens = 50"),
    ("entry", "not a valid grant", "update entries set order_number = null where order_number = 1"),
    ("entry", "not a valid adjustment", "update entries set spend_id = 5 where reason = 'a gift'"),
    ("entry", "not a valid spend", "update entries set kind = 'spend' where kind = 'refund'"),
    ("entry", "not a valid refund", "update entries set kind = 'refund' where tokens = -600"),
    ("entry", "not a valid reversal", "update entries set kind = 'reversal' where order_number = 1"),
    (
        "spend_parts",
        "but its parts sum up to 600",
        "update spends set tokens = 601 where tokens = 600",
    ),
    ("spend_parts", "601 of 600 paid", "update spends set back_balance = 601 where tokens = 600"),
    ("spend_entry", "which does not exist", "update entries set spend_id = spend_id + 1 where tokens = -600"),
    ("spend_entry", "2 entries took", "update entries set kind = 'spend' where kind = 'refund'"),
    ("spend_entry", "0 entries took", "delete from entries where tokens = -600"),
    (
        "spend_entry",
        "2 entries took 1200",
        f"insert into entries (id, spend_id, {_ENTRY}) select id + 1, spend_id, {_ENTRY} from entries"
        " where tokens = -600",
    ),
    ("refunds", "returned 100, its refunds 101", "update refunds set to_balance = 101 where to_balance = 100"),
    ("refunds", "which does not exist", "update refunds set spend_id = spend_id + 1"),
    ("refunds", "its refunds 0", "delete from refunds where to_balance = 100"),
    ("hold", "2 spends captured it", "update spends set hold_id = (select id from holds where tokens = 33)"),
    ("hold", "which does not exist", "update spends set hold_id = 5 where tokens = 30"),
    ("hold", "0 spends captured it", "update spends set hold_id = null where tokens = 30"),
    ("hold", "names spend none", "update holds set state = 'released', spend_id = null where tokens = 33"),
    ("hold", "names spend 5", "update holds set spend_id = 5 where tokens = 33"),
    ("hold", "is inconsistent", "update holds set from_balance = from_balance + 1 where tokens = 55"),
    ("hold", "is inconsistent", "update holds set settled_at = created_at where tokens = 55"),
    ("window", "has 51 used; spends took 50", "update window_uses set used = used + 1"),
    ("window", "has 0 used; spends took 50", "delete from window_uses"),
    ("plan", "has 6 used; spends took 41", "update plan_uses set used = 6"),
    ("plan", "has 0 used; spends took 41", "delete from plan_uses"),
    ("plan", "of plan 71 of account", "update plan_uses set product_id = 71"),
    ("plan", "its parts do not add up", "update spends set plan_parts = null where tokens = 30"),
    ("plan", "its parts do not add up", "update spends set plan_parts = '[[70, 1]]' where tokens = 30"),
    (
        "usage",
        "901 tokens of chat",
        "update usage_days set tokens = tokens + 451 where source = '' and module = 'chat'",
    ),
    ("usage", "2 units", "update usage_days set units = units + 1 where source = '' and module = 'chat'"),
    ("usage", "has 0 units and 0 tokens of chat", "delete from usage_days where source = '' and module = 'chat'"),
    ("site_use", "has 20 used; its spends took 21", "update site_uses set used = 20"),
    ("site_use", "has 22 used; its spends took 21", "update site_uses set used = 22"),
    ("site_use", "has 0 used", "delete from site_uses"),
    ("owner", "spend", "update spends set store_id = 99 where tokens = 600"),
    ("owner", "hold", "update holds set store_id = 99 where tokens = 33"),
    ("owner", "entry", "update entries set store_id = 99 where order_number = 1"),
    ("owner", "and of site", "update sites set account_id = (select id from accounts where user_id = 4)"),
    ("owner", "and of site 12345", "update holds set site_id = 12345 where tokens = 33"),
    ("order_line", "in 2 postings; 1 entries", "update order_lines set postings = 2 where order_number = 1"),
    ("order_line", "has 999 tokens granted", "update order_lines set granted = 999 where order_number = 1"),
    ("order_line", "which does not exist", "update entries set line_id = 77 where order_number = 1"),
    ("order_line", "the last is posting 5", "update entries set posting = 5 where order_number = 1"),
    (
        "posting",
        "posting 1 of line 1 of order 1 of store 1 was posted 2 times",
        f"insert into entries (id, {_POSTED}, {_ENTRY}) select id + 1, {_POSTED}, {_ENTRY} from entries"
        " where order_number = 1",
    ),
    (
        "worth",
        "1 units of 999 tokens do not grant",
        "update order_lines set tokens = 999 where order_number = 1",
    ),
    ("worth", "1000 tokens granted", "update order_lines set quantity = 0 where order_number = 1"),
    (
        "holder",
        "has 1000 tokens of order 1",
        "update orders set account_id = (select id from accounts where user_id = 4) where number = 1",
    ),
    ("holder", "which is no account's", "update orders set account_id = null where number = 1"),
    (
        "plan_term",
        "which is account",
        "update plan_terms set account_id = (select id from accounts where user_id = 4)",
    ),
    ("plan_term", "which does not exist", "update plan_terms set line_id = 77"),
    ("plan_term", "which is no account's", "update orders set account_id = null where number = 9"),
    ("merge", "still has 7 tokens", "update accounts set balance = 7 where user_id = 8"),
    ("merge", "which cannot pay for it", "update accounts set merged_into = id where user_id = 8"),
    ("merge", "is not stated by both", "update accounts set merged_into = null where user_id = 8"),
    ("merge", "is not stated by both", "delete from merges"),
    ("merge", "has no entry of what it moved", "update merges set balance = 5"),
    ("merge", "sum up to -970, not to 0", "delete from entries where reason = 'Merged from user 8'"),
    (
        "merge",
        "still has the open hold",
        f"update holds set account_id = {_MERGED} where state = 'open'",
    ),
    ("merge", "still holds order 1", f"update orders set account_id = {_MERGED} where number = 1"),
    ("merge", "still holds order 2", f"update orders set claimed_by = {_MERGED} where number = 2"),
    ("merge", "a plan of order 9", f"update plan_terms set account_id = {_MERGED}"),
    ("merge", "still has the linked site", f"update sites set account_id = {_MERGED}"),
    ("balance", "1000 purchased; its entries sum up to 970, 0 and 970", "update merges set purchased = 970"),
    (
        "window",
        "has 0 used; spends took 3",
        "insert into carried_uses (account_id, module, product_id, starts_at, used)"
        " select account_id, 'alt_text', 0, starts_at, 3 from window_uses",
    ),
    (
        "plan",
        "spends took 9",
        "insert into carried_uses (account_id, module, product_id, starts_at, used)"
        " select account_id, '', 72, starts_at, 9 from plan_uses",
    ),
    (
        "answer",
        "key mixed of store 1 has a response with spend sp_7",
        """update idempotency_keys set answer = '{"id":"sp_7' || substr(answer, 12) where key = 'mixed'""",
    ),
    ("answer", "spend sp_", "delete from spends where tokens = 450"),
    ("answer", "of 449 tokens; the row has 450", _ANSWER.format("""'"tokens":450', '"tokens":449'""", "mixed")),
    ("answer", "key capture of store 1", "update spends set id = id + 1 where tokens = 30"),
    ("answer", "hold ho_", "delete from holds where tokens = 44"),
    ("answer", "refund rf_", "delete from refunds where to_balance = 100"),
    ("answer", "of 100 tokens; the row has 101", "update refunds set to_balance = 101 where to_balance = 100"),
    ("answer", "cannot be read", "update idempotency_keys set answer = '{' where key = 'mixed'"),
    ("answer", "cannot be read", _ANSWER.format("'sp_', 'sp_u'", "mixed")),
    ("answer", "which does not exist", "update idempotency_keys set store_id = 99 where key = 'mixed'"),
]
"""Planted faults for each check: its sentence, and the statement that plants it."""


def test_planted_faults_are_found_by_their_checks_and_named(lived_in, database):
    """Each is planted in a transaction that is rolled back, and the ledger is read in two ranges of accounts."""
    unguard(database)
    missed = []
    for check, says, statement in PLANTED:
        with database.transaction() as connection:
            plant(connection, statement)
            parts = [part for part in audit.list_parts(connection, now=utcnow(), rows=4) if part.check == check]
            found = [fault.sentence for part in parts for fault in audit.check_part(connection, part)]
            connection.rollback()
        if not any(says in sentence for sentence in found):
            missed.append((check, says, found))

    assert missed == []
    assert faults(database) == []


def test_every_check_has_a_planted_fault():
    assert {check for check, _, _ in PLANTED} == set(audit.CHECKS)
    assert {*audit_sentences.SENTENCES, "chain", "plan", "answer"} == set(audit.CHECKS)


def test_ledger_is_read_in_parts_that_cover_all_of_it(lived_in, database):
    """Small parts: a range for each account, and a span for two answers."""
    with database.reading() as connection:
        parts = audit.list_parts(connection, now=utcnow(), rows=2)
    ranges = sorted({(part.values["low"], part.values["high"]) for part in parts if "low" in part.values})
    spans = [part.values["span"] for part in parts if part.check == "answer"]

    assert len(ranges) == 6
    assert len(spans) > 2
    assert (ranges[0][0], ranges[-1][1]) == (-(2**63), 2**63 - 1)
    assert all(before[1] == after[0] for before, after in pairwise(ranges))
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert faults(database, rows=2) == []


def test_rows_of_no_account_are_in_a_part(lived_in, database):
    unguard(database)
    with database.transaction() as connection:
        plant(connection, "update spends set account_id = 3 where tokens = 600")

    assert any("is recorded for account 3" in fault.sentence for fault in faults(database, rows=2))


def test_window_pruned_long_after_its_end_is_no_fault(lived_in, database):
    unguard(database)
    with database.transaction() as connection:
        plant(connection, "delete from window_uses")

    with database.reading() as connection:
        today = {fault.check for fault in audit.list_faults(connection, now=utcnow())}
        later = list(audit.list_faults(connection, now=utcnow().replace(year=2099)))
    assert today == {"window"}
    assert later == []


def test_entries_of_two_machines_whose_clocks_differ_are_no_fault(lived_in, database):
    """The ids cross; the entries still form one chain."""
    gifts = "select max(id) from entries where reason = 'a gift'"
    unguard(database)
    with database.transaction() as connection:
        plant(connection, f"update entries set id = ({gifts}) + 1 where reason = 'a gift' and tokens = 70")

    assert faults(database) == []


def test_faults_of_a_large_ledger_are_read_as_they_come(lived_in, database):
    unguard(database)
    with database.transaction() as connection:
        plant(connection, "update accounts set balance = balance + 1")

    with database.reading() as connection:
        first = next(audit.list_faults(connection, now=utcnow()))

    assert first.check == "balance"
