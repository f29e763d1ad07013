"""The real service, started for a benchmark on a database of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Serving(NamedTuple):
    """A running service: its port, and the id of its main process."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time that the service has used, its workers included; 0 on a system without /proc."""
        return sum(_ticks(path, self.pid) for path in Path("/proc").glob("[0-9]*/stat")) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python_of(checkout: Path) -> str:
    """Return the Python of a checkout's own environment; ours where it has none."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def _ticks(path: Path, session: int) -> int:
    """Return the processor time of a process in this session; 0 for any other."""
    try:
        # The name of the program, in parentheses, may contain anything.
        fields = path.read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12]) if int(fields[3]) == session else 0


@contextlib.contextmanager
def serving(database_url: str, *, threads: int = 64, checkout: Path = ROOT) -> Iterator[Serving]:
    """Start the service of a checkout as `make run` does, but without its scheduler."""
    port = free_port()
    environment = {
        **os.environ,
        "BRIDGE_DATABASE_URL": database_url,
        "BRIDGE_SECRET_KEY": "a-secret-key-of-the-benchmarks-only",
        "BRIDGE_BIND": f"127.0.0.1:{port}",
        "BRIDGE_THREADS": str(threads),
        "BRIDGE_SCHEDULER": "off",
        "BRIDGE_LOG_LEVEL": "ERROR",
        "BRIDGE_ADMIN_PASSWORD": "only-for-the-benchmarks",
    }
    process = subprocess.Popen(
        [python_of(checkout), "-m", "flask", "serve"],
        cwd=checkout,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(port, process)
        yield Serving(port, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError("the service did not start")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("the service did not answer")
