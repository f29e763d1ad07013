"""The web server's processes: shutdown, replacement, and too many requests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import SECRET_KEY
from tests.factories import balance_of, give
from tests.support.raw_http import connect, head, read_all, statuses
from tests.support.service import Service

PATIENCE = 60


@pytest.fixture
def engine():
    return "sqlite"


@pytest.fixture
def run(database_url, tmp_path):
    services = []

    def start(**settings):
        service = Service(
            database_url, SECRET_KEY, tmp_path, **{"workers": 1, "request_seconds": 2, "log_level": "INFO"} | settings
        )
        services.append(service)
        service.start()
        service.insist("GET", "/healthz", b"", {})
        return service

    yield start
    for service in services:
        service.close()


@pytest.fixture
def locked(tmp_path):
    """Return the database's write lock: while it is held, spends wait."""

    @contextlib.contextmanager
    def hold():
        connection = sqlite3.connect(tmp_path / "bridge.sqlite3", isolation_level=None, check_same_thread=False)
        connection.execute("begin immediate")
        try:
            yield
        finally:
            connection.execute("rollback")
            connection.close()

    return hold


def spending(shop, key):
    body = json.dumps({"user": {"id": 2}, "module": "chat", "tokens": 1}).encode()
    return "POST", "/v1/spends", body, shop.headers | {"Idempotency-Key": key}


def until(holds, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
    return found


def in_flight(service, shop, pool, count):
    """Send spends that wait for the lock, and return when they have been received."""
    sent = []
    for number in range(count):
        method, path, body, headers = spending(shop, f"in-flight-{number}")
        connection = connect(service.port, timeout=PATIENCE)
        lines = [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall(head(method, path, *lines, f"Content-Length: {len(body)}", "Connection: close") + body)
        sent.append(connection)
    # Requests accepted before this answer are in progress after it.
    service.insist("GET", "/healthz", b"", {})
    threading.Event().wait(0.3)
    return [pool.submit(read_all, connection) for connection in sent], sent


def test_everything_in_flight_is_answered_after_sigterm(run, shop, locked):
    give(shop, 2, 100)
    service = run()
    with ThreadPoolExecutor(8) as pool:
        with locked():
            answers, connections = in_flight(service, shop, pool, 8)
            service.signal(signal.SIGTERM)
            until(lambda: "Shutting down" in service.log() or service.has_ended())
            threading.Event().wait(0.5)
        received = [answer.result() for answer in answers]
        for connection in connections:
            connection.close()

    assert [statuses(each) for each in received] == [[201]] * 8
    assert service.wait() == 0
    assert balance_of(shop, 2) == 92
    assert "Traceback" not in service.log()


def test_half_sent_requests_do_not_keep_the_service_from_stopping(run):
    service = run()
    with contextlib.ExitStack() as opened:
        for half in (head("POST", "/v1/spends", "Content-Length: 100") + b"{", b"GET / HTTP/1.1\r\nX-", b""):
            opened.enter_context(connect(service.port)).sendall(half)
        service.insist("GET", "/healthz", b"", {})
        service.signal(signal.SIGTERM)
        assert service.wait(20) == 0


def test_second_signal_stops_at_once(run, shop, locked):
    give(shop, 2, 100)
    service = run()
    with locked(), ThreadPoolExecutor(4) as pool:
        answers, connections = in_flight(service, shop, pool, 4)
        service.signal(signal.SIGTERM)
        until(lambda: "Shutting down" in service.log() or service.has_ended())
        began = time.monotonic()
        service.signal(signal.SIGTERM)
        service.wait(5)
        assert time.monotonic() - began < 5
        for answer, connection in zip(answers, connections, strict=True):
            assert statuses(answer.result()) == []
            connection.close()
    assert balance_of(shop, 2) == 100


def test_worker_that_dies_is_replaced_and_the_other_serves_meanwhile(run, shop):
    give(shop, 2, 1000)
    service = run(workers=2)
    until(lambda: len(service.processes()) == 3)
    workers = sorted(service.processes())[1:]

    os.kill(workers[0], signal.SIGKILL)

    answers = [service.insist(*spending(shop, f"after-{number}")) for number in range(50)]
    assert {answer.status for answer in answers} == {201}
    until(lambda: len(set(service.processes()) - {workers[0]}) == 3)
    assert balance_of(shop, 2) == 950
    service.signal(signal.SIGTERM)
    # Also the new worker, which may still be importing the app.
    assert service.wait(30) == 0


def test_workers_stop_when_their_main_process_is_killed(run):
    service = run(workers=2)
    until(lambda: len(service.processes()) == 3)

    service.signal(signal.SIGKILL)
    service.wait()

    until(lambda: service.processes() == [], 20)


def test_too_many_requests_are_refused_at_once_and_health_is_answered(run, shop, locked):
    """One thread, eight places in the queue; the spends that hold them wait for the database."""
    give(shop, 2, 100)
    service = run(threads=1)
    with ThreadPoolExecutor(9) as pool:
        with locked():
            answers, connections = in_flight(service, shop, pool, 9)
            began = time.monotonic()
            refused = [service.call(*spending(shop, f"late-{number}")) for number in range(5)]
            healthy = [service.call("GET", "/healthz", b"", {}) for _ in range(5)]
            took = time.monotonic() - began
        received = [statuses(answer.result()) for answer in answers]
        for connection in connections:
            connection.close()

    assert [answer.status for answer in refused] == [503] * 5
    assert {answer.document["code"] for answer in refused} == {"overloaded"}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert [answer.status for answer in healthy] == [200] * 5
    assert took < 3
    assert received == [[201]] * 9
    assert balance_of(shop, 2) == 91
