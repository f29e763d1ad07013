"""64 threads that spend, hold, settle, refund and grant on five accounts at once, and repeat requests.

Normally they stop after some thousand requests; `BRIDGE_STORM_SECONDS=10` sets a duration instead.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.accounts.profiles import Adjustment, adjust
from bridge.services.metering.batcher import GroupCommit
from bridge.services.ops import audit
from bridge.services.sites import sites
from bridge.services.sites.sites import NewSite
from bridge.services.transactions import in_transaction
from tests.support import ledger_sql
from tests.support.ledger_sql import rows
from tests.support.seeds import FRESH, resolve
from tests.support.spend_driver import SpendDriver, read
from tests.support.spend_replies import is_replay, status_of, text_of

THREADS = 64
LONG = float(os.environ.get("BRIDGE_STORM_SECONDS", "0"))
SECONDS, ASKS = LONG or 8.0, 1_000_000 if LONG else 2_400
CAP = 900
USERS = [1, 2, 3, 4, 5]


@dataclass
class Storm:
    """The state that all threads share; each key is used by two threads, which must get the same response."""

    driver: SpendDriver
    blog: SpendDriver
    group: GroupCommit
    seed: int = 0
    ends_at: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    lock: threading.Lock = field(default_factory=threading.Lock)
    responses: dict[str, tuple[Any, list[tuple[int, str]]]] = field(default_factory=dict)

    def ask(self, ask: Any) -> dict[str, Any]:
        """Return the response, and store it beside the other thread's."""
        reply = self.group.spend(ask)
        with self.lock:
            self.responses.setdefault(ask.key, (ask, []))[1].append((status_of(reply), text_of(reply)))
        return read(reply)

    def goes_on(self) -> bool:
        """Return whether time is left, or too few requests were sent."""
        return time.monotonic() < self.ends_at and len(self.responses) < ASKS


