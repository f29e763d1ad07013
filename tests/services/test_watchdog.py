"""A shop that no longer tells us of its orders is found within one run, repaired, read back and told of."""

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
from fakeshop.faults import Kind
from tests import factories
from tests.support import books
from tests.support.reading import PUBLIC_URL, open_rig
from tests.support.troubles import HOUR, delete, demote, disable, forget_secret, hook, knock, lead_astray, pause

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def rig(app, caplog):
    """A shop whose webhooks are all well, its history read, and one order delivered."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        rig.connect().listen()
        rig.sell()
        rig.shop.run_queue()
        rig.poll()
        rig.watch()
        yield rig


def told(rig):
    """What the owner was told so far: the codes of each event."""
    rows = books.rows(rig.database, "select payload from outbox where type = 'store.webhook_silent' order by id")
    documents = [
        row["payload"] if isinstance(row["payload"], dict) else factories.json.loads(row["payload"]) for row in rows
    ]
    return [[(fault["code"], fault["repaired"]) for fault in document["faults"]] for document in documents]


def codes(faults):
    return [fault.code for fault in faults]


def test_healthy_shop_is_only_looked_at(rig):
    rig.asked()

    watched = rig.watch()

    assert (watched.found, watched.report, told(rig)) == ((), None, [])
    assert {request.split()[0] for request in rig.asked()} == {"GET", "PUT"}, "the PUT is of webhook 0, which is none"
    assert len(rig.shop.webhooks) == 10


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (delete, Code.WEBHOOK_MISSING),
        (pause, Code.WEBHOOK_PAUSED),
        (disable, Code.WEBHOOK_DISABLED),
        (lead_astray, Code.WEBHOOK_WRONG_URL),
        (forget_secret, Code.WRONG_SECRET),
        (demote, Code.OWNER_DEMOTED),
    ],
)
def test_trouble_is_found_repaired_read_back_and_told_once(rig, trouble, code):
    trouble(rig)
    rig.later()
    order = rig.sell(3)
    rig.shop.run_queue()
    rig.later(20 * 60)

    watched = rig.watch()

    assert (codes(watched.found), watched.left) == ([code], ())
    assert told(rig) == [[(code.value, True)]]
    assert rig.balances() == {2: 100_000, 3: 100_000}, "what was missed is read back at once"
    rig.later()
    rig.shop.cancel(order)
    assert [sent.status for sent in rig.shop.run_queue()] == [200]
    assert rig.balances() == {2: 100_000, 3: 0}, "and the shop tells again"
    assert hook(rig).failures == 0
    rig.later(300)
    assert rig.watch().found == ()
    assert len(told(rig)) == 1


@one_engine
def test_disabled_webhook_is_made_anew_and_not_activated_again(rig):
    disable(rig)
    old = hook(rig).id

    rig.watch()

    assert old not in rig.shop.webhooks
    rig.shop.fail_next(1, status=500)
    rig.shop.save(20)
    rig.shop.run_queue()
    assert hook(rig).status == "active", "one failure more would have disabled the old one again"


@one_engine
def test_silent_shop_whose_webhooks_look_well_is_read_back_and_told_of(rig):
    """Its queue does not run: nothing is lost, nothing can be repaired from here."""
    rig.sell(3)
    rig.later(600)
    assert rig.watch().found == (), "its queue may take a while"
    rig.later(600)

    watched = rig.watch()

    assert (codes(watched.found), codes(watched.left)) == ([Code.SILENT], [Code.SILENT])
    assert told(rig) == [[("silent", False)]]
    assert rig.balances()[3] == 100_000
    rig.later(300)
    rig.watch()
    assert len(told(rig)) == 1, "told once, until it is over"
    rig.shop.run_queue()
    rig.later(1200)
    assert rig.watch().found == ()
    rig.sell(3)
    rig.later(1200)
    rig.watch()
    assert len(told(rig)) == 2


@one_engine
def test_abandoned_cart_is_no_silence(rig):
    draft = rig.shop.place_order(2, [(10, 1)], via="store-api")
    rig.shop.run_queue()
    rig.later(60)
    draft.status, draft.modified_at = "checkout-draft", rig.now
    rig.later(HOUR)

    assert rig.watch().found == ()


@one_engine
def test_others_webhooks_stay_as_they_are(rig):
    erp = rig.shop.create_webhook("order.updated", "http://127.0.0.1:1/erp", status="disabled", name="ERP")
    theirs = f"Token Bridge order.updated [{'f' * 8}]"
    copy = rig.shop.create_webhook("order.updated", "http://127.0.0.1:1/webhooks/woocommerce/shop", name=theirs)
    delete(rig)

    rig.watch()

    assert rig.shop.webhooks[erp.id].status == "disabled"
    assert rig.shop.webhooks[copy.id].status == "active"
    assert len(rig.shop.webhooks) == 12


@one_engine
def test_copy_of_this_bridge_is_told_of_and_left_alone(rig):
    """A restored database on another machine: both would else take the shop from each other for ever."""
    there = "http://127.0.0.1:1/webhooks/woocommerce/shop"
    rig.shop.create_webhook("order.updated", there, name=hook(rig).name)

    watched = rig.watch()

    assert (codes(watched.found), told(rig)) == ([Code.WEBHOOK_OTHER_INSTANCE], [])
    assert len(rig.shop.webhooks) == 11


@one_engine
def test_shop_out_of_reach_keeps_what_was_known_and_is_no_news_again(rig):
    for topic in TOPICS:
        rig.shop.update_webhook(hook(rig, topic).id, status="paused")
    rig.served.faults.add(Kind.ERROR_PAGE, path="webhooks?", times=None)
    rig.watch()
    rig.served.faults.clear()
    rig.served.faults.add(Kind.UNAUTHORIZED, times=None)

    assert codes(rig.watch().left) == [Code.SHOP]
    rig.served.faults.clear()
    assert rig.watch().left == ()
    assert told(rig) == [[("webhook_paused", True)]]


@one_engine
def test_repair_that_is_cut_off_is_finished_by_the_next_run(rig):
    for topic in TOPICS:
        rig.shop.delete_webhook(hook(rig, topic).id)
    real, left = rig.shop.create_webhook, [4]

    def create(*args, **more):
        left[0] -= 1
        if left[0] == 0:
            rig.served.faults.add(Kind.ERROR_PAGE, times=None)
        return real(*args, **more)

    rig.shop.create_webhook = create
    assert codes(rig.watch().left) == [Code.WEBHOOK_MISSING]
    rig.served.faults.clear()

    assert rig.watch().left == ()
    assert sorted(hook.topic for hook in rig.shop.webhooks.values()) == sorted(TOPICS)


@one_engine
def test_wrong_signatures_of_a_stranger_raise_no_alarm_and_touch_no_webhook(rig):
    """They come beside good deliveries, alone on a quiet day, and while the shop's queue takes its time."""
    rig.later(HOUR)
    before = set(rig.shop.webhooks)
    for _ in range(4):
        for sells in (False, True):
            rig.app.extensions["bridge.bad_signatures"] = {}
            knock(rig)
            rig.later(900)
            if sells:
                rig.sell()
                rig.shop.run_queue()
                rig.shop.restore(rig.shop.trash(rig.sell()) or max(rig.shop.orders))
                rig.shop.run_queue()
            rig.later(1200)
            assert rig.watch().found == ()

    assert set(rig.shop.webhooks) == before
    assert told(rig) == []
    changed = [request for request in rig.asked() if not request.startswith("GET") and not request.endswith("/0")]
    assert changed == []


