"""A shop that stops sending orders is found within one run, repaired, synced and reported."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.shop.health import Caretaker
from bridge.domain.shop.issues import Code
from bridge.domain.shop.subscriptions import TOPICS
from bridge.rendering.issues import describe_with_command
from bridge.services.shop import monitor, subscriptions
from bridge.storage.shop import sync_state
from fakeshop.rest.faults import Kind
from tests import factories
from tests.support import ledger_sql
from tests.support.connected_shop import PUBLIC_URL, open_connected_shop
from tests.support.webhook_failures import (
    HOUR,
    call_with_wrong_signature,
    delete,
    demote,
    disable,
    forget_secret,
    hook,
    pause,
    point_elsewhere,
)

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app, caplog):
    """Return a shop with working webhooks, its history read, and one order delivered."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect().listen()
        connected_shop.sell()
        connected_shop.shop.run_queue()
        connected_shop.poll()
        connected_shop.watch()
        yield connected_shop


def reported(connected_shop):
    """Return the events for the owner so far: the codes of each."""
    rows = ledger_sql.rows(
        connected_shop.database, "select payload from outbox where type = 'store.webhook_silent' order by id"
    )
    documents = [
        row["payload"] if isinstance(row["payload"], dict) else factories.json.loads(row["payload"]) for row in rows
    ]
    return [[(fault["code"], fault["repaired"]) for fault in document["faults"]] for document in documents]


def codes(faults):
    return [fault.code for fault in faults]


def test_healthy_shop_is_only_looked_at(connected_shop):
    connected_shop.asked()

    watched = connected_shop.watch()

    assert (watched.found, watched.report, reported(connected_shop)) == ((), None, [])
    assert {request.split()[0] for request in connected_shop.asked()} == {"GET", "PUT"}, (
        "the PUT is of webhook 0, which is none"
    )
    assert len(connected_shop.shop.webhooks) == 10


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (delete, Code.WEBHOOK_MISSING),
        (pause, Code.WEBHOOK_PAUSED),
        (disable, Code.WEBHOOK_DISABLED),
        (point_elsewhere, Code.WEBHOOK_WRONG_URL),
        (forget_secret, Code.WRONG_SECRET),
        (demote, Code.OWNER_DEMOTED),
    ],
)
def test_trouble_is_found_repaired_read_back_and_reported_once(connected_shop, trouble, code):
    trouble(connected_shop)
    connected_shop.later()
    order = connected_shop.sell(3)
    connected_shop.shop.run_queue()
    connected_shop.later(20 * 60)

    watched = connected_shop.watch()

    assert (codes(watched.found), watched.left) == ([code], ())
    assert reported(connected_shop) == [[(code.value, True)]]
    assert connected_shop.balances() == {2: 100_000, 3: 100_000}, "what was missed is read back at once"
    connected_shop.later()
    connected_shop.shop.cancel(order)
    assert [sent.status for sent in connected_shop.shop.run_queue()] == [200]
    assert connected_shop.balances() == {2: 100_000, 3: 0}, "and the shop tells again"
    assert hook(connected_shop).failures == 0
    connected_shop.later(300)
    assert connected_shop.watch().found == ()
    assert len(reported(connected_shop)) == 1


@one_engine
def test_disabled_webhook_is_recreated_and_not_activated_again(connected_shop):
    disable(connected_shop)
    old = hook(connected_shop).id

    connected_shop.watch()

    assert old not in connected_shop.shop.webhooks
    connected_shop.shop.fail_next(1, status=500)
    connected_shop.shop.save(20)
    connected_shop.shop.run_queue()
    assert hook(connected_shop).status == "active", "one failure more would have disabled the old one again"


@one_engine
def test_silent_shop_whose_webhooks_look_well_is_read_back_and_reported(connected_shop):
    """Its queue does not run: nothing is lost, and nothing can be repaired from here."""
    connected_shop.sell(3)
    connected_shop.later(600)
    assert connected_shop.watch().found == (), "its queue may take a while"
    connected_shop.later(600)

    watched = connected_shop.watch()

    assert (codes(watched.found), codes(watched.left)) == ([Code.SILENT], [Code.SILENT])
    assert reported(connected_shop) == [[("silent", False)]]
    assert connected_shop.balances()[3] == 100_000
    connected_shop.later(300)
    connected_shop.watch()
    assert len(reported(connected_shop)) == 1, "told once, until it is over"
    connected_shop.shop.run_queue()
    connected_shop.later(1200)
    assert connected_shop.watch().found == ()
    connected_shop.sell(3)
    connected_shop.later(1200)
    connected_shop.watch()
    assert len(reported(connected_shop)) == 2


@one_engine
def test_abandoned_cart_is_no_silence(connected_shop):
    draft = connected_shop.shop.place_order(2, [(10, 1)], via="store-api")
    connected_shop.shop.run_queue()
    connected_shop.later(60)
    draft.status, draft.modified_at = "checkout-draft", connected_shop.now
    connected_shop.later(HOUR)

    assert connected_shop.watch().found == ()


