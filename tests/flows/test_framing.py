"""Framing and size limits of request bodies: the real service receives raw bytes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading

import pytest

from bridge.domain.shop.inbox import HARD_LIMIT_BYTES
from tests.conftest import SECRET_KEY
from tests.factories import balance_of, give
from tests.support.raw_http import connect, exchange, first_status, head, read_all, statuses
from tests.support.service import Service, all_at_once
from tests.support.shared_app import open_shared_app

MIB = 2**20
CHUNKED_MIB = int(os.environ.get("BRIDGE_CHUNKED_MIB", "64"))
"""The MiB sent in chunks to an address that takes 2 MiB; the full proof is 512."""
MULTIPART_MIB = int(os.environ.get("BRIDGE_MULTIPART_MIB", "64"))


@pytest.fixture(scope="module")
def shared(request):
    with open_shared_app("sqlite", request, "framing") as shared:
        yield shared


@pytest.fixture(scope="module")
def shop(shared):
    return shared.shop


@pytest.fixture(scope="module")
def service(shared, tmp_path_factory):
    url = str(shared.database.engine.url)
    service = Service(url, SECRET_KEY, tmp_path_factory.mktemp("framing"), workers=1, request_seconds=5)
    service.start()
    service.insist("GET", "/healthz", b"", {})
    # The first request imports and compiles code, which must not count as the cost of a body.
    service.insist("GET", "/admin", b"", {})
    yield service
    service.close()


def bearer(shop, *more):
    return (*(f"{name}: {value}" for name, value in shop.headers.items()), *more)


def chunks(body, size=7):
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def spend_body(tokens=1, user=2):
    return json.dumps({"user": {"id": user}, "module": "chat", "tokens": tokens}).encode()


LAST = head("GET", "/healthz", "Connection: close")

BROKEN = {
    "chunk size no number": ("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n"),
    "chunk size negative": ("Transfer-Encoding: chunked", b"-3\r\nabc\r\n0\r\n\r\n"),
    "chunk size empty": ("Transfer-Encoding: chunked", b"\r\nabc\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": ("Transfer-Encoding: chunked", b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    "chunk longer than its size": ("Transfer-Encoding: chunked", b"3\r\nabcdef\r\n0\r\n\r\n"),
    "second chunk broken": ("Transfer-Encoding: chunked", b"3\r\nabc\r\nxx\r\n"),
    "chunks in HTTP/1.0": None,
    "unknown coding": ("Transfer-Encoding: gzip", b"abc"),
    "gzip below chunks": ("Transfer-Encoding: gzip, chunked", b"3\r\nabc\r\n0\r\n\r\n"),
    "chunked twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"),
    "length no number": ("Content-Length: x", b"abc"),
    "length negative": ("Content-Length: -3", b"abc"),
    "length with a sign": ("Content-Length: +3", b"abc"),
    "length empty": ("Content-Length: ", b"abc"),
    "length a list": ("Content-Length: 3, 3", b"abc"),
    "lengths that differ": ("Content-Length: 3\r\nContent-Length: 4", b"abcd"),
    "length beyond 64 bits": ("Content-Length: 99999999999999999999999", b"abc"),
}


@pytest.mark.parametrize("path", ["/v1/limits/reset", "/webhooks/woocommerce/shop", "/admin/sign-in"])
def test_broken_framing_is_400_and_closes_the_connection(service, shop, path):
    answers = {}
    for name, broken in BROKEN.items():
        if broken is None:
            sent = head("POST", path, "Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n"
        else:
            sent = head("POST", path, *bearer(shop, broken[0])) + broken[1]
        # The second request must not be answered: the end of the first one is unknown.
        answers[name] = exchange(service.port, sent + LAST)

    assert {name: statuses(answer) for name, answer in answers.items()} == {name: [400] for name in BROKEN}
    assert "Traceback" not in service.log()


@pytest.mark.parametrize("path", ["/healthz", "/v1/openapi.json", "/admin"])
@pytest.mark.parametrize(
    "sent", ["", "Host:\r\n", "Host: a.example\r\nHost: b.example\r\n"], ids=["none", "empty", "two"]
)
def test_request_without_exactly_one_host_is_400(service, path, sent):
    assert first_status(service.port, f"GET {path} HTTP/1.1\r\n{sent}\r\n".encode()) == 400


def test_request_of_http_1_0_needs_no_host(service):
    assert exchange(service.port, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")


def test_length_beside_chunks_does_not_count_and_closes_the_connection(service, shop):
    """RFC 9112, 6.3: the chunks count. A proxy that counts otherwise finds the connection closed."""
    give(shop, 3, 10)
    for framing in (
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 5"),
    ):
        key = f"Idempotency-Key: {framing[0]}"
        sent = head("POST", "/v1/spends", *bearer(shop, key, *framing)) + chunks(spend_body(user=3))
        assert statuses(exchange(service.port, sent + LAST)) == [201]
    assert balance_of(shop, 3) == 8


@pytest.mark.parametrize(
    "framed",
    [
        lambda body: (f"Content-Length: {len(body)}", body),
        lambda body: ("Transfer-Encoding: chunked", chunks(body)),
        lambda body: ("Transfer-Encoding: chunked", chunks(body, 1)),
        lambda body: ("Transfer-Encoding: Chunked", chunks(body, 1000).replace(b"\r\n", b";name=value\r\n", 1)),
        lambda body: (f"Content-Length: {len(body)}\r\nContent-Length: {len(body)}", body),
    ],
    ids=["length", "chunks", "one byte each", "chunk extension", "length twice"],
)
def test_body_counts_however_it_is_framed_and_the_connection_stays_in_step(service, shop, framed, request):
    give(shop, 4, 100)
    before, name = balance_of(shop, 4), request.node.callspec.id
    sent = b""
    for number in range(3):
        line, body = framed(spend_body(10, user=4))
        sent += head("POST", "/v1/spends", *bearer(shop, f"Idempotency-Key: {name}-{number}", line)) + body

    assert statuses(exchange(service.port, sent + LAST)) == [201, 201, 201, 200]
    assert balance_of(shop, 4) == before - 30


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/v1/store"),
        ("GET", "/nothing-here"),
        ("DELETE", "/v1/nothing-here"),
        ("POST", "/healthz"),
        ("PUT", "/v1/nothing-here"),
        ("POST", "/webhooks/woocommerce/no-such-store"),
        ("OPTIONS", "/v1/store"),
    ],
)
def test_body_that_nothing_reads_leaves_the_connection_in_step(service, shop, method, path):
    body = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    sent = b""
    for line, framed in ((f"Content-Length: {len(body)}", body), ("Transfer-Encoding: chunked", chunks(body))):
        sent += head(method, path, *bearer(shop, line)) + framed

    received = statuses(exchange(service.port, sent + LAST))

    assert len(received) == 3
    assert received[0] == received[1] < 500
    assert received[2] == 200


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/v1/spends", 2 * MIB),
        ("POST", "/webhooks/woocommerce/shop", HARD_LIMIT_BYTES),
        ("POST", "/admin/sign-in", 256 * 1024),
        ("POST", "/connect/woocommerce", 4096),
        ("POST", "/nothing-here", 4096),
        ("GET", "/v1/store", 64 * 1024),
        ("DELETE", "/v1/nothing-here", 64 * 1024),
    ],
)
def test_body_past_the_limit_of_its_route_is_413_however_it_is_framed(service, shop, method, path, limit):
    body = b" " * (limit + 1)
    measured = head(method, path, *bearer(shop, f"Content-Length: {len(body)}"))
    chunked = head(method, path, *bearer(shop, "Transfer-Encoding: chunked"))
    expecting = head(method, path, *bearer(shop, f"Content-Length: {len(body)}", "Expect: 100-continue"))

    assert first_status(service.port, measured) == 413, "refused by its length alone"
    assert first_status(service.port, expecting) == 413, "and never asked to send it"
    # A little too long is read to its end, so that the connection can continue.
    assert statuses(exchange(service.port, chunked + chunks(body, 65536) + LAST)) == [413, 200]
    # Deliveries this long are read, and refused with 413 by the inbox itself.
    fits = body[1:] if "webhooks" not in path else body[:MIB]
    within = exchange(service.port, chunked + chunks(fits, 65536) + LAST)
    assert statuses(within)[0] != 413
    assert statuses(within)[1:] == [200]


def test_endless_chunks_are_refused_early_and_cost_no_memory(service, shop):
    resident = service.resident_bytes()
    sent, answers = 0, []
    part = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    for path in ("/v1/spends", "/webhooks/woocommerce/shop", "/admin/sign-in", "/v1/link"):
        with connect(service.port) as connection:
            connection.sendall(head("POST", path, *bearer(shop, "Transfer-Encoding: chunked")))
            try:
                for _ in range(CHUNKED_MIB * 16):
                    connection.sendall(part)
                    sent += len(part)
            except ConnectionError:
                pass
            answers.append(statuses(read_all(connection)))

    assert all(answer in ([413], []) for answer in answers), "the answer may be lost to a caller who goes on sending"
    assert sent < 4 * 32 * MIB, "the service closed long before the end"
    assert service.settles_at(resident * 1.3)


def test_multipart_is_refused_before_it_is_read(service, shop, tmp_path):
    resident = service.resident_bytes()
    kind = "Content-Type: multipart/form-data; boundary=b"
    length = f"Content-Length: {MULTIPART_MIB * MIB}"
    for path in ("/admin", "/admin/sign-in", "/admin/connect", "/nothing-here"):
        assert first_status(service.port, head("POST", path, kind, length)) == 415
        small = head("POST", path, kind, "Content-Length: 5") + b"--b--"
        assert statuses(exchange(service.port, small + LAST)) == [415, 200]
    for path in ("/v1/spends", "/v1/link", "/connect/woocommerce", "/webhooks/woocommerce/shop"):
        assert first_status(service.port, head("POST", path, kind, length)) == 413
    with connect(service.port) as connection:
        connection.sendall(head("POST", "/admin/sign-in", kind, length))
        try:
            for _ in range(MULTIPART_MIB):
                connection.sendall(b"x" * MIB)
        except ConnectionError:
            pass
    assert service.settles_at(resident * 1.3)


def test_compressed_body_is_refused(service, shop):
    sent = head("POST", "/v1/spends", *bearer(shop, "Content-Encoding: gzip", "Content-Length: 3")) + b"abc"
    assert statuses(exchange(service.port, sent + LAST)) == [415, 200]


def test_caller_who_expects_continue_gets_it(service, shop):
    give(shop, 2, 10)
    body = spend_body()
    lines = bearer(shop, "Idempotency-Key: expecting", f"Content-Length: {len(body)}", "Expect: 100-continue")
    with connect(service.port) as connection:
        connection.sendall(head("POST", "/v1/spends", *lines))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body + LAST)
        assert statuses(read_all(connection)) == [201, 200]


def test_many_large_bodies_at_once_share_a_bounded_memory(service, shop):
    """60 callers stop one byte short of 10 MiB; a delivery of 1 MiB and a spend still succeed."""
    give(shop, 2, 10)
    resident = service.resident_bytes()
    path, size = "/webhooks/woocommerce/shop", 10 * MIB - 1
    opened = contextlib.ExitStack()
    for _ in range(60):
        connection = opened.enter_context(connect(service.port, timeout=5))
        connection.sendall(head("POST", path, f"Content-Length: {size + 1}"))
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(b"x" * size)
    peak = service.resident_bytes()

    delivery = service.call("POST", path, b"{" + b" " * MIB, {"X-WC-Webhook-Signature": "no"})
    spent = service.call("POST", "/v1/spends", spend_body(), shop.headers | {"Idempotency-Key": "beside"})

    assert delivery.status in {400, 401, 413}
    assert spent.status == 201
    assert peak - resident < 128 * MIB
    opened.close()
    assert service.settles_at(resident * 1.3)


def test_refusals_are_problem_documents_for_programs(service, shop):
    sent = head("POST", "/v1/spends", *bearer(shop, f"Content-Length: {3 * MIB}"))
    with connect(service.port) as connection:
        connection.sendall(sent)
        received = connection.recv(65536)
    document = json.loads(received.partition(b"\r\n\r\n")[2])

    assert re.search(rb"content-type: application/problem\+json", received)
    assert (document["status"], document["code"]) == (413, "body_too_large")


def test_many_bodies_full_of_fields_cost_bounded_memory(service, shop):
    """96 callers at once send 1.6 MiB of unknown fields, to an address that requires no key."""
    body = b"{" + b",".join(b'"f%d":1' % number for number in range(150_000)) + b"}"
    resident = service.resident_bytes()
    peaks, stopped = [], threading.Event()

    def watch():
        while not stopped.wait(0.02):
            peaks.append(service.resident_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    headers = {"Content-Type": "application/json"}
    try:
        answers = all_at_once(lambda _: service.call("POST", "/v1/link", body, headers), range(96), threads=96)
    finally:
        stopped.set()
        watcher.join()

    assert {answer.status for answer in answers if answer is not None} <= {400, 413, 422, 429, 503}
    assert max(peaks) - resident < 400 * MIB
    assert service.settles_at(resident * 1.3)
