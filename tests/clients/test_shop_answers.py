"""Invalid answers: of another shape, cut off, endless, or no JSON at all."""

from __future__ import annotations

import gzip
import json

import pytest

from bridge.clients.woocommerce import session
from bridge.domain.shop.errors import ShopBroken, ShopSilent
from tests.support.shop_server import Reply, listed

HTML = (("Content-Type", "text/html; charset=UTF-8"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Hello</body></html>",
        b'<br />\n<b>Warning</b>: something{"id":1',
        b'{"id":1',
        b"\xff\xfe\xfa",
        b'{"id":' + b"1" * 5000 + b"}",
    ],
    ids=["empty", "html", "notice", "half", "bytes", "long number"],
)
def test_answer_that_is_no_json(server, client, body):
    server.replies = [Reply(body, headers=HTML)]

    with pytest.raises(ShopBroken, match="HTTP 200 with text/html that is not JSON"):
        client.get_order(1)


def test_json_is_taken_under_any_type(server, client):
    """Also with a byte order mark in front, which a theme's file may add."""
    server.replies = [Reply(b'\xef\xbb\xbf{"id":1}', headers=HTML)]

    assert client.get_order(1) == {"id": 1}


@pytest.mark.parametrize("document", [[], {}, {"code": "x"}, "order", 5, {"id": "1"}, {"id": True}, {"id": None}])
def test_document_of_another_shape(server, client, document):
    server.replies = [Reply(document)]

    with pytest.raises(ShopBroken, match="without an id"):
        client.get_order(1)


@pytest.mark.parametrize("document", [{}, {"id": 1}, [1], [{"id": 1}, {}], "list", {"0": {"id": 1}}])
def test_list_of_another_shape(server, client, document):
    server.replies = [Reply(document, headers=listed().headers)]

    with pytest.raises(ShopBroken):
        client.list_webhooks()


@pytest.mark.parametrize("value", ["", "-1", "many", "1.5", "²", "9" * 5000])
def test_list_without_its_count(server, client, value):
    server.replies = [Reply([{"id": 1}], headers=(("X-WP-Total", "1"), ("X-WP-TotalPages", value)))]

    with pytest.raises(ShopBroken, match="without X-WP-TotalPages"):
        client.list_webhooks()


def test_answer_that_is_cut_off(server, client):
    whole = json.dumps({"id": 1, "name": "a" * 1000}).encode()
    server.replies = [
        Reply(whole[:500], length=len(whole)),
        Reply(gzip.compress(whole)[:20], headers=(("Content-Encoding", "gzip"),)),
        Reply(b"no gzip at all", headers=(("Content-Encoding", "gzip"),)),
        lambda file: file.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"id":1}\r\n'),
        lambda file: file.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
    ]

    for _ in range(len(server.replies)):
        with pytest.raises(ShopBroken, match=r"incomplete"):
            client.get_order(1)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_huge_answer_is_not_read_to_its_end(server, client, monkeypatch, encoding):
    monkeypatch.setattr(session, "MAX_BODY_BYTES", 100_000)
    exact = b'{"id":1,"name":"' + b"a" * 99_982 + b'"}'
    assert len(exact) == 100_000

    def pack(body):
        return gzip.compress(body) if encoding == "gzip" else body

    server.replies = [Reply(pack(body), headers=(("Content-Encoding", encoding),)) for body in (exact, exact + b" ")]

    assert client.get_order(1)["id"] == 1
    with pytest.raises(ShopBroken, match="longer than 100000 bytes"):
        client.get_order(1)


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"404 Not Found"])
def test_endless_answer_ends(server, client, monkeypatch, status):
    monkeypatch.setattr(session, "MAX_BODY_BYTES", 100_000)

    def flood(file):
        file.write(b"HTTP/1.1 " + status + b"\r\nLocation: /elsewhere\r\n\r\n")
        for _ in range(100_000):
            file.write(b"a" * 4096)

    server.replies = [flood]

    with pytest.raises(ShopBroken, match="longer than"):
        client.get_order(1)


def test_dripping_answer_ends(server, hasty, monkeypatch, released):
    """Each byte restarts the read timeout."""
    monkeypatch.setattr(session, "BODY_SECONDS", 0.2)

    def drip(file):
        file.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        while not released.wait(0.02):
            file.write(b" ")

    server.replies = [drip]

    with pytest.raises(ShopSilent, match="did not finish"):
        hasty.get_order(1)


def test_silence_in_the_middle(server, hasty, released):
    def stop(file):
        file.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        released.wait(5)

    server.replies = [stop]

    with pytest.raises(ShopSilent, match="in the middle"):
        hasty.get_order(1)