@one_engine
def test_others_webhooks_stay_as_they_are(connected_shop):
    erp = connected_shop.shop.create_webhook("order.updated", "http://127.0.0.1:1/erp", status="disabled", name="ERP")
    theirs = f"Token Bridge order.updated [{'f' * 8}]"
    copy = connected_shop.shop.create_webhook(
        "order.updated", "http://127.0.0.1:1/webhooks/woocommerce/shop", name=theirs
    )
    delete(connected_shop)

    connected_shop.watch()

    assert connected_shop.shop.webhooks[erp.id].status == "disabled"
    assert connected_shop.shop.webhooks[copy.id].status == "active"
    assert len(connected_shop.shop.webhooks) == 12


@one_engine
def test_copy_of_this_service_is_reported_and_left_alone(connected_shop):
    """A restored database on another machine: otherwise each would take the shop from the other for ever."""
    there = "http://127.0.0.1:1/webhooks/woocommerce/shop"
    connected_shop.shop.create_webhook("order.updated", there, name=hook(connected_shop).name)

    watched = connected_shop.watch()

    assert (codes(watched.found), reported(connected_shop)) == ([Code.WEBHOOK_OTHER_INSTANCE], [])
    assert len(connected_shop.shop.webhooks) == 11


@one_engine
def test_shop_out_of_reach_keeps_what_was_known_and_is_no_news_again(connected_shop):
    for topic in TOPICS:
        connected_shop.shop.update_webhook(hook(connected_shop, topic).id, status="paused")
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="webhooks?", times=None)
    connected_shop.watch()
    connected_shop.served.faults.clear()
    connected_shop.served.faults.add(Kind.UNAUTHORIZED, times=None)

    assert codes(connected_shop.watch().left) == [Code.SHOP]
    connected_shop.served.faults.clear()
    assert connected_shop.watch().left == ()
    assert reported(connected_shop) == [[("webhook_paused", True)]]


@one_engine
def test_repair_that_is_cut_off_is_finished_by_the_next_run(connected_shop):
    for topic in TOPICS:
        connected_shop.shop.delete_webhook(hook(connected_shop, topic).id)
    real, left = connected_shop.shop.create_webhook, [4]

    def create(*args, **more):
        left[0] -= 1
        if left[0] == 0:
            connected_shop.served.faults.add(Kind.ERROR_PAGE, times=None)
        return real(*args, **more)

    connected_shop.shop.create_webhook = create
    assert codes(connected_shop.watch().left) == [Code.WEBHOOK_MISSING]
    connected_shop.served.faults.clear()

    assert connected_shop.watch().left == ()
    assert sorted(hook.topic for hook in connected_shop.shop.webhooks.values()) == sorted(TOPICS)


@one_engine
def test_wrong_signatures_of_others_raise_no_alarm_and_touch_no_webhook(connected_shop):
    """They come beside good deliveries, alone on a quiet day, and while the shop's queue takes its time."""
    connected_shop.later(HOUR)
    before = set(connected_shop.shop.webhooks)
    for _ in range(4):
        for sells in (False, True):
            connected_shop.app.extensions["bridge.bad_signatures"] = {}
            call_with_wrong_signature(connected_shop)
            connected_shop.later(900)
            if sells:
                connected_shop.sell()
                connected_shop.shop.run_queue()
                connected_shop.shop.restore(
                    connected_shop.shop.trash(connected_shop.sell()) or max(connected_shop.shop.orders)
                )
                connected_shop.shop.run_queue()
            connected_shop.later(1200)
            assert connected_shop.watch().found == ()

    assert set(connected_shop.shop.webhooks) == before
    assert reported(connected_shop) == []
    changed = [
        request for request in connected_shop.asked() if not request.startswith("GET") and not request.endswith("/0")
    ]
    assert changed == []


@one_engine
def test_wrong_secret_is_over_with_the_next_good_delivery(connected_shop):
    """A key that may only read cannot repair it: a person enters the right secret in the shop."""
    forget_secret(connected_shop)
    connected_shop.shop.keys.update(
        {name: replace(key, permissions="read") for name, key in connected_shop.shop.keys.items()}
    )
    assert Code.WRONG_SECRET in connected_shop.faults()

    connected_shop.shop.update_webhook(hook(connected_shop).id, secret="test-secret")
    connected_shop.shop.save(20)
    connected_shop.shop.run_queue()

    assert Code.WRONG_SECRET not in connected_shop.faults()


@one_engine
def test_errors_instead_of_orders_are_over_with_the_next_good_delivery(connected_shop):
    demote(connected_shop)
    connected_shop.shop.keys.update(
        {name: replace(key, permissions="read") for name, key in connected_shop.shop.keys.items()}
    )
    assert Code.OWNER_DEMOTED in connected_shop.faults()

    connected_shop.shop.set_role(hook(connected_shop).user_id, "shop_manager")
    connected_shop.later()
    connected_shop.shop.save(20)
    connected_shop.shop.run_queue()

    assert Code.OWNER_DEMOTED not in connected_shop.faults()


