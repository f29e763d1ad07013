"""Faults of a shop: each has its class, says what to do, and is retried only where that helps."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from bridge.clients.woocommerce.api import open_shop
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop.errors import ShopBroken, ShopBusy, ShopKeysRefused, ShopMoved, ShopRefused, ShopSilent
from bridge.web.errors import status_of
from tests.support.shop_server import KEY, SECRET, Reply, recorded

HTML = (("Content-Type", "text/html; charset=UTF-8"),)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auth--bad-secret", "consumer secret is wrong"),
        ("auth--unknown-key", "key is unknown, or the shop does not detect that the request came over https"),
        ("auth--none", "key is unknown"),
        ("auth--basic-over-plain-http", "came over https"),
    ],
)
def test_refusal_says_why(server, client, waits, name, words):
    server.replies = [recorded(name)]

    with pytest.raises(ShopRefused, match=words) as refused:
        client.get_order(1)

    assert recorded(name).body["code"] in refused.value.detail
    assert waits == []


def test_refusal_of_a_write_says_that_the_key_may_only_read(server, client):
    server.replies = [recorded("auth--read-only-key-write")]

    with pytest.raises(ShopRefused, match="has read permission only"):
        client.create_webhook(name="n", topic="order.updated", delivery_url="https://b.example", secret="s")


def test_refusal_of_a_user_without_rights_and_of_a_firewall_differ(server, client):
    server.replies = [
        Reply({"code": "woocommerce_rest_cannot_edit", "message": "Sorry."}, 403),
        Reply(b"<h1>Forbidden</h1>", 403, HTML),
        Reply({"code": "rest_login_required", "message": "Sorry."}, 401),
    ]

    with pytest.raises(ShopRefused, match="lacks the rights"):
        client.update_webhook(1, status="active")
    with pytest.raises(ShopRefused, match="HTTP 403 text/html: something in front"):
        client.get_order(1)
    with pytest.raises(ShopRefused, match="HTTP 401 rest_login_required: a plugin closes"):
        client.get_order(1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"code": "rest_no_route", "message": "No route was found."}, 404),
        Reply(b"<h1>Not found</h1>", 404, HTML),
        Reply(b"", 404),
        Reply({"code": ["woocommerce_rest_shop_order_invalid_id"]}, 404),
    ],
)
def test_missing_api_is_no_missing_order(server, client, reply):
    server.replies = [reply]

    with pytest.raises(ShopBroken, match="no WooCommerce REST API"):
        client.get_order(1)


def test_bad_parameter_is_named_by_its_code(server, client):
    server.replies = [recorded("orders--bad-parameter")]

    with pytest.raises(ShopBroken, match="HTTP 400 rest_invalid_param"):
        client.list_orders(modified_after=None, statuses=["nonsense"], page=1)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_shop_is_asked_again(server, client, waits, status):
    server.replies = [Reply(b"", status), Reply(b"", status, (("Retry-After", "7"),)), Reply({"id": 1})]

    assert client.get_order(1) == {"id": 1}
    assert waits == [1, 7]
    assert len({asked.headers["authorization"] for asked in server.asked}) == 3


def test_shop_that_stays_busy_says_when_to_come_again(server, client, waits):
    server.answer = lambda _asked: Reply(b"", 429, (("Retry-After", "11"),))

    with pytest.raises(ShopBusy) as busy:
        client.get_order(1)

    assert busy.value.retry_after_seconds == 11
    assert waits == [11, 11, 11]
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("first", "second", "waited"), [(30, 30, [30, 30]), (30, 31, [30]), (60, 0, [60, 0]), (61, 0, [])]
)
def test_waits_of_a_read_stay_within_a_minute_together(server, client, waits, first, second, waited):
    server.replies = [Reply(b"", 429, (("Retry-After", str(seconds)),)) for seconds in (first, second, 600)]

    with pytest.raises(ShopBusy):
        client.get_order(1)

    assert waits == waited


def test_retry_after_may_be_a_date_or_nonsense(server, client, waits):
    server.replies = [
        Reply(b"", 503, (("Retry-After", formatdate(time.time() + 20, usegmt=True)),)),
        Reply(b"", 503, (("Retry-After", "soon"),)),
        Reply({"id": 1}),
    ]

    client.get_order(1)

    assert waits[0] == pytest.approx(20, abs=2)
    assert waits[1] == 2


@pytest.mark.parametrize(
    ("ahead", "kind", "words"),
    [
        (0, ShopKeysRefused, "the consumer secret is wrong, or the key has no read permission$"),
        (3 * 3600, ShopBroken, "clock is 180 minutes ahead of the clock of this host"),
        (-3 * 3600, ShopBroken, "clock is (179|180) minutes behind the clock of this host"),
    ],
)
def test_refused_signature_names_the_clock_only_where_it_is_wrong(server, client, ahead, kind, words):
    refused = {"code": "woocommerce_rest_authentication_error", "message": "Invalid timestamp."}
    server.ahead_seconds = ahead
    server.answer = lambda _asked: Reply(refused, 401)

    with pytest.raises(kind, match=words):
        client.get_order(1)


def test_shop_in_maintenance_is_not_waited_for(server, client, waits):
    """WordPress sends 600 seconds while it updates itself."""
    server.replies = [Reply(b"<h1>Maintenance</h1>", 503, (*HTML, ("Retry-After", "600")))]

    with pytest.raises(ShopBroken, match="HTTP 503 text/html") as broken:
        client.get_order(1)

    assert broken.value.retry_after_seconds == 600
    assert waits == []


@pytest.mark.parametrize("status", [400, 405, 500, 501])
def test_broken_shop_is_not_asked_again(server, client, status):
    server.replies = [Reply(b"<h1>There has been a critical error</h1>", status, HTML)]

    with pytest.raises(ShopBroken, match=f"HTTP {status} text/html"):
        client.get_order(1)

    assert len(server.asked) == 1


def test_writes_are_never_sent_twice(server, hasty, waits, released):
    writes = [
        lambda: hasty.create_webhook(name="n", topic="t", delivery_url="u", secret="s"),
        lambda: hasty.update_webhook(1, status="active"),
        lambda: hasty.delete_webhook(1),
    ]
    faults = [(Reply(b"", 429), ShopBusy), (Reply(b"", 503), ShopBroken), (lambda _file: None, ShopSilent)]
    faults.append((lambda _file: released.wait(5), ShopSilent))

    for write in writes:
        for reply, fault in faults:
            server.asked.clear()
            server.replies = [reply]
            with pytest.raises(fault):
                write()
            assert len(server.asked) == 1
    assert waits == []


def test_silence_is_not_waited_for_twice(server, hasty, waits, released):
    server.answer = lambda _asked: lambda _file: released.wait(5)

    with pytest.raises(ShopSilent, match=r"did not respond within 0\.3 seconds"):
        hasty.get_order(1)

    assert (len(server.asked), waits) == (1, [])


def test_dropped_connection_is_tried_again(server, client, waits):
    server.replies = [lambda _file: None, lambda file: file.write(b"nonsense\r\n\r\n"), Reply({"id": 1})]

    assert client.get_order(1) == {"id": 1}
    assert waits == [1, 2]


def test_refused_connection(waits):
    with (
        open_shop("http://127.0.0.1:1", consumer_key=KEY, consumer_secret=SECRET, sleep=waits.append) as nowhere,
        pytest.raises(ShopSilent, match="could not be reached: Connection refused"),
    ):
        nowhere.get_order(1)

    assert waits == [1, 2, 4]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://127.0.0.1/wp-json/?a=b", "from http to https: connect 127.0.0.1 with"),
        ("https://user:pass@www.shop.example:8443/x?oauth_token=1", r"redirects to www\.shop\.example: connect"),
        ("", "redirects to another address"),
        ("https://[::1", "redirects to another address"),
        ("https://a b<script>/", "redirects to another address"),
    ],
)
def test_redirect_to_another_host_is_not_followed(server, client, status, location, words):
    server.replies = [Reply(b"", status, (("Location", location),) if location else ())]

    with pytest.raises(ShopMoved, match=words) as moved:
        client.get_order(1)

    assert not {"pass", "oauth_token", "?"} & set(str(moved.value).split())
    assert "oauth" not in str(moved.value)
    assert len(server.asked) == 1


def test_services_can_catch_all_and_entry_points_answer_502():
    for fault in (ShopBroken, ShopBusy, ShopMoved, ShopRefused, ShopSilent):
        assert issubclass(fault, ShopUnreachable)
        assert status_of(fault()) == 502
