"""Webhooks in a shop: those that are ours, what to do with them, and their faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.domain.shop.issues import Code, Issue
from bridge.domain.shop.monitor import RECENT, HealthSnapshot, find_issues
from bridge.domain.shop.subscriptions import TOPICS, Action, Address, SubscriptionState, Webhook, plan, state_of
from bridge.rendering import issues

HERE = Address("https://bridge.example/webhooks/woocommerce/shop", "0123abcd")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEALTHY = tuple(
    Webhook(number, topic, "active", HERE.url, HERE.name_of(topic)) for number, topic in enumerate(TOPICS, start=1)
)
SEEN = HealthSnapshot("shop", HERE, "https://shop.example", has_keys=True, webhooks=HEALTHY, packages=3)


def with_first(**changes):
    return (replace(HEALTHY[0], **changes), *HEALTHY[1:])


def changes(steps):
    return [(step.action, step.topic, step.webhook_id) for step in steps if step.action is not Action.KEEP]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, SubscriptionState.ACTIVE),
        ({"name": "made by hand"}, SubscriptionState.ACTIVE),
        ({"status": "paused"}, SubscriptionState.PAUSED),
        ({"status": "disabled"}, SubscriptionState.DISABLED),
        ({"status": "of tomorrow"}, SubscriptionState.DISABLED),
        ({"delivery_url": "https://elsewhere.example/x"}, SubscriptionState.WRONG_URL),
        ({"delivery_url": "http://bridge.example/webhooks/woocommerce/shop"}, SubscriptionState.WRONG_URL),
        ({"delivery_url": "https://[broken"}, SubscriptionState.WRONG_URL),
        ({"delivery_url": "https://old.example/webhooks/woocommerce/shop"}, SubscriptionState.OTHER_INSTANCE),
        ({"delivery_url": "https://elsewhere.example/x", "name": "made by hand"}, SubscriptionState.UNMANAGED),
        (
            {"delivery_url": HERE.url + "-two", "name": "Token Bridge order.created [ffffffff]"},
            SubscriptionState.UNMANAGED,
        ),
    ],
)
def test_state_of_a_webhook(fields, expected):
    assert state_of(with_first(**fields)[0], HERE) is expected


def test_shop_without_webhooks_gets_one_for_each_topic():
    assert changes(plan([], HERE)) == [(Action.CREATE, topic, 0) for topic in TOPICS]


def test_healthy_shop_is_left_alone():
    assert changes(plan(HEALTHY, HERE)) == []


@pytest.mark.parametrize(
    "fields", [{"status": "paused"}, {"status": "disabled"}, {"delivery_url": "https://x.example/"}]
)
def test_broken_webhook_is_recreated_before_the_old_one_goes(fields):
    assert changes(plan(with_first(**fields), HERE)) == [
        (Action.CREATE, "order.created", 0),
        (Action.DELETE, "order.created", 1),
    ]


def test_second_webhook_of_a_topic_goes_if_we_made_it():
    """As after a creation whose response was lost; one made by hand may stay."""
    double = replace(HEALTHY[0], id=50)
    by_hand = replace(double, id=51, name="by hand")

    assert changes(plan([*HEALTHY, double, by_hand], HERE)) == [(Action.DELETE, "order.created", 50)]


def test_others_webhooks_are_never_touched():
    others = [
        replace(hook, id=100 + hook.id, delivery_url="https://erp.example/", name="ERP", status="disabled")
        for hook in HEALTHY
    ]
    copy = replace(HEALTHY[0], id=7, delivery_url="https://staging.example/webhooks/woocommerce/shop")

    assert changes(plan([*HEALTHY, *others, copy], HERE)) == []
    assert {step.webhook_id for step in plan([*HEALTHY, *others], HERE, is_recreated=True)} <= set(range(11))
    moved = plan([*HEALTHY, *others, copy], HERE, replaced=[SubscriptionState.OTHER_INSTANCE])
    assert changes(moved) == [(Action.DELETE, "order.created", 7)]


def test_healthy_shop_has_no_fault():
    assert find_issues(SEEN, now=NOW) == ()


@pytest.mark.parametrize(
    ("seen", "code", "words"),
    [
        ({"has_keys": False, "webhooks": None}, Code.NO_KEYS, "flask stores keys shop"),
        ({"shop_fault": "HTTP 401: why"}, Code.SHOP, "HTTP 401: why"),
        ({"write_fault": "it may only read", "is_keys_fault": True}, Code.KEYS_READ_ONLY, "it may only read"),
        ({"write_fault": "a firewall refused"}, Code.WRITE_BLOCKED, "a firewall refused"),
        ({"address": replace(HERE, url="http://127.0.0.1:8000/w"), "webhooks": None}, Code.ADDRESS_LOCAL, "PUBLIC_URL"),
        ({"webhooks": ()}, Code.WEBHOOK_MISSING, "for any topic; recreate it with: flask webhooks install shop"),
        ({"webhooks": HEALTHY[1:]}, Code.WEBHOOK_MISSING, "for order.created;"),
        ({"webhooks": with_first(status="paused")}, Code.WEBHOOK_PAUSED, "order.created is paused"),
        (
            {"webhooks": with_first(status="disabled")},
            Code.WEBHOOK_DISABLED,
            "webhook for order.created is disabled",
        ),
        (
            {"webhooks": with_first(delivery_url="https://x.example/?key=secret")},
            Code.WEBHOOK_WRONG_URL,
            "to another address, https://x.example;",
        ),
        ({"unsigned": 1, "changed": 1, "bad_signature_at": NOW}, Code.WRONG_SECRET, "2026-11-20 12:00 UTC"),
        ({"shop_error_at": NOW}, Code.OWNER_DEMOTED, "shop manager"),
        ({"changed": 2}, Code.SILENT, "2 orders changed"),
        ({"unapplied": ("order 4: why",)}, Code.UNAPPLIED, "order 4: why could not be applied"),
        ({"packages": 0}, Code.NO_PACKAGES, "flask packages import shop"),
        ({"clock_offset_seconds": -301}, Code.CLOCK, "differ by 301 seconds"),
    ],
)
def test_each_fault_has_its_sentence_and_its_remedy(seen, code, words):
    (fault,) = find_issues(replace(SEEN, **seen), now=NOW)

    assert fault.code is code
    sentence = issues.describe_with_command(fault, slug="shop")
    assert words in sentence
    assert "{" not in sentence
    assert sentence.startswith(issues.describe(fault))


@pytest.mark.parametrize("code", Code)
def test_every_issue_has_a_sentence_and_pages_name_no_command(code):
    issue = Issue(code, ("order.created",), subject="https://there.example", reason="why", count=2, since=NOW)

    shown = issues.describe(issue)

    assert "flask" not in shown
    assert "{" not in shown
    assert issues.describe_with_command(issue, slug="shop").startswith(shown)
    assert shown[-1].isalnum() or shown[-1] == ")"


def test_clock_a_little_off_is_no_fault():
    assert find_issues(replace(SEEN, clock_offset_seconds=300), now=NOW) == ()


def test_wrong_signature_alone_proves_nothing():
    """Any caller can send one."""
    assert find_issues(replace(SEEN, bad_signature_at=NOW), now=NOW) == ()
    assert find_issues(replace(SEEN, bad_signature_at=NOW, last_delivery_at=NOW - RECENT), now=NOW) == ()