@one_engine
def test_wrong_secret_is_over_with_the_next_good_delivery(rig):
    """A key that may only read cannot repair it: somebody types the right secret into the shop."""
    forget_secret(rig)
    rig.shop.keys.update({name: replace(key, permissions="read") for name, key in rig.shop.keys.items()})
    assert Code.WRONG_SECRET in rig.faults()

    rig.shop.update_webhook(hook(rig).id, secret="test-secret")
    rig.shop.save(20)
    rig.shop.run_queue()

    assert Code.WRONG_SECRET not in rig.faults()


@one_engine
def test_errors_instead_of_orders_are_over_with_the_next_good_delivery(rig):
    demote(rig)
    rig.shop.keys.update({name: replace(key, permissions="read") for name, key in rig.shop.keys.items()})
    assert Code.OWNER_DEMOTED in rig.faults()

    rig.shop.set_role(hook(rig).user_id, "shop_manager")
    rig.later()
    rig.shop.save(20)
    rig.shop.run_queue()

    assert Code.OWNER_DEMOTED not in rig.faults()


def test_wrong_signature_is_noted_once_a_minute(rig):
    known = rig.known().bad_signature_at
    assert known is None

    for _ in range(3):
        rig.later()
        assert knock(rig).status_code == 401
    first = rig.known().bad_signature_at
    rig.app.extensions["bridge.bad_signatures"]["shop"] -= 61
    rig.later(61)
    knock(rig)

    assert first == rig.now - timedelta(seconds=63)
    assert rig.known().bad_signature_at > first
    assert rig.app.extensions["bridge.bad_signatures"].keys() == {"shop"}


