"""The number of SQL statements of a batch does not grow with it, whatever is in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.stores.principals import Caller
from bridge.services.metering import overrides
from bridge.services.metering.overrides import Override
from bridge.services.sites import sites
from bridge.services.sites.sites import NewSite
from tests.support import books
from tests.support.desk import Desk, rule
from tests.support.statements import counted

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
USERS = range(1, 21)
MOST = 25


@pytest.fixture
def desk(shop, database):
    """A store that has everything: plans, overrides, resets, two limits; and 20 rich users."""
    desk = Desk(database, Caller(shop.id, "key"))
    desk.limit("chat", "daily", user=100_000, guest=100_000)
    desk.limit("ai_forms", "monthly", user="unlimited")
    desk.settings(spend_order=["plan", "allowance", "balance"])
    desk.plan(70, tokens=5_000, months=2, now=NOW)
    for user in USERS:
        desk.give(user, 100_000, now=NOW)
    for user in list(USERS)[::5]:
        desk.order(user, user, now=NOW, product=70)
    with database.transaction() as connection:
        override = Override("chat", rule(1_000), NOW + timedelta(days=1))
        overrides.put_override(connection, shop.id, 1, override, actor="admin", now=NOW)
        overrides.reset_account(connection, shop.id, 2, "chat", actor="admin", now=NOW)
        overrides.reset_many(connection, shop.id, module=None, role="editor", actor="admin", now=NOW)
        for row in books.rows(database, "select id from accounts"):
            wanted = NewSite("https://blog.example.com", "Blog", monthly_cap=1_000_000)
            sites.link_site(connection, wanted, store_id=shop.id, account_id=row["id"], now=NOW)
    return desk


def count(desk, asks, *, now=NOW):
    """How many statements the batch takes, BEGIN included; none of its asks may fail."""
    with counted(desk.database) as seen:
        answers = desk.send(*asks, now=now)
    assert {answer["status"] for answer in answers} <= {200, 201}
    return len(seen)


def users(size):
    return [USERS[number % len(USERS)] for number in range(size)]


def spends(desk, size):
    return [desk.spend(user, 3, module=("chat", "ai_forms")[place % 2]) for place, user in enumerate(users(size))]


def holds(desk, size):
    return [desk.hold(user, 3, module=("chat", "ai_forms")[place % 2]) for place, user in enumerate(users(size))]


def captures(desk, size):
    """Less than was held, as much, and more."""
    held = desk.send(*holds(desk, size), now=NOW)
    return [desk.capture(hold, 1 + place % 5) for place, hold in enumerate(held)]


def late_captures(desk, size):
    held = desk.send(*holds(desk, size), now=NOW - timedelta(hours=1))
    return [desk.capture(hold, 2) for hold in held]


def releases(desk, size):
    return [desk.release(hold) for hold in desk.send(*holds(desk, size), now=NOW)]


def refunds(desk, size):
    spent = desk.send(*spends(desk, size), now=NOW)
    return [desk.refund(spend, 1 + place % 3) for place, spend in enumerate(spent)]


def site_refunds(desk, size):
    """Every user's spend came from a linked site of his own."""
    found = {row["account_id"]: row["id"] for row in books.rows(desk.database, "select id, account_id from sites")}
    blogs = [
        Desk(desk.database, Caller(desk.caller.store_id, "site", 0, site, account)) for account, site in found.items()
    ]
    asks = [blogs[place % len(blogs)].spend(0, 3) for place in range(size)]
    return [desk.refund(spend, 2) for spend in desk.send(*asks, now=NOW)]


def mixed(desk, size):
    fifth = size // 5
    kinds = (spends, holds, captures, releases, refunds)
    return [ask for asks in zip(*(kind(desk, fifth) for kind in kinds), strict=True) for ask in asks]


@pytest.mark.parametrize(
    "kind",
    [spends, holds, captures, late_captures, releases, refunds, site_refunds, mixed],
    ids=lambda kind: kind.__name__,
)
def test_large_batch_takes_as_many_statements_as_one_of_10(desk, database, kind):
    # Read first, so that both batches find the rules known.
    desk.one(desk.spend(1, 1), now=NOW)

    # Only plain spends come in thousands; the others are as telling with fewer.
    small, large = (count(desk, kind(desk, size)) for size in (10, 1_000 if kind in {spends, mixed} else 200))

    assert small == large
    assert large <= MOST
    assert books.faults(database) == []
