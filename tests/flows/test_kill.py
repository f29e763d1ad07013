"""A service killed during its work: answered requests are in the ledger once, and nothing twice."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bridge.services.shop import inbox
from schedulers.context import JobContext
from schedulers.jobs import retry_deliveries
from tests.conftest import SECRET_KEY
from tests.factories import balance_of, delivery_headers, give, order, put_package
from tests.support import ledger_sql
from tests.support.service import Service, all_at_once

CALLERS = 16


@pytest.fixture
def service(shop, database_url, tmp_path):
    service = Service(database_url, SECRET_KEY, tmp_path, workers=1)
    service.start()
    yield service
    service.close()


class Killer:
    """Kills the service at the answer of that number, and starts it again."""

    def __init__(self, service, *, at):
        self._service, self._at, self._lock = service, at, threading.Lock()
        self.seen = 0

    def note(self, answer):
        with self._lock:
            self.seen += answer is not None
            if self.seen == self._at:
                self.seen += 1
                self._service.kill()
                self._service.start()


def test_killed_in_a_storm_of_spends_every_key_is_charged_once(shop, service, database):
    """200 keys; the callers whose connection broke repeat their request under the same key.

    A free limit with two windows pays first, and the balance the rest.
    """
    give(shop, 2, 20_000)
    limit = {"period": "monthly", "rules": {"user": 3_000}, "second": {"period": "never", "rules": {"user": 2_500}}}
    for path, settings in (("limits/chat", limit), ("store", {"spend_order": ["allowance", "balance", "plan"]})):
        assert shop.client.put(f"/v1/{path}", json=settings, headers=shop.headers).status_code == 200
    killer = Killer(service, at=50)

    def request(number):
        body = json.dumps({"user": {"id": 2}, "module": "chat", "tokens": 30}).encode()
        return "POST", "/v1/spends", body, shop.headers | {"Idempotency-Key": f"kill-{number}"}

    def spend(number):
        first = service.call(*request(number))
        killer.note(first)
        return first if first is not None and first.status == 201 else service.insist(*request(number))

    answers = all_at_once(spend, range(200), threads=CALLERS)
    again = all_at_once(lambda number: service.insist(*request(number)), range(200), threads=CALLERS)

    assert killer.seen > 50
    assert {answer.status for answer in answers} == {201}, service.log()
    assert [answer.text for answer in again] == [answer.text for answer in answers]
    assert {answer.headers["Idempotent-Replayed"] for answer in again} == {"true"}
    assert len({answer.document["id"] for answer in answers}) == 200
    assert ledger_sql.count(database, "spends") == 200
    assert balance_of(shop, 2) == 20_000 - 200 * 30 + 2_500
    uses = ledger_sql.rows(database, "select counter, used from window_uses order by counter")
    assert [(row["counter"], row["used"]) for row in uses] == [(0, 2_500), (1, 2_500)]
    assert ledger_sql.faults(database) == []


def test_killed_in_a_storm_of_bulk_adjustments_every_key_counts_once(shop, service, database):
    """40 batches of 25, each sent twice at once; a batch whose connection broke is sent again."""
    give(shop, 2, 500)
    killer = Killer(service, at=15)

    def request(number):
        items = [
            {"key": f"bulk-{number}-{place}", "user": {"id": 2 + place % 7}, "tokens": 10, "reason": "gift"}
            for place in range(25)
        ]
        body = json.dumps({"adjustments": items}).encode()
        return "POST", "/v1/adjustments/bulk", body, shop.headers

    def adjust(number):
        first = service.call(*request(number % 40))
        killer.note(first)
        return first if first is not None and first.status == 200 else service.insist(*request(number % 40))

    answers = all_at_once(adjust, range(80), threads=8)

    assert killer.seen > 15
    assert {answer.status for answer in answers} == {200}, service.log()
    results = [[result["id"] for result in answer.document["results"]] for answer in answers]
    assert results[:40] == results[40:]
    assert len({entry for batch in results for entry in batch}) == 1_000
    entries = ledger_sql.rows(database, "select count(*) as n, sum(tokens) as tokens from entries")
    assert [(row["n"], int(row["tokens"])) for row in entries] == [(1_001, 10_500)]
    assert ledger_sql.faults(database) == []


def test_killed_in_a_storm_of_deliveries_every_one_answered_200_is_granted_once(shop, service, database):
    """The shop repeats nothing: a delivery without its 200 may be lost, one with it may not."""
    put_package(shop, 10, 1_000)
    killer = Killer(service, at=30)

    def deliver(number):
        body = json.dumps(order(number, customer=1 + number % 7)).encode()
        headers = delivery_headers(body, "order.updated")
        answer = service.call("POST", "/webhooks/woocommerce/shop", body, headers)
        killer.note(answer)
        return answer

    answers = all_at_once(deliver, range(1, 121), threads=CALLERS)
    left_over = run_retry_job(database)

    taken = [number for number, answer in enumerate(answers, start=1) if answer is not None and answer.status == 200]
    entries = ledger_sql.rows(database, "select order_number, tokens from entries")
    granted = [row["order_number"] for row in entries]
    assert killer.seen > 30
    assert len(taken) >= 120 - CALLERS * 2, service.log()
    assert set(taken) <= set(granted)
    assert len(granted) == len(set(granted))
    assert {row["tokens"] for row in entries} == {1_000}
    assert left_over == []
    assert ledger_sql.count(database, "deliveries") == len(granted)
    assert ledger_sql.faults(database) == []


def run_retry_job(database):
    """Run the scheduled job an hour later and return the deliveries that are still due."""
    later = datetime.now(UTC) + timedelta(hours=1)
    retry_deliveries(JobContext(database, lambda: later))
    with database.reading() as connection:
        return inbox.list_due(connection, now=later, limit=1_000)
