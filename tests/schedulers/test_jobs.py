"""The jobs process what is due, item by item, and a failing item stops no other."""

from datetime import timedelta

import pytest

from bridge.services.ops import retention
from bridge.services.shop import processing
from bridge.web.context import utcnow
from schedulers import context, jobs
from schedulers.context import Job
from tests import factories
from tests.support import ledger_sql
from tests.support.clock import shift_at
from tests.support.refused_entries import accept_entries, refuse_entries


def states(database):
    return [row["state"] for row in ledger_sql.rows(database, "select state from deliveries order by id")]


def own_email(database, user_id, email):
    """Give a user an email as another process leaves it, before their orders are settled."""
    with database.transaction() as connection:
        connection.exec_driver_sql(f"update accounts set email_key = '{email}' where user_id = {user_id}")


def test_delivery_whose_processing_failed_is_retried_and_applied(shop, database):
    factories.put_package(shop, 10, 1000)
    factories.give(shop, 2, 5)
    refuse_entries(database, 2)
    assert factories.deliver(shop, factories.order(1, customer=2)).status_code == 200
    assert states(database) == ["received"]
    accept_entries(database)

    too_early = jobs.retry_deliveries(shift_at(database, utcnow()))
    done = jobs.retry_deliveries(shift_at(database, utcnow() + timedelta(seconds=30)))

    assert (too_early, done) == ("0 processed", "1 processed")
    assert factories.balance_of(shop, 2) == 1005
    assert states(database) == ["processed"]


def test_delivery_that_fails_again_waits_longer_and_stops_no_other(shop, database):
    factories.put_package(shop, 10, 1000)
    factories.put_user(shop, 2)
    refuse_entries(database, 2)
    factories.deliver(shop, factories.order(1, customer=2))
    factories.deliver(shop, factories.order(2, customer=3))
    with database.transaction() as connection:
        connection.exec_driver_sql("update deliveries set state = 'received', next_attempt_at = received_at")

    outcome = jobs.retry_deliveries(shift_at(database, utcnow()))

    assert outcome == "1 processed, 1 failed"
    assert factories.balance_of(shop, 3) == 1000
    waiting = ledger_sql.rows(database, "select attempts, outcome from deliveries where state = 'received'")
    assert [(row["attempts"], row["outcome"].partition(":")[0]) for row in waiting] == [(2, "failed")]


def test_delivery_cut_off_after_its_200_is_processed_by_the_job(shop, app, database, monkeypatch):
    """As if the process had died between the two commits."""
    factories.put_package(shop, 10, 1000)
    with monkeypatch.context() as cut_off:
        cut_off.setattr(processing, "process_received", lambda *args, **more: True)
        factories.deliver(shop, factories.order(1, customer=2))
    assert states(database) == ["received"]

    jobs.retry_deliveries(shift_at(database, utcnow() + timedelta(minutes=1)))

    assert factories.balance_of(shop, 2) == 1000


def test_parked_order_is_settled_once_its_buyer_has_an_account(shop, database):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=0, email="Ada@Example.test"))
    factories.deliver(shop, factories.order(2, customer=0, email="nobody@example.test"))
    factories.put_user(shop, 7)
    own_email(database, 7, "ada@example.test")
    assert jobs.settle_open_orders(shift_at(database, utcnow())) == "1 settled"
    assert factories.balance_of(shop, 7) == 1000

    assert jobs.settle_open_orders(shift_at(database, utcnow())) == "0 settled"

    assert ledger_sql.parked(database) == {2: "nobody@example.test"}


def test_parked_order_of_an_email_two_accounts_have_stays_parked(shop, database):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=0))
    for user in (7, 8):
        factories.put_user(shop, user)
        own_email(database, user, "ada@example.test")

    assert jobs.settle_open_orders(shift_at(database, utcnow())) == "0 settled"


def test_line_whose_package_became_known_is_settled(shop, database):
    factories.deliver(shop, factories.order(1, customer=2, lines=[factories.line(product=77)]))
    factories.deliver(shop, factories.order(2, customer=2, lines=[factories.line(product=78, variation=5)]))
    factories.deliver(shop, factories.order(3, customer=2, lines=[factories.line(product=79)]))
    with database.transaction() as connection:
        # As another process leaves it, before the order is settled.
        for product, variation in ((77, 0), (78, 5), (78, 6)):
            connection.exec_driver_sql(
                "insert into packages (store_id, product_id, variation_id, admin_tokens, updated_at)"
                f" select id, {product}, {variation}, 500, created_at from stores where true"
                " on conflict (store_id, product_id, variation_id) do update set admin_tokens = 500"
            )

    assert jobs.settle_open_orders(shift_at(database, utcnow())) == "2 settled"
    assert factories.balance_of(shop, 2) == 1000


