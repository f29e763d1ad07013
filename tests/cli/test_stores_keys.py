"""Keys are tested before they replace good ones; wrongly pasted values are named."""

from __future__ import annotations

import pytest

from fakeshop.rest.faults import Kind
from tests.support import ledger_sql
from tests.support.connected_shop import open_connected_shop
from tests.support.shop_server import KEY, SECRET

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def connected_shop(app):
    with open_connected_shop(app) as connected_shop:
        yield connected_shop.connect()


@pytest.fixture
def give(connected_shop):
    """Set the store's keys and return the command's result, and whether the stored keys changed."""

    def give(key, secret, *more):
        before = ledger_sql.rows(connected_shop.database, "select consumer_key, consumer_secret from stores")
        arguments = ["stores", "keys", "shop", "--consumer-key", key, "--consumer-secret", secret, *more]
        outcome = connected_shop.app.test_cli_runner().invoke(args=arguments)
        return outcome, before != ledger_sql.rows(
            connected_shop.database, "select consumer_key, consumer_secret from stores"
        )

    return give


def test_keys_that_the_shop_accepts_replace_the_old_ones(connected_shop, give):
    key = connected_shop.shop.add_key()

    outcome, is_changed = give(f" {key.consumer_key[:10]}\n{key.consumer_key[10:]}", f'"{key.consumer_secret}"\u200b')

    assert (outcome.exit_code, is_changed) == (0, True), outcome.output
    assert "accepted them" in outcome.output
    with connected_shop.reading() as reading:
        assert reading.shop.check().fault is None


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        (KEY, SECRET, "HTTP 401"),
        (SECRET, KEY, "swapped"),
        (KEY, "hush", "does not begin with cs_"),
        ("abcd efgh ijkl mnop qrst uvwx", SECRET, "application password"),
        ("ck_1", "cs_1", "Copy both completely"),
    ],
)
def test_keys_that_cannot_be_leave_the_old_ones(give, key, secret, words):
    outcome, is_changed = give(key, secret)

    assert (outcome.exit_code, is_changed) == (1, False)
    assert words in outcome.stderr
    assert "keeps its current keys" in outcome.stderr
    assert SECRET not in outcome.output


def test_key_that_may_only_read_is_refused(connected_shop, give):
    key = connected_shop.shop.add_key(permissions="read")

    outcome, is_changed = give(key.consumer_key, key.consumer_secret)

    assert (outcome.exit_code, is_changed) == (1, False)
    assert "has read permission only" in outcome.stderr


def test_shop_that_is_down_changes_nothing_unless_requested(connected_shop, give):
    key = connected_shop.shop.add_key()
    connected_shop.served.faults.add(Kind.ERROR_PAGE, times=None)

    outcome, is_changed = give(key.consumer_key, key.consumer_secret)
    untested, is_changed_then = give(key.consumer_key, key.consumer_secret, "--untested")

    assert (outcome.exit_code, is_changed, "HTTP 500" in outcome.stderr) == (1, False, True)
    assert (untested.exit_code, is_changed_then, "not tested" in untested.output) == (0, True, True)


def test_webhook_secret_is_trimmed_and_a_mix_up_named(connected_shop):
    run = connected_shop.app.test_cli_runner()
    add = ["stores", "add", "new", "--url", "http://127.0.0.1:1", "--webhook-secret"]

    mixed = run.invoke(args=[*add, SECRET])
    added = run.invoke(args=[*add, "\u00a0hush \n", "--json"])

    assert (mixed.exit_code, "consumer secret, not the webhook secret" in mixed.stderr) == (1, True)
    assert '"webhook_secret": "hush"' in added.stdout
