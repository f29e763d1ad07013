"""32 callers over real HTTP, two services, one balance: not one token too many."""

from __future__ import annotations

import json

import pytest

from tests.conftest import SECRET_KEY
from tests.factories import balance_of, give
from tests.support import ledger_sql
from tests.support.service import Service, all_at_once


@pytest.fixture
def services(shop, database_url, tmp_path):
    """Return two processes that share only the database, both up and answering."""
    pair = [Service(database_url, SECRET_KEY, tmp_path, workers=1) for _ in range(2)]
    for service in pair:
        service.start()
    for service in pair:
        assert service.insist("GET", "/healthz", b"", {}).status == 200
    yield pair
    for service in pair:
        service.close()


def test_32_callers_spending_30_from_1000_get_33_of_them(shop, services, database):
    """1000 = 33 × 30 + 10: callers after the 33rd learn that 20 are missing, without a request to retry."""
    give(shop, 2, 1_000)

    def spend(number):
        body = json.dumps({"user": {"id": 2}, "module": "chat", "tokens": 30}).encode()
        headers = shop.headers | {"Idempotency-Key": f"storm-{number}", "Content-Type": "application/json"}
        return services[number % 2].call("POST", "/v1/spends", body, headers)

    answers = all_at_once(spend, range(128), threads=32)

    accepted = [answer.document for answer in answers if answer.status == 201]
    refused = [answer.document for answer in answers if answer.status == 402]
    assert (len(accepted), len(refused)) == (33, 95), services[0].log()
    assert sorted((spend["balance"]["balance"] for spend in accepted), reverse=True) == list(range(970, 9, -30))
    assert {refusal["shortfall"] for refusal in refused} == {20}
    assert len({spend["id"] for spend in accepted}) == ledger_sql.count(database, "spends") == 33
    assert balance_of(shop, 2) == 10
    assert ledger_sql.faults(database) == []