def test_order_that_cannot_be_settled_stops_no_other(shop, database, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 1)
    factories.put_package(shop, 10, 1000)
    for number, email in ((1, "full@example.test"), (2, "ada@example.test")):
        factories.deliver(shop, factories.order(number, customer=0, email=email))
    factories.put_user(shop, 6)
    refuse_entries(database, 6)
    own_email(database, 6, "full@example.test")
    factories.put_user(shop, 7)
    own_email(database, 7, "ada@example.test")

    assert jobs.settle_open_orders(shift_at(database, utcnow())) == "1 settled, 1 failed"
    assert factories.balance_of(shop, 7) == 1000


def test_prune_removes_expired_rows_and_keeps_the_ledger(shop, database, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    rules = {"user": 100, "guest": 100}
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": rules}, headers=shop.headers)
    shop.client.put("/v1/limits/ai_forms", json={"period": "never", "rules": rules}, headers=shop.headers)
    factories.put_package(shop, 10, 1000)
    for number in range(1, 6):
        factories.deliver(shop, factories.order(number, customer=10 + number))
        assert factories.spend(shop, number, 5).status_code == 201
    assert factories.spend(shop, 1, 5, module="ai_forms").status_code == 201
    for module in ("chat", "ai_forms"):
        body = {"guest": {"id": "cookie"}, "module": module, "tokens": 5}
        used = shop.client.post("/v1/spends", json=body, headers=shop.headers | {"Idempotency-Key": module})
        assert used.status_code == 201
    signed_in = shop.headers | {"Idempotency-Key": "sign-in"}
    shop.client.post("/v1/users/1/merge-guest", json={"guest": {"id": "cookie"}}, headers=signed_in)
    factories.put_user(shop, 20)
    refuse_entries(database, 20)
    factories.deliver(shop, factories.order(9, customer=20))
    counts = {table: ledger_sql.count(database, table) for table in ("entries", "spends", "orders", "usage_days")}

    jobs.prune(shift_at(database, utcnow() + timedelta(days=89)))
    assert ledger_sql.count(database, "deliveries") == 6
    outcome = jobs.prune(shift_at(database, utcnow() + timedelta(days=403)))

    assert ", 5 deliveries, 7 windows, " in outcome
    assert ledger_sql.count(database, "idempotency_keys") == 0
    assert states(database) == ["received"], "what still waits is never removed"
    assert [row["module"] for row in ledger_sql.rows(database, "select module from window_uses")] == ["ai_forms"] * 2
    # What a guest brought along goes with its window.
    assert [row["module"] for row in ledger_sql.rows(database, "select module from guest_uses")] == ["ai_forms"]
    assert counts == {table: ledger_sql.count(database, table) for table in counts}


def test_each_run_is_noted_with_its_outcome(database, shop):
    context.run(Job("retry_deliveries", 5, jobs.retry_deliveries), shift_at(database, utcnow()))

    (noted,) = ledger_sql.rows(database, "select * from runs")
    assert (noted["job"], noted["outcome"]) == ("retry_deliveries", "0 processed")
    assert noted["finished_at"] is not None


def test_job_that_raises_is_logged_noted_and_runs_again(database, caplog):
    outcomes = iter([ZeroDivisionError(), "done"])

    def work(_shift):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    job = Job("moody", 5, work)

    context.run(job, shift_at(database, utcnow()))
    first = ledger_sql.rows(database, "select outcome from runs")
    context.run(job, shift_at(database, utcnow()))

    assert first == [{"outcome": "failed: ZeroDivisionError"}]
    assert ledger_sql.rows(database, "select outcome from runs") == [{"outcome": "done"}]
    assert "job moody failed" in caplog.text


@pytest.mark.parametrize("work", [jobs.retry_deliveries, jobs.settle_open_orders, jobs.due_windows, jobs.prune])
def test_job_that_lost_the_lead_does_nothing(shop, database, work):
    shop.client.put("/v1/limits/chat", json={"period": "daily", "rules": {"user": 100}}, headers=shop.headers)
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=0))
    factories.put_user(shop, 7)
    own_email(database, 7, "ada@example.test")
    with database.transaction() as connection:
        connection.exec_driver_sql("update deliveries set state = 'received', next_attempt_at = received_at")
    long_after = utcnow() + timedelta(days=500)

    work(context.JobContext(database, lambda: long_after, lambda: False))

    assert ledger_sql.count(database, "deliveries") == 1
    assert states(database) == ["received"]
    assert ledger_sql.count(database, "window_runs") == 0
    assert list(ledger_sql.parked(database)) == [1]
