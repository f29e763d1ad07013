"""`flask stores check` names each problem of a shop in one sentence, with its remedy."""

from __future__ import annotations

import json
import logging

import pytest

from bridge.domain.shop.health import Caretaker
from bridge.domain.shop.issues import Code
from bridge.storage.shop import sync_state
from fakeshop.rest.faults import Kind
from tests import factories
from tests.support.connected_shop import open_connected_shop
from tests.support.refused_entries import refuse_entries
from tests.support.webhook_failures import HOUR, delete, demote, disable, forget_secret, hook, pause, point_elsewhere

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
INSTALL = "recreate it with: flask webhooks install shop"


@pytest.fixture
def connected_shop(app, caplog):
    """Return a shop without problems: it listens, its packages are stored, an order was delivered."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect().listen()
        connected_shop.sell()
        connected_shop.shop.run_queue()
        app.test_cli_runner().invoke(args=["packages", "import", "shop"])
        yield connected_shop


@pytest.fixture
def check(app):
    """Return exit status, output and the JSON of the check."""

    def check():
        outcome = app.test_cli_runner().invoke(args=["stores", "check", "shop"])
        document = json.loads(app.test_cli_runner().invoke(args=["stores", "check", "shop", "--json"]).output)
        return outcome, document["faults"]

    return check


def keep_silent(connected_shop):
    """Change an order while the shop's queue does not run."""
    connected_shop.sell(3)
    connected_shop.later(HOUR)


def break_an_order(connected_shop):
    """Sell an order of a user whose entries the database refuses."""
    factories.put_user(connected_shop, 2)
    refuse_entries(connected_shop.database, 2)
    order = connected_shop.sell()
    connected_shop.poll()
    assert connected_shop.known().unapplied[0].startswith(f"order {order}")
    connected_shop.shop.run_queue()


def leave_a_copy(connected_shop):
    """Let a service elsewhere use the same secret and listen too."""
    connected_shop.shop.create_webhook(
        "order.updated", "http://127.0.0.1:1/webhooks/woocommerce/shop", name=hook(connected_shop).name
    )


def forget_packages(connected_shop):
    """Remove the tokens of every product."""
    with connected_shop.database.transaction() as connection:
        connection.exec_driver_sql("delete from packages")


def garble_an_amount(connected_shop):
    """Give a product an amount that can be read in two ways."""
    meta = [{"key": "is_token_package", "value": "yes"}, {"key": "tokens_granted", "value": "5.000"}]
    factories.deliver(
        connected_shop, {"id": 10, "name": "Pack", "type": "simple", "meta_data": meta}, "product.updated"
    )


def set_the_clock(connected_shop):
    """Set the shop's clock an hour ahead."""
    connected_shop.skew = HOUR


def take_the_keys(connected_shop):
    """Revoke the REST keys in the shop."""
    connected_shop.shop.keys.clear()


def copy_the_database(connected_shop):
    """Restore the database for a service at another address."""
    with connected_shop.database.transaction() as connection:
        caretaker = Caretaker("https://tokens.example.com")
        sync_state.change(connection, connected_shop.connected.store.id, caretaker=caretaker)


def fail_over_an_order(connected_shop):
    """Let PHP fail over one order."""
    connected_shop.served.rest.sickness.broken = {connected_shop.sell()}
    connected_shop.shop.run_queue()
    connected_shop.poll()


def drop_the_query(connected_shop):
    """Let a cache answer each path without its query."""
    connected_shop.poll()
    connected_shop.later(HOUR)
    connected_shop.sell_many(15)
    connected_shop.shop.run_queue()
    connected_shop.served.rest.sickness.ignores = frozenset({"modified_after", "per_page", "page"})
    connected_shop.poll()
    connected_shop.served.rest.sickness.ignores = frozenset()


def block_writing(connected_shop):
    """Let a firewall reject every write."""
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="webhooks/0", times=None)


