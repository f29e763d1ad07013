"""The service as it is really started: `flask serve`, its scheduler in a worker or alone, stopped by signals."""

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import threading
import time

import pytest

from schedulers.schedule import TIMETABLE
from tests.conftest import SECRET_KEY
from tests.support import programs

PATIENCE = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """A program of the checkout in a process group of its own, on a database of this test's own."""

    def __init__(self, folder, *command, **settings):
        self.port = free_port()
        self.folder = folder
        self.database = folder / "bridge.sqlite3"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
        environ |= {
            "BRIDGE_DATABASE_URL": f"sqlite:///{self.database}",
            "BRIDGE_SECRET_KEY": SECRET_KEY,
            "BRIDGE_BIND": f"127.0.0.1:{self.port}",
            "BRIDGE_THREADS": "4",
            "BRIDGE_METRICS_DIR": str(folder / "metrics"),
        }
        self.log = folder / f"{self.port}.log"
        with self.log.open("wb") as log:
            self.process = programs.Program(
                command, env=environ | settings, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self):
        """Return the exit status, once the program ended by itself."""
        return self.process.wait(PATIENCE)

    def until(self, holds):
        """Wait until `holds` returns a value, and return it; fail where the program ends first."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := holds():
                return found
            assert self.process.poll() is None, self.log.read_text()
            # Yield the processor to the other program; nothing here depends on the duration.
            threading.Event().wait(0.05)
        raise AssertionError(self.log.read_text())

    def get(self, path):
        """Return the JSON there; None while nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        except ConnectionError:
            return None
        finally:
            connection.close()

    def rows(self, sql):
        """Return the rows of a query; none while the table does not exist."""
        connection = sqlite3.connect(self.database, timeout=PATIENCE)
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            connection.close()

    def kill(self):
        """End the whole group, whatever is left of it."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


@pytest.fixture
def start(tmp_path):
    programs = []

    def run(*command, **settings):
        programs.append(Program(tmp_path, *command, **settings))
        return programs[-1]

    yield run
    for program in programs:
        program.kill()


@pytest.fixture
def flask(start):
    return lambda *arguments, **settings: start("-m", "flask", *arguments, **settings)


@pytest.fixture
def schedulers(start):
    return lambda **settings: start("-m", "schedulers", **settings)


def test_serve_starts_prints_its_addresses_answers_and_ends_cleanly(flask):
    service = flask("serve")

    assert service.until(lambda: service.get("/healthz")) == {"status": "ok"}
    service.until(lambda: service.rows("select job from runs where job = 'due_windows' and finished_at is not null"))
    ready = service.get("/readyz")
    recorded = service.rows("select value from service_state where name = 'public_url'")
    os.kill(service.process.pid, signal.SIGTERM)

    assert service.wait() == 0
    assert recorded == [(f"http://127.0.0.1:{service.port}",)], "commands in another terminal use this address"
    printed = service.log.read_text()
    assert f"http://127.0.0.1:{service.port}/webhooks/woocommerce/{{store}}" in printed
    assert re.search(r"sign in +admin@localhost with the password \S{12,}", printed)
    assert "Traceback" not in printed
    assert ready["scheduler"]["state"] == "ok"
    assert service.rows("select holder from leases") == [], "the lead is given back"
    assert not list(service.folder.glob("bridge.sqlite3-wal")), "every connection was closed"


def test_request_in_flight_is_answered_when_the_service_is_stopped(flask):
    """By Ctrl-C, which a terminal sends to every process of the group."""
    service = flask("serve", BRIDGE_SCHEDULER="off")
    service.until(lambda: service.get("/healthz"))
    calls = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
    calls.connect()
    calls.sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: here\r\n")
    service.until(lambda: service.get("/healthz"))

    os.killpg(service.process.pid, signal.SIGINT)
    service.until(lambda: "Shutting down granian" in service.log.read_text())
    calls.sock.sendall(b"Connection: close\r\n\r\n")
    answer = http.client.HTTPResponse(calls.sock)
    answer.begin()

    assert answer.status == 200
    assert service.wait() == 0
    calls.close()


def test_second_serve_on_the_same_port_ends_with_a_sentence(flask):
    service = flask("serve", BRIDGE_SCHEDULER="off")
    service.until(lambda: service.get("/healthz"))

    second = flask("serve", BRIDGE_BIND=f"127.0.0.1:{service.port}")

    assert second.wait() == 1
    assert second.log.read_text().startswith(f"Error: port {service.port} of 127.0.0.1 is already in use")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("BRIDGE_THREADS", "many"),
        ("BRIDGE_BIND", "8000"),
        ("BRIDGE_DATABASE_URL", "mysql://x"),
        ("BRIDGE_SECRET_KEY", "x"),
    ],
)
def test_bad_setting_ends_the_start_with_a_sentence_that_names_it(flask, setting, value):
    service = flask("serve", **{setting: value})

    assert service.wait() == 1
    assert re.fullmatch(rf"Error: {setting} .+\n", service.log.read_text())


def test_scheduler_alone_works_and_ends_cleanly(schedulers):
    alone = schedulers()
    alone.until(lambda: len(alone.rows("select job from runs where finished_at is not null")) >= len(TIMETABLE))

    os.kill(alone.process.pid, signal.SIGTERM)

    assert alone.wait() == 0
    assert alone.rows("select holder from leases") == []
    assert "Traceback" not in alone.log.read_text()


def test_standby_takes_over_when_the_leader_ends(schedulers):
    """At once after a clean end; after a kill it waits for the lease, which `test_leader` covers."""
    first = schedulers()
    (before,) = first.until(lambda: first.rows("select holder from leases"))
    second = schedulers()

    os.kill(first.process.pid, signal.SIGINT)
    assert first.wait() == 0
    (after,) = second.until(lambda: [row for row in second.rows("select holder from leases") if row != before])

    assert f":{second.process.pid}:" in after[0]


def test_demo_serves_a_month_of_use_and_a_shop_that_sells(flask, tmp_path):
    """The shop beside it is read by REST, delivers its orders while the demo runs, and ends with it."""
    demo = flask("demo")
    folder = programs.ROOT / "instance" / f"demo-{demo.port}"
    try:
        demo.until(lambda: demo.get("/healthz"))
        demo.database = folder / "bridge.sqlite3"
        ((spends,),) = demo.rows("select count(*) from spends")
        ((days,),) = demo.rows("select count(distinct day) from usage_days")
        ((url, read),) = demo.rows(
            "select url, count(*) from stores s join orders o on o.store_id = s.id where s.slug = 'fakeshop' group by 1"
        )
        bought = "select 1 from deliveries d join stores s on s.id = d.store_id where s.slug = 'fakeshop'"
        demo.until(lambda: demo.rows(f"{bought} and d.topic like 'order.%' and d.state = 'processed'"))
        audit = flask("audit", BRIDGE_DATABASE_URL=f"sqlite:///{demo.database}")
        assert audit.wait() == 0, audit.log.read_text()
        os.kill(demo.process.pid, signal.SIGINT)
        assert demo.wait() == 0
        assert any(is_closed(url) for _ in range(400))
    finally:
        demo.kill()
        for file in folder.glob("*"):
            file.unlink()
        folder.rmdir()

    assert spends > 500
    assert days >= 30
    assert read > 40
    assert "access key  tb_" in demo.log.read_text()
    assert "Traceback" not in demo.log.read_text()


def is_closed(url):
    """Return whether the port is closed; check again a moment later where it is open."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        if probe.connect_ex((host, int(port))) != 0:
            return True
    threading.Event().wait(0.05)
    return False