@one_engine
def test_knock_at_an_unknown_store_is_not_remembered(rig):
    assert rig.client.post("/webhooks/woocommerce/nobody", data=b"{}").status_code == 404
    assert "bridge.bad_signatures" not in rig.app.extensions


@one_engine
def test_order_that_is_gone_before_the_queue_runs_is_no_demoted_owner(rig):
    rig.shop.save(20)
    rig.shop.force_delete(20)
    rig.shop.run_queue()

    assert rig.known().shop_error_at is None


@one_engine
def test_read_only_key_is_a_fault_and_the_owner_is_told_what_could_not_be_repaired(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        rig.connect(permissions="read")
        rig.sell()

        assert codes(rig.watch().left)[:2] == [Code.KEYS_READ_ONLY, Code.WEBHOOK_MISSING]
        assert told(rig) == [[("webhook_missing", False)]]
        assert rig.balances() == {2: 100_000}
        rig.served.faults.add(Kind.UNAUTHORIZED, times=None)
        rig.watch()
        rig.served.faults.clear()
        rig.watch()
        assert len(told(rig)) == 1, "what could not be looked at meanwhile was not over"


@one_engine
def test_store_without_keys_is_watched_by_what_comes_in(app, caplog):
    caplog.set_level(logging.CRITICAL)
    with open_rig(app) as rig:
        rig.connect(has_keys=False)
        knock(rig)

        assert codes(rig.watch().left) == [Code.NO_KEYS, Code.NO_PACKAGES]
        assert told(rig) == [], "a wrong signature alone proves nothing"


@one_engine
@pytest.mark.parametrize(
    ("url", "installation"), [("https://staging.example.com", "first"), (PUBLIC_URL, "second")], ids=["url", "id"]
)
def test_restored_copy_of_the_database_leaves_webhooks_alone_until_it_is_confirmed(rig, url, installation):
    """Its monitor looks and tells; it neither creates, repairs nor deletes."""

    def watch(url, installation):
        post = replace(rig.post, public_url=url, installation=installation)
        return monitor.watch(post, rig.store, now=rig.now)

    watch(PUBLIC_URL, "first")
    assert rig.known().caretaker == Caretaker(PUBLIC_URL, ("first",))
    before = {number: (one.delivery_url, one.secret) for number, one in rig.shop.webhooks.items()}
    for harm in (pause, demote):
        harm(rig)
        before = {number: (one.delivery_url, one.secret) for number, one in rig.shop.webhooks.items()}
        found = watch(url, installation)
        assert Code.COPY in codes(found.left)
        assert {number: (one.delivery_url, one.secret) for number, one in rig.shop.webhooks.items()} == before
    (fault,) = [fault for fault in found.left if fault.code is Code.COPY]
    sentence = describe_with_command(fault, slug="shop")
    assert PUBLIC_URL in sentence
    assert "flask webhooks install shop" in sentence
    rig.asked()
    watch(url, installation)
    assert [request for request in rig.asked() if request.split()[0] != "GET" and not request.endswith("/0")] == []

    subscriptions.install(
        rig.database.transaction, rig.shops, rig.store, public_url=url, installation=installation, now=rig.now
    )
    assert Code.COPY not in codes(watch(url, installation).found)
    assert all(one.delivery_url.startswith(url) for one in rig.shop.webhooks.values())


@one_engine
def test_copy_older_than_the_record_is_known_by_webhooks_that_all_lead_elsewhere(rig):
    with rig.database.transaction() as connection:
        sync_state.change(connection, rig.connected.store.id, caretaker=None)
    before = set(rig.shop.webhooks)

    post = replace(rig.post, public_url="https://staging.example.com", installation="second")
    watched = monitor.watch(post, rig.store, now=rig.now)

    assert Code.COPY in codes(watched.left)
    assert set(rig.shop.webhooks) == before
    assert rig.known().caretaker is None
