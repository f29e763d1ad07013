"""The health of a shop is stored and read with its types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bridge.domain.accounts.amounts import Reason, Unreadable
from bridge.domain.shop.access import ShopAccess
from bridge.domain.shop.health import Caretaker, Scan, SetAside, Stop
from bridge.domain.shop.issues import Code, Issue, OtherInstallation, UnclearAmount
from bridge.storage.shop import sync_state

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASIDE = (
    SetAside("order", 7, "HTTP 500", NOW),
    SetAside("order", 0, "HTTP 500", NOW, above=3, below=9, after=NOW - timedelta(days=1), until=NOW),
)
ISSUES = (
    Issue(Code.SHOP, reason="HTTP 401", since=NOW, is_keys_fault=True),
    Issue(Code.COPY, other=OtherInstallation("https://old.example", "https://new.example")),
    Issue(Code.WEBHOOK_PAUSED, ("order.created", "order.updated"), subject="https://bridge.example/w"),
    Issue(Code.UNPROCESSED, count=2, resource="order", resource_id=0, since=NOW, reason="why"),
    Issue(Code.SET_ASIDE, count=2, set_aside=ASIDE, since=NOW, reason="HTTP 500"),
    Issue(
        Code.UNREADABLE_AMOUNT,
        count=9,
        amounts=(UnclearAmount(10, 11, "Pack", Unreadable("tokens_granted", "5.000", Reason.AMBIGUOUS)),),
    ),
)


def test_every_column_comes_back_with_its_type(shop, database):
    values = {
        "access": ShopAccess("/wp-json/", has_keys_in_query=True, query_refused_at=5),
        "set_aside": ASIDE,
        "stopped": {"poll": Stop(NOW, "shop_broken", "why")},
        "scan": Scan(3, 250, NOW),
        "caretaker": Caretaker("https://bridge.example", ("a", "b")),
        "issues": ISSUES,
    }
    with database.transaction() as connection:
        sync_state.change(connection, shop.id, **values)
    with database.reading() as connection:
        known = sync_state.find(connection, shop.id)

    assert {name: getattr(known, name) for name in values if name != "issues"} == {
        name: value for name, value in values.items() if name != "issues"
    }
    assert tuple(known.issues.values()) == ISSUES
    assert list(known.issues) == [issue.key for issue in ISSUES]


def test_none_and_nothing_empty_a_column(shop, database):
    with database.transaction() as connection:
        sync_state.change(connection, shop.id, set_aside=ASIDE, issues=ISSUES, scan=Scan(2, 10))
        sync_state.change(connection, shop.id, set_aside=(), issues=(), scan=None)
        known = sync_state.find(connection, shop.id)

    assert (known.set_aside, dict(known.issues), known.scan) == ((), {}, Scan())