def caller(storm: Storm, number: int) -> None:
    """Run one thread; its twin, of the same pair, draws the same numbers."""
    rng, pair = random.Random(f"pair {storm.seed} {number // 2}"), number // 2
    # Every fourth pair uses a linked site, for the one account that it may charge.
    driver = storm.driver if pair % 4 else storm.blog
    spends: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    step = 0
    while storm.goes_on():
        step += 1
        key, user, tokens = f"{pair}-{step}", rng.choice(USERS), rng.randint(1, 40)
        kind = rng.choice(["spend", "spend", "hold", "hold", "settle", "refund"])
        place, how = rng.random(), rng.random()
        if kind == "settle" and held:
            hold = held.pop(int(place * len(held)))
            settle = (
                driver.release(hold, key=key) if how < 0.3 else driver.capture(hold, int(tokens * how * 2), key=key)
            )
            answer = storm.ask(settle)
            spends += [answer] if answer.get("uncovered") is not None else []
        elif kind == "refund" and spends:
            spend = spends[int(place * len(spends))]
            storm.ask(driver.refund(spend, None if how < 0.3 else max(1, tokens // 4), key=key))
        elif kind == "hold":
            answer = storm.ask(driver.hold(user, tokens, ttl=1 if how < 0.3 else 600, key=key))
            held += [answer] if answer["status"] == 201 else []
        else:
            module = "chat" if how < 0.7 else "ai_forms"
            answer = storm.ask(driver.spend(user, tokens, module=module, key=key))
            spends += [answer] if answer["status"] == 201 else []


def shop(storm: Storm, number: int) -> None:
    """Deliver, refund and restore orders, while an admin corrects balances."""
    rng, driver, done = random.Random(f"shop {storm.seed} {number}"), storm.driver, 0
    while storm.goes_on() and done < 40:
        done += 1
        order, user, now = number * 1000 + rng.randint(1, 6), rng.choice(USERS), datetime.now(UTC)
        acts: list[Callable[[], None]] = [
            lambda: driver.order(order, 1 + order % 5, now=now, tokens=50),  # noqa: B023
            lambda: driver.order(order, 1 + order % 5, status="refunded", now=now, tokens=50),  # noqa: B023
            lambda: correct(driver, user, now),  # noqa: B023
        ]
        rng.choice(acts)()


def correct(driver: SpendDriver, user: int, now: datetime) -> None:
    """Give a user a few tokens."""
    correction = Adjustment("a gift", 30)
    in_transaction(
        driver.database.transaction,
        lambda connection: adjust(connection, driver.caller.store_id, user, correction, actor="admin", now=now),
    )


def batched(asked: list[Any]) -> list[list[Any]]:
    """Return the requests in parts of a thousand."""
    return [asked[first : first + 1_000] for first in range(0, len(asked), 1_000)]


@pytest.fixture
def storm(shop, database):
    driver = SpendDriver(database, Caller(shop.id, "key"))
    driver.limit("chat", "daily", user=200, second=("never", {"user": 150}))
    driver.plan(70, tokens=100, months=1, now=datetime.now(UTC))
    for user in USERS:
        driver.give(user, 300, now=datetime.now(UTC))
        driver.order(900 + user, user, now=datetime.now(UTC), product=70)
    account = rows(database, "select id from accounts where user_id = 1")[0]["id"]
    with database.transaction() as connection:
        wanted = NewSite("https://blog.example.com", "Blog", monthly_cap=CAP)
        site = sites.link_site(connection, wanted, store_id=shop.id, account_id=account, now=datetime.now(UTC)).site
    blog = SpendDriver(database, Caller(shop.id, "site Blog", 0, site.id, account))
    group = GroupCommit(database, clock=lambda: datetime.now(UTC))
    yield Storm(driver, blog, group)
    group.close()


@pytest.mark.parametrize("seed", [FRESH])
def test_64_threads_leave_a_sound_ledger_and_equal_responses(storm, database, seed):
    """Threads interleave in another order each time, so a fixed seed would repeat nothing."""
    storm.seed = resolve(seed)
    with ThreadPoolExecutor(THREADS) as pool:
        runs = [pool.submit(caller, storm, number) for number in range(THREADS - 4)]
        runs += [pool.submit(shop, storm, number) for number in range(4)]
        for run in runs:
            run.result()

    asked = [ask for ask, _ in storm.responses.values()]
    # In parts: the queue has a limited size.
    again = [reply for part in batched(asked) for reply in storm.group.spend_all(part)]

    for reply, (ask, responses) in zip(again, storm.responses.values(), strict=True):
        # A refusal is not stored, so of two with one key one may be refused, and their requests differ from then on.
        successes = {answer for answer in responses if 200 <= answer[0] < 400}
        assert len(successes) <= 1, ask
        if is_replay(reply):
            assert successes == {(status_of(reply), text_of(reply))}, ask
        elif read(reply).get("code") != "idempotency_key_reused":
            assert not successes, ask
    asked_twice = [key for key, (_, responses) in storm.responses.items() if len(responses) == 2]
    assert len(asked_twice) > len(storm.responses) // 2
    assert {kind for (_, responses) in storm.responses.values() for kind, _ in responses} >= {200, 201, 402}
    with database.reading() as connection:
        assert list(audit.list_faults(connection, now=datetime.now(UTC))) == []
    assert ledger_sql.faults(database) == []
    assert rows(database, "select id from accounts where balance < 0 or debt < 0") == []
    over = "select account_id from window_uses where used > case counter when 0 then 200 else 150 end or used < 0"
    assert rows(database, over) == []
    assert rows(database, "select account_id from plan_uses where used > 100 or used < 0") == []
    assert ledger_sql.count(database, "spends") > 100
    paid = "from_plan + from_balance + from_allowance - back_plan - back_balance - back_allowance"
    of_site = rows(database, f"select sum({paid}) as n from spends where site_id <> 0")[0]["n"]
    assert 0 < of_site == rows(database, "select sum(used) as n from site_uses")[0]["n"] <= CAP
