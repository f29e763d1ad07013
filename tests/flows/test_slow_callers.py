"""Callers that send or read slowly: they lose their connection, and do not delay the others."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import threading
import time
import urllib.request

import pytest

from tests.conftest import SECRET_KEY
from tests.factories import give
from tests.support.raw_http import closed_within, connect, head
from tests.support.service import Service

REQUEST_SECONDS = 2
PER_KIND = int(os.environ.get("BRIDGE_SLOW_CALLERS", "23"))
"""Callers of each kind: some 200 in total, unless the environment sets more."""
HEALTH_SECONDS = 0.1
"""The highest median time of `/healthz` while slow callers hold their connections."""


@pytest.fixture
def service(database_url, tmp_path):
    service = Service(database_url, SECRET_KEY, tmp_path, workers=1, request_seconds=REQUEST_SECONDS)
    service.start()
    service.insist("GET", "/healthz", b"", {})
    # The first request imports and builds code, which must not count as the cost of slow callers.
    service.insist("GET", "/v1/openapi.json", b"", {})
    yield service
    service.close()


@pytest.fixture
def opened():
    with contextlib.ExitStack() as connections:
        yield connections


def half_head(_shop):
    return b"GET /healthz HTTP/1.1\r\nHost: bridge.test\r\nX-Slow: "


def half_body(_shop):
    return head("POST", "/v1/spends", "Content-Length: 1000") + b'{"user":'


def no_body(_shop):
    return head("POST", "/webhooks/woocommerce/shop", "Content-Length: 1000000")


def half_large_body(_shop):
    return head("POST", "/webhooks/woocommerce/shop", "Content-Length: 1000000") + b"x" * 200_000


def half_chunked_body(_shop):
    return head("POST", "/v1/spends", "Transfer-Encoding: chunked") + b"8\r\n{"


def half_form(_shop):
    return head("POST", "/admin/sign-in", "Content-Length: 100") + b"email="


def nothing(_shop):
    return b""


def finished(_shop):
    return head("GET", "/healthz")


def never_reads(shop):
    return head("GET", "/v1/openapi.json", *(f"{name}: {value}" for name, value in shop.headers.items())) * 200


KINDS = (half_head, half_body, no_body, half_large_body, half_chunked_body, half_form, nothing, finished, never_reads)


def spend(service, shop, key):
    body = json.dumps({"user": {"id": 2}, "module": "chat", "tokens": 1}).encode()
    return service.call("POST", "/v1/spends", body, shop.headers | {"Idempotency-Key": key})


def seconds_of_health(service):
    # A request now and then, for as long as the slow callers stay.
    threading.Event().wait(0.03)
    began = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/healthz", timeout=30) as answer:
        answer.read()
    return time.monotonic() - began


@pytest.mark.parametrize("engine", ["sqlite"])
def test_slow_callers_delay_no_other_and_are_cut_off(shop, service, opened):
    give(shop, 2, 1000)
    before = statistics.median(seconds_of_health(service) for _ in range(15))
    resident = service.resident_bytes()
    slow = {kind: [open_slow(service, opened, kind(shop)) for _ in range(PER_KIND)] for kind in KINDS}
    begun = (half_head, half_body, half_chunked_body)
    dripping = [open_slow(service, opened, start(shop)) for start in begun for _ in range(5)]
    stopped = threading.Event()
    dripper = threading.Thread(target=drip, args=(dripping, stopped))
    dripper.start()

    health = [seconds_of_health(service) for _ in range(60)]
    answers = [spend(service, shop, f"slow-{number}") for number in range(10)]

    # On a machine that is busy with other tests it takes longer without any slow caller.
    assert statistics.median(health) <= max(HEALTH_SECONDS, 3 * before), health
    assert [answer.status for answer in answers] == [201] * 10
    for kind in KINDS[:-1]:
        assert closed_within(slow[kind], REQUEST_SECONDS * 4) == PER_KIND, kind.__name__
    assert closed_within(dripping, REQUEST_SECONDS * 4) == len(dripping)
    stopped.set()
    dripper.join()
    # A reader that takes nothing is dropped by the system without notice; it finds out when it sends.
    assert given_up_within(slow[never_reads], REQUEST_SECONDS * 10) == PER_KIND
    assert service.settles_at(resident * 1.3)


def open_slow(service, opened, begun):
    connection = opened.enter_context(connect(service.port, receive_buffer=4096, timeout=0.2))
    with contextlib.suppress(TimeoutError):
        connection.sendall(begun)
    return connection


def drip(connections, stopped):
    """Send one byte a second on each."""
    while not stopped.wait(1):
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.send(b"1")


def given_up_within(connections, seconds):
    """Return how many of these the service has closed, found by sending on them."""
    deadline, waiting = time.monotonic() + seconds, list(connections)
    while waiting and time.monotonic() < deadline:
        waiting = [connection for connection in waiting if is_open(connection)]
        threading.Event().wait(0.2)
    return len(connections) - len(waiting)


def is_open(connection):
    try:
        connection.send(b"x")
    except TimeoutError:
        return True
    except OSError:
        return False
    return True