TROUBLES = [
    (copy_the_database, Code.COPY, ("belongs to Token Bridge at https://tokens.example.com", "not changed")),
    (fail_over_an_order, Code.SET_ASIDE, ("could not be read, since", "HTTP 500", "every night")),
    (drop_the_query, Code.SYNC_INCOMPLETE, ("incomplete since", "ignores the query string")),
    (block_writing, Code.WRITE_BLOCKED, ("but not changed", "HTTP 500")),
    (delete, Code.WEBHOOK_MISSING, ("no webhook for order.updated", INSTALL)),
    (pause, Code.WEBHOOK_PAUSED, ("webhook for order.updated is paused", INSTALL)),
    (disable, Code.WEBHOOK_DISABLED, ("webhook for order.updated is disabled", "can reach", INSTALL)),
    (point_elsewhere, Code.WEBHOOK_WRONG_URL, ("delivers to another address, http://127.0.0.1", INSTALL)),
    (
        leave_a_copy,
        Code.WEBHOOK_OTHER_INSTANCE,
        ("delivers to http://127.0.0.1", "remove it with: flask webhooks install shop"),
    ),
    (
        forget_secret,
        Code.WRONG_SECRET,
        ("an order changed", "signs with another secret", "replace it with: flask webhooks install shop"),
    ),
    (demote, Code.OWNER_DEMOTED, ("may no longer see orders", "as a shop manager")),
    (keep_silent, Code.SILENT, ("an order changed in the shop but nothing was delivered", "Scheduled actions")),
    (break_an_order, Code.UNAPPLIED, ("could not be applied", "The log has the reason: correct the cause")),
    (forget_packages, Code.NO_PACKAGES, ("no product of the shop grants tokens", "flask packages import shop")),
    (
        garble_an_amount,
        Code.UNREADABLE_AMOUNT,
        ("product 10 (Pack): tokens_granted is 5.000", "read in two ways", "flask packages set shop PRODUCT TOKENS"),
    ),
    (set_the_clock, Code.CLOCK, ("differ by 3600 seconds", "NTP")),
    (
        take_the_keys,
        Code.SHOP,
        ("cannot be read: HTTP 401", "consumer secret is wrong", "with: flask stores keys shop"),
    ),
]


@pytest.mark.parametrize(("trouble", "code", "words"), TROUBLES, ids=[code.value for _, code, _ in TROUBLES])
def test_fault_is_named_in_one_sentence_with_its_remedy(connected_shop, check, trouble, code, words):
    trouble(connected_shop)

    outcome, faults = check()

    assert [fault["code"] for fault in faults] == [code.value]
    (line,) = [line for line in outcome.output.splitlines() if line.startswith("FAULT")]
    assert line == f"FAULT {faults[0]['sentence']}"
    assert all(word in line for word in words), line
    assert outcome.exit_code == 1


def test_every_code_is_shown_here_or_beside(connected_shop, check):
    """The rest needs another connection, deliveries or faults: see signed deliveries, names and the nightly audit."""
    beside = {
        Code.NO_KEYS,
        Code.KEYS_READ_ONLY,
        Code.ADDRESS_LOCAL,
        Code.UNREADABLE_AMOUNT,
        Code.UNPROCESSED,
        Code.DATED_AHEAD,
        Code.AUDIT_FAULTS,
    }
    beside |= set(map(Code, _FROM_DELIVERIES))

    assert {code for _, code, _ in TROUBLES} | beside == set(Code)
    outcome, faults = check()
    assert (outcome.exit_code, faults) == (0, [])


_FROM_DELIVERIES = (
    "other_site",
    "other_form",
    "action_only",
    "delivery_too_large",
    "deliveries_repeated",
    "consumer_secret",
)


@pytest.mark.parametrize(
    ("slug", "url", "words"),
    [
        ("local", "https://shop.example.com", ("no_keys", "address_local")),
        ("near", "http://127.0.0.1:1", ("no_keys",)),
    ],
)
def test_what_is_wrong_before_anything_was_given(app, slug, url, words):
    run = app.test_cli_runner()
    run.invoke(args=["stores", "add", slug, "--url", url])

    result = run.invoke(args=["stores", "check", slug, "--json"])

    found = {fault["code"]: fault["sentence"] for fault in json.loads(result.output)["faults"]}
    assert set(words) <= set(found)
    assert "create a key in WooCommerce" in found["no_keys"]
    assert f"flask stores keys {slug}" in found["no_keys"]
    assert ("address_local" in found) == ("BRIDGE_PUBLIC_URL" in found.get("address_local", "")) == (slug == "local")
    assert result.exit_code == 1