def test_wrong_signature_is_noted_once_a_minute(connected_shop):
    known = connected_shop.known().bad_signature_at
    assert known is None

    for _ in range(3):
        connected_shop.later()
        assert call_with_wrong_signature(connected_shop).status_code == 401
    first = connected_shop.known().bad_signature_at
    connected_shop.app.extensions["bridge.bad_signatures"]["shop"] -= 61
    connected_shop.later(61)
    call_with_wrong_signature(connected_shop)

    assert first == connected_shop.now - timedelta(seconds=63)
    assert connected_shop.known().bad_signature_at > first
    assert connected_shop.app.extensions["bridge.bad_signatures"].keys() == {"shop"}


@one_engine
def test_delivery_to_an_unknown_store_is_not_recorded(connected_shop):
    assert connected_shop.client.post("/webhooks/woocommerce/nobody", data=b"{}").status_code == 404
    assert "bridge.bad_signatures" not in connected_shop.app.extensions


@one_engine
def test_order_that_is_gone_before_the_queue_runs_is_no_demoted_owner(connected_shop):
    connected_shop.shop.save(20)
    connected_shop.shop.force_delete(20)
    connected_shop.shop.run_queue()

    assert connected_shop.known().shop_error_at is None


@one_engine
def test_read_only_key_is_a_problem_and_unrepaired_webhooks_are_reported(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect(permissions="read")
        connected_shop.sell()

        assert codes(connected_shop.watch().left)[:2] == [Code.KEYS_READ_ONLY, Code.WEBHOOK_MISSING]
        assert reported(connected_shop) == [[("webhook_missing", False)]]
        assert connected_shop.balances() == {2: 100_000}
        connected_shop.served.faults.add(Kind.UNAUTHORIZED, times=None)
        connected_shop.watch()
        connected_shop.served.faults.clear()
        connected_shop.watch()
        assert len(reported(connected_shop)) == 1, "what could not be looked at meanwhile was not over"


@one_engine
def test_store_without_keys_is_watched_by_what_comes_in(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect(has_keys=False)
        call_with_wrong_signature(connected_shop)

        assert codes(connected_shop.watch().left) == [Code.NO_KEYS, Code.NO_PACKAGES]
        assert reported(connected_shop) == [], "a wrong signature alone proves nothing"


@one_engine
@pytest.mark.parametrize(
    ("url", "installation"), [("https://staging.example.com", "first"), (PUBLIC_URL, "second")], ids=["url", "id"]
)
def test_restored_copy_of_the_database_leaves_webhooks_alone_until_it_is_confirmed(connected_shop, url, installation):
    """Its monitor checks and reports; it neither creates, repairs nor deletes."""

    def watch(url, installation):
        post = replace(connected_shop.post, public_url=url, installation=installation)
        return monitor.watch(post, connected_shop.store, now=connected_shop.now)

    watch(PUBLIC_URL, "first")
    assert connected_shop.known().caretaker == Caretaker(PUBLIC_URL, ("first",))
    before = {number: (one.delivery_url, one.secret) for number, one in connected_shop.shop.webhooks.items()}
    for harm in (pause, demote):
        harm(connected_shop)
        before = {number: (one.delivery_url, one.secret) for number, one in connected_shop.shop.webhooks.items()}
        found = watch(url, installation)
        assert Code.COPY in codes(found.left)
        assert {
            number: (one.delivery_url, one.secret) for number, one in connected_shop.shop.webhooks.items()
        } == before
    (fault,) = [fault for fault in found.left if fault.code is Code.COPY]
    sentence = describe_with_command(fault, slug="shop")
    assert PUBLIC_URL in sentence
    assert "flask webhooks install shop" in sentence
    connected_shop.asked()
    watch(url, installation)
    assert [
        request for request in connected_shop.asked() if request.split()[0] != "GET" and not request.endswith("/0")
    ] == []

    subscriptions.install(
        connected_shop.database.transaction,
        connected_shop.shops,
        connected_shop.store,
        public_url=url,
        installation=installation,
        now=connected_shop.now,
    )
    assert Code.COPY not in codes(watch(url, installation).found)
    assert all(one.delivery_url.startswith(url) for one in connected_shop.shop.webhooks.values())


@one_engine
def test_copy_older_than_the_record_is_known_by_webhooks_that_all_lead_elsewhere(connected_shop):
    with connected_shop.database.transaction() as connection:
        sync_state.change(connection, connected_shop.connected.store.id, caretaker=None)
    before = set(connected_shop.shop.webhooks)

    post = replace(connected_shop.post, public_url="https://staging.example.com", installation="second")
    watched = monitor.watch(post, connected_shop.store, now=connected_shop.now)

    assert Code.COPY in codes(watched.left)
    assert set(connected_shop.shop.webhooks) == before
    assert connected_shop.known().caretaker is None
