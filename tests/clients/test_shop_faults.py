"""What goes wrong with a shop: each fault has its class, says what to do, and is asked again only where that helps."""

from __future__ import annotations

import gzip
import json
import threading
import time
from email.utils import formatdate

import pytest

from bridge.clients import shop_session
from bridge.clients.woocommerce import open_shop
from bridge.domain.errors import ShopUnreachable
from bridge.domain.shop_errors import ShopBroken, ShopBusy, ShopMoved, ShopRefused, ShopSilent
from bridge.web.errors import status_of
from tests.support.shop_server import KEY, SECRET, Reply, listed, recorded, shop_serving

HTML = (("Content-Type", "text/html; charset=UTF-8"),)
JSON = (("Content-Type", "application/json"),)


@pytest.fixture
def server():
    with shop_serving() as server:
        yield server


@pytest.fixture
def waits():
    """The seconds the client would have waited; it does not."""
    return []


@pytest.fixture
def shop(server, waits):
    keys = {"consumer_key": KEY, "consumer_secret": SECRET}
    with open_shop(server.url, **keys, timeout=(5, 0.3), sleep=waits.append) as shop:
        yield shop


@pytest.fixture
def released():
    """Ends what a silent shop waits for."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auth--bad-secret", "consumer secret is wrong"),
        ("auth--unknown-key", "key is unknown, or the shop does not see that the request came over https"),
        ("auth--none", "key is unknown"),
        ("auth--basic-over-plain-http", "came over https"),
    ],
)
def test_refusal_says_why(server, shop, waits, name, words):
    server.replies = [recorded(name)]

    with pytest.raises(ShopRefused, match=words) as refused:
        shop.get_order(1)

    assert recorded(name).body["code"] in refused.value.detail
    assert waits == []


def test_refusal_of_a_write_says_that_the_key_may_only_read(server, shop):
    server.replies = [recorded("auth--read-only-key-write")]

    with pytest.raises(ShopRefused, match="may only read"):
        shop.create_webhook(name="n", topic="order.updated", delivery_url="https://b.example", secret="s")


def test_refusal_of_a_user_without_rights_and_of_a_firewall_differ(server, shop):
    server.replies = [
        Reply({"code": "woocommerce_rest_cannot_edit", "message": "Sorry."}, 403),
        Reply(b"<h1>Forbidden</h1>", 403, HTML),
        Reply({"code": "rest_login_required", "message": "Sorry."}, 401),
    ]

    with pytest.raises(ShopRefused, match="lacks the rights"):
        shop.update_webhook(1, status="active")
    with pytest.raises(ShopRefused, match="HTTP 403 text/html: something in front"):
        shop.get_order(1)
    with pytest.raises(ShopRefused, match="HTTP 401 rest_login_required: something in front"):
        shop.get_order(1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"code": "rest_no_route", "message": "No route was found."}, 404),
        Reply(b"<h1>Not found</h1>", 404, HTML),
        Reply(b"", 404),
        Reply({"code": ["woocommerce_rest_shop_order_invalid_id"]}, 404),
    ],
)
def test_missing_api_is_no_missing_order(server, shop, reply):
    server.replies = [reply]

    with pytest.raises(ShopBroken, match="no WooCommerce REST API"):
        shop.get_order(1)


def test_bad_parameter_is_named_by_its_code(server, shop):
    server.replies = [recorded("orders--bad-parameter")]

    with pytest.raises(ShopBroken, match="HTTP 400 rest_invalid_param"):
        shop.list_orders(modified_after=None, statuses=["nonsense"], page=1)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_shop_is_asked_again(server, shop, waits, status):
    server.replies = [Reply(b"", status), Reply(b"", status, (("Retry-After", "7"),)), Reply({"id": 1})]

    assert shop.get_order(1) == {"id": 1}
    assert waits == [1, 7]
    assert len({asked.headers["authorization"] for asked in server.asked}) == 3


def test_shop_that_stays_busy_says_when_to_come_again(server, shop, waits):
    server.answer = lambda _asked: Reply(b"", 429, (("Retry-After", "11"),))

    with pytest.raises(ShopBusy) as busy:
        shop.get_order(1)

    assert busy.value.retry_after_seconds == 11
    assert waits == [11, 11, 11]
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("first", "second", "waited"), [(30, 30, [30, 30]), (30, 31, [30]), (60, 0, [60, 0]), (61, 0, [])]
)
def test_waits_of_a_read_stay_within_a_minute_together(server, shop, waits, first, second, waited):
    server.replies = [Reply(b"", 429, (("Retry-After", str(seconds)),)) for seconds in (first, second, 600)]

    with pytest.raises(ShopBusy):
        shop.get_order(1)

    assert waits == waited


def test_retry_after_may_be_a_date_or_nonsense(server, shop, waits):
    server.replies = [
        Reply(b"", 503, (("Retry-After", formatdate(time.time() + 20, usegmt=True)),)),
        Reply(b"", 503, (("Retry-After", "soon"),)),
        Reply({"id": 1}),
    ]

    shop.get_order(1)

    assert waits[0] == pytest.approx(20, abs=2)
    assert waits[1] == 2


def test_shop_in_maintenance_is_not_waited_for(server, shop, waits):
    """WordPress says 600 seconds while it updates itself."""
    server.replies = [Reply(b"<h1>Maintenance</h1>", 503, (*HTML, ("Retry-After", "600")))]

    with pytest.raises(ShopBroken, match="HTTP 503 text/html") as broken:
        shop.get_order(1)

    assert broken.value.retry_after_seconds == 600
    assert waits == []


@pytest.mark.parametrize("status", [400, 405, 500, 501])
def test_broken_shop_is_not_asked_again(server, shop, status):
    server.replies = [Reply(b"<h1>There has been a critical error</h1>", status, HTML)]

    with pytest.raises(ShopBroken, match=f"HTTP {status} text/html"):
        shop.get_order(1)

    assert len(server.asked) == 1


def test_writes_are_never_sent_twice(server, shop, waits, released):
    writes = [
        lambda: shop.create_webhook(name="n", topic="t", delivery_url="u", secret="s"),
        lambda: shop.update_webhook(1, status="active"),
        lambda: shop.delete_webhook(1),
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


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Hello</body></html>",
        b'<br />\n<b>Warning</b>: something{"id":1}',
        b'{"id":1',
        b"\xff\xfe\xfa",
        b"[" * 100_000,
        b'{"id":' + b"1" * 5000 + b"}",
    ],
    ids=["empty", "html", "notice", "half", "bytes", "deep", "long number"],
)
def test_answer_that_is_no_json(server, shop, body):
    server.replies = [Reply(body, headers=HTML)]

    with pytest.raises(ShopBroken, match="HTTP 200 with text/html that is no JSON"):
        shop.get_order(1)


def test_json_is_taken_under_any_type(server, shop):
    """With a byte order mark in front, too, which a file of a theme may bring along."""
    server.replies = [Reply(b'\xef\xbb\xbf{"id":1}', headers=HTML)]

    assert shop.get_order(1) == {"id": 1}


@pytest.mark.parametrize("document", [[], {}, {"code": "x"}, "order", 5, {"id": "1"}, {"id": True}, {"id": None}])
def test_document_of_another_shape(server, shop, document):
    server.replies = [Reply(document)]

    with pytest.raises(ShopBroken, match="without an id"):
        shop.get_order(1)


@pytest.mark.parametrize("document", [{}, {"id": 1}, [1], [{"id": 1}, {}], "list", {"0": {"id": 1}}])
def test_list_of_another_shape(server, shop, document):
    server.replies = [Reply(document, headers=listed().headers)]

    with pytest.raises(ShopBroken):
        shop.list_webhooks()


@pytest.mark.parametrize("value", ["", "-1", "many", "1.5", "１", "9" * 5000])
def test_list_without_its_count(server, shop, value):
    headers = (("X-WP-Total", "1"), ("X-WP-TotalPages", value.encode().decode("latin-1")))
    server.replies = [Reply([{"id": 1}], headers=headers)]

    with pytest.raises(ShopBroken, match="without X-WP-TotalPages"):
        shop.list_webhooks()


def test_answer_that_is_cut_off(server, shop):
    whole = json.dumps({"id": 1, "name": "a" * 1000}).encode()
    server.replies = [
        Reply(whole[:500], length=len(whole)),
        Reply(gzip.compress(whole)[:-9], headers=(("Content-Encoding", "gzip"),)),
        Reply(b"no gzip at all", headers=(("Content-Encoding", "gzip"),)),
        lambda file: file.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"id":1}\r\n'),
        lambda file: file.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
    ]

    for _ in range(len(server.replies)):
        with pytest.raises(ShopBroken, match="cut off or garbled|only half of it"):
            shop.get_order(1)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_huge_answer_is_not_read_to_its_end(server, shop, monkeypatch, encoding):
    monkeypatch.setattr(shop_session, "MAX_BODY_BYTES", 100_000)
    exact = b'{"id":1,"name":"' + b"a" * 99_982 + b'"}'
    assert len(exact) == 100_000

    def pack(body):
        return gzip.compress(body) if encoding == "gzip" else body

    server.replies = [Reply(pack(body), headers=(("Content-Encoding", encoding),)) for body in (exact, exact + b" ")]

    assert shop.get_order(1)["id"] == 1
    with pytest.raises(ShopBroken, match="longer than 100000 bytes"):
        shop.get_order(1)


def test_endless_answer_ends(server, shop, monkeypatch):
    monkeypatch.setattr(shop_session, "MAX_BODY_BYTES", 100_000)

    def flood(file):
        file.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(100_000):
            file.write(b"a" * 4096)

    server.replies = [flood]

    with pytest.raises(ShopBroken, match="longer than"):
        shop.get_order(1)


def test_dripping_answer_ends(server, shop, monkeypatch, released):
    """Each byte starts the read timeout again."""
    monkeypatch.setattr(shop_session, "BODY_SECONDS", 0.2)

    def drip(file):
        file.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        while not released.wait(0.02):
            file.write(b" ")

    server.replies = [drip]

    with pytest.raises(ShopSilent, match="did not finish"):
        shop.get_order(1)


def test_silence_is_not_waited_for_twice(server, shop, waits, released):
    server.answer = lambda _asked: lambda _file: released.wait(5)

    with pytest.raises(ShopSilent, match="did not answer within 0.3 seconds"):
        shop.get_order(1)

    assert (len(server.asked), waits) == (1, [])


def test_silence_in_the_middle(server, shop, released):
    def stop(file):
        file.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        released.wait(5)

    server.replies = [stop]

    with pytest.raises(ShopSilent, match="in the middle"):
        shop.get_order(1)


def test_dropped_connection_is_tried_again(server, shop, waits):
    server.replies = [lambda _file: None, lambda file: file.write(b"nonsense\r\n\r\n"), Reply({"id": 1})]

    assert shop.get_order(1) == {"id": 1}
    assert waits == [1, 2]


def test_nobody_at_the_address(waits):
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
        ("/elsewhere", r"redirects to 127\.0\.0\.1: connect"),
        ("", "sends us on to another address"),
        ("https://[::1", "sends us on to another address"),
        ("https://a b<script>/", "sends us on to another address"),
    ],
)
def test_redirect_is_not_followed(server, shop, status, location, words):
    server.replies = [Reply(b"", status, (("Location", location),) if location else ())]

    with pytest.raises(ShopMoved, match=words) as moved:
        shop.get_order(1)

    assert not {"pass", "oauth_token", "?"} & set(str(moved.value).split())
    assert "oauth" not in str(moved.value)
    assert len(server.asked) == 1


def test_services_can_catch_all_and_doors_answer_502():
    for fault in (ShopBroken, ShopBusy, ShopMoved, ShopRefused, ShopSilent):
        assert issubclass(fault, ShopUnreachable)
        assert status_of(fault()) == 502
