"""Noise around the JSON of an answer: the value is read where it is unambiguous, within fixed bounds."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc

import pytest

from bridge.clients.woocommerce import answers
from bridge.domain.shop.errors import ShopBroken, ShopRefused
from tests.support.shop_server import KEY, SECRET, Reply

HTML = (("Content-Type", "text/html; charset=UTF-8"),)
WARNING = (
    b"<br />\n<b>Warning</b>:  Undefined array key [0] in <b>/var/www/x.php</b> on line <b>12</b><br />\n"
    b"Stack trace: #0 {main}\n"
)
ORDER = b'{"id":1,"line_items":[{"id":2}]}'


@pytest.mark.parametrize(
    "body",
    [
        WARNING + ORDER,
        ORDER + b"\n<!-- Performance optimized by a cache. [12 queries] -->",
        WARNING + ORDER + b"<!-- cached -->",
        b"\xef\xbb\xbf" + ORDER,
        b"\xef\xbb\xbf\xef\xbb\xbf\xef\xbb\xbf\r\n" + ORDER,
        b"\n\n\n  \r\n\t" + ORDER + b"\n\n",
        b"\xef\xbb\xbf" + WARNING + b"\xef\xbb\xbf" + ORDER + b"\xef\xbb\xbf\n",
        "Notice: caf\xe9 [] in x.php".encode("latin-1") + ORDER,
        ORDER + b"<script>console.log(1)</script>",
    ],
    ids=["warning", "comment", "both", "bom", "boms", "blank lines", "all", "bytes", "script behind"],
)
def test_the_one_value_is_read(server, client, body):
    server.replies = [Reply(body, headers=HTML)]

    assert client.get_order(1) == json.loads(ORDER)


@pytest.mark.parametrize("body", [WARNING + b"[]", b"Notice: use of [] and {} in x.php" + b"\n[]", b"[]<!-- {} -->"])
def test_empty_list_is_read_between_noise(server, client, body):
    server.replies = [Reply(body, headers=(*HTML, ("X-WP-Total", "0"), ("X-WP-TotalPages", "0")))]

    assert client.list_webhooks() == []


@pytest.mark.parametrize(
    "body",
    [
        ORDER + ORDER,
        b'<br />{"id":7}' + ORDER,
        b"<!DOCTYPE html><html><head><script>var x = " + ORDER + b"</script></head></html>",
        b'<html><script type="application/ld+json">' + ORDER + b"</script></html>",
        WARNING + ORDER[:-10],
        ORDER[:-1] + b"<!-- cached -->",
        b'{"id":1,"name":"a long name that goes on and on","x":[{"id":3}],<!-- cut -->',
        b'\xe9 {"id":1,"name":"caf\xe9"}',
        b"[0]",
        b"Fatal error in x.php",
    ],
)
def test_ambiguous_answer_is_quoted(server, client, body):
    server.answer = lambda _asked: Reply(body, headers=HTML)

    with pytest.raises(ShopBroken, match=r"not JSON|without an id"):
        client.get_order(1)


def test_quote_is_short_printable_and_without_secrets(server, client):
    echo = f"consumer_key={KEY}&consumer_secret={SECRET} {KEY} {SECRET}"
    body = f"\x1b[31mOops \u202e{echo} password=hunter2 ".encode() + b"x" * 500
    server.replies = [Reply(body, headers=HTML)]

    with pytest.raises(ShopBroken) as broken:
        client.get_order(1)

    quoted = broken.value.detail.partition('begins: "')[2].removesuffix('"')
    assert quoted.startswith(r"\x1b[31mOops \u202e")
    assert len(quoted) <= 80
    assert not any(secret in broken.value.detail for secret in (KEY, SECRET, "hunter2", "\x1b", "\u202e"))


def test_secret_that_is_cut_by_the_quote_is_hidden(server, client):
    server.replies = [Reply(("x" * 70 + " " + SECRET).encode(), headers=HTML)]

    with pytest.raises(ShopBroken) as broken:
        client.get_order(1)

    assert "cs_" not in broken.value.detail


def test_code_of_an_error_is_read_between_noise(server, client):
    error = b'{"code":"woocommerce_rest_cannot_view","message":"Sorry.","data":{"status":403}}'
    server.replies = [Reply(WARNING + error + b"<!-- x -->", 403, HTML)]

    with pytest.raises(ShopRefused, match="lacks the rights"):
        client.get_order(1)


def test_missing_order_is_none_between_noise(server, client):
    error = b'{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}'
    server.replies = [Reply(b"\xef\xbb\xbf" + WARNING + error, 404, HTML)]

    assert client.get_order(1) is None


BRACKETS = {
    "deep": b"[" * (30 * 2**20),
    "flat": b"[" + b"[]," * (5 * 2**20) + b"[]]",
    "objects": b"[" + b'{"a":{}},' * 2**20 + b"{}]",
    "numbers": b'{"id":[' + b"12345," * (2 * 2**20) + b"1]}",
    "not closed": b'{"a":' * 2**20,
    "deeper than a document": b'{"id":1,"a":' + b"[" * 200 + b"]" * 200 + b"}",
}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("body", BRACKETS.values(), ids=BRACKETS)
def test_brackets_are_bounded_in_memory_and_time(server, client, body, encoding):
    sent = gzip.compress(body, 1) if encoding == "gzip" else body
    server.replies = [Reply(sent, headers=(*HTML, ("Content-Encoding", encoding)))]
    tracemalloc.start()
    started = time.monotonic()

    with pytest.raises(ShopBroken, match=r"longer than|more or deeper"):
        client.get_order(1)

    seconds, peak = time.monotonic() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * answers.MAX_BODY_BYTES
    assert seconds < 10


def test_compressed_bomb_is_not_unpacked(server, client):
    """A gigabyte of blanks in a megabyte."""
    bomb = gzip.compress(b" " * 2**28, 1)
    server.replies = [Reply(bomb, headers=(*HTML, ("Content-Encoding", "gzip")))]
    tracemalloc.start()

    with pytest.raises(ShopBroken, match="longer than"):
        client.get_order(1)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * answers.MAX_BODY_BYTES


def test_warning_full_of_brackets_costs_little(server, client):
    server.replies = [Reply(b"[ { " * 40_000 + ORDER, headers=HTML)]
    started = time.monotonic()

    with pytest.raises(ShopBroken, match="not JSON"):
        client.get_order(1)

    assert time.monotonic() - started < 2


def test_page_of_a_hundred_large_orders_is_read(server, client):
    meta = [{"id": number, "key": f"_key_{number}", "value": "x" * 50} for number in range(300)]
    orders = [{"id": number, "meta_data": meta} for number in range(1, 101)]
    server.replies = [Reply(orders, headers=(("X-WP-Total", "100"), ("X-WP-TotalPages", "1")))]

    assert len(client.list_orders(modified_after=None, statuses=None, page=1).items) == 100
