"""PostgreSQL servers that are suspended, killed, or replaced by their standby."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.support import postgres
from tests.support.postgres import Cluster

_WAIT_SECONDS = 20


def processes_of(cluster: Cluster) -> list[int]:
    """Return the server's process and all its children."""
    main = int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
    return [main, *(pid for pid in _all_pids() if _parent_of(pid) == main)]


@contextlib.contextmanager
def suspended(cluster: Cluster) -> Iterator[None]:
    """Suspend the server inside the block, while its kernel still accepts connections and data."""
    stopped: list[int] = []
    try:
        for pid in processes_of(cluster):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def kill(cluster: Cluster) -> None:
    """Kill the server and its children with SIGKILL."""
    for pid in processes_of(cluster):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start_standby(primary: Cluster) -> Cluster:
    """Start a streaming standby; from then on the primary commits only what the standby has."""
    folder = Path(tempfile.mkdtemp(prefix="bridge-pg-", dir=postgres._open_temp_folder()))
    try:
        identity = postgres._identity()
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        copy = [primary.bindir / "pg_basebackup", f"--pgdata={folder}/data", "--write-recovery-conf", "--no-sync"]
        place = ["--host=127.0.0.1", f"--port={primary.port}", "--username=postgres", "--checkpoint=fast"]
        postgres._run([*copy, *place], folder, identity)
        settings = postgres._SETTINGS | postgres._FORGETFUL
        standby = postgres._serve(primary.bindir, folder, identity, settings)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with psycopg.connect(_plain(primary), autocommit=True) as connection:
        connection.execute("alter system set synchronous_standby_names = '*'")
        connection.execute("alter system set synchronous_commit = on")
        connection.execute("select pg_reload_conf()")
        until(lambda: connection.execute("select sync_state from pg_stat_replication").fetchall() == [("sync",)])
    return standby


def promote(standby: Cluster) -> None:
    """Make the standby the primary."""
    with psycopg.connect(_plain(standby), autocommit=True) as connection:
        assert connection.execute("select pg_promote(true, 20)").fetchone() == (True,)


def until(condition) -> None:
    """Wait until a condition holds; fail after a while."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _plain(cluster: Cluster) -> str:
    return cluster.url().replace("+psycopg", "")


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent_of(pid: int) -> int | None:
    try:
        # The name, in parentheses, may contain spaces.
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return None
