"""The audit finds every kind of fault, and nothing in books that are sound."""

import pytest

from bridge.services import audit
from bridge.web.context import utcnow
from tests import factories
from tests.support import recordings


@pytest.fixture
def lived_in(shop):
    """Books with everything in them: grants, a reversal into debt, spends from every source, a refund."""
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
    return shop


def faults(database):
    with database.reading() as connection:
        return list(audit.list_faults(connection, now=utcnow()))


def plant(database, *statements):
    """Change the books behind everybody's back, checks or no checks."""
    with database.transaction() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("pragma ignore_check_constraints = on")
        else:
            connection.exec_driver_sql("alter table spends drop constraint ck_spends_parts")
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount, statement


def test_sound_books_have_no_fault(lived_in, database):
    assert faults(database) == []


def test_books_of_what_a_real_shop_sent_are_sound(shop, database):
    """Its first orders: paid, cancelled, refunded whole and in part, put in the trash and taken out again."""
    for product, tokens in ((10, 100_000), (11, 250_000), (12, 50_000), (13, 25_000), (15, 20_000)):
        factories.put_package(shop, product, tokens)

    recordings.send_all(shop.client, [sent for sent in recordings.all_recordings() if sent.sequence < 120])

    with database.reading() as connection:
        extent = audit.extent(connection)
    assert faults(database) == []
    assert extent.entries > 20
    assert extent.orders >= 20


@pytest.mark.parametrize(
    ("check", "says", "statement"),
    [
        ("balance", "has balance 101,", "update accounts set balance = balance + 1 where user_id = 2"),
        ("balance", "debt 1 ", "update accounts set debt = debt + 1 where user_id = 2"),
        ("balance", "1001 purchased", "update accounts set purchased = purchased + 1 where user_id = 2"),
        (
            "chain",
            "leaves balance 71",
            "update entries set balance_after = balance_after + 1 where reason = 'a gift' and tokens = 70",
        ),
        (
            "chain",
            "debt 1;",
            "update entries set debt_after = debt_after + 1 where reason = 'a gift' and tokens = 50",
        ),
        ("spend_entry", "which is not there", "update entries set spend_id = spend_id + 1 where tokens = -600"),
        ("spend_entry", "2 entries took", "update entries set kind = 'spend' where kind = 'refund'"),
        ("refunds", "gave 100 back, its refunds 101", "update refunds set to_balance = to_balance + 1"),
        ("refunds", "which is not there", "update refunds set spend_id = spend_id + 1"),
        ("window", "has 51 used, its spends took 50", "update window_uses set used = used + 1"),
        ("usage", "901 tokens of chat", "update usage_days set tokens = tokens + 451 where source = ''"),
        ("usage", "2 units", "update usage_days set units = units + 1 where source = ''"),
        ("order_line", "in 2 postings; 1 entries", "update order_lines set postings = 2 where order_number = 1"),
        (
            "order_line",
            "has 999 tokens granted",
            "update order_lines set granted = granted - 1 where order_number = 1",
        ),
        ("order_line", "which is not there", "update entries set line_id = 77 where order_number = 1"),
        (
            "holder",
            "has 1000 tokens of order 1",
            "update orders set account_id = (select id from accounts where user_id = 4) where number = 1",
        ),
        ("holder", "which is nobody's", "update orders set account_id = null where number = 1"),
        (
            "answer",
            "key mixed of store 1 was answered with spend sp_7",
            """update idempotency_keys set answer = '{"id": "sp_7' || substr(answer, 13) where key = 'mixed'""",
        ),
    ],
)
def test_fault_is_found_by_its_own_check_and_told(lived_in, database, check, says, statement):
    plant(database, statement.replace("%", "%%"))

    found = faults(database)

    assert {fault.check for fault in found} == {check}
    assert any(says in fault.sentence for fault in found), found


def test_spend_whose_parts_do_not_make_its_price_is_found(lived_in, database):
    plant(database, "update spends set tokens = tokens + 1 where tokens = 600")

    assert {fault.check for fault in faults(database)} == {"spend_parts", "usage"}


def test_spend_without_its_entry_is_found(lived_in, database):
    plant(database, "delete from entries where tokens = -600")

    assert "spend_entry" in {fault.check for fault in faults(database)}


def test_spend_with_two_entries_is_found(lived_in, database):
    columns = "account_id, kind, tokens, debt, balance_after, debt_after, actor, reason, spend_id, created_at"
    plant(database, f"insert into entries (id, {columns}) select id + 1, {columns} from entries where tokens = -600")

    assert any("2 entries took 1200" in fault.sentence for fault in faults(database))


def test_plan_that_was_used_by_no_spend_is_found(lived_in, database):
    plant(
        database,
        "insert into plan_uses (account_id, product_id, starts_at, ends_at, used)"
        " select id, 10, created_at, created_at, 5 from accounts where user_id = 2",
    )

    assert [fault.check for fault in faults(database)] == ["plan"]


def test_window_pruned_long_after_its_end_is_no_fault(lived_in, database):
    plant(database, "delete from window_uses")

    with database.reading() as connection:
        today = {fault.check for fault in audit.list_faults(connection, now=utcnow())}
        later = list(audit.list_faults(connection, now=utcnow().replace(year=2099)))
    assert today == {"window"}
    assert later == []


def test_entries_of_two_machines_whose_clocks_differ_are_no_fault(lived_in, database):
    """The ids cross; the entries still form one chain."""
    gifts = "select max(id) from entries where reason = 'a gift'"
    plant(database, f"update entries set id = ({gifts}) + 1 where reason = 'a gift' and tokens = 70")

    assert faults(database) == []


def test_faults_of_large_books_are_read_as_they_come(lived_in, database):
    plant(database, "update accounts set balance = balance + 1")

    with database.reading() as connection:
        first = next(audit.list_faults(connection, now=utcnow()))

    assert first.check == "balance"
