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

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python_of(checkout: Path) -> str:
    """Return the Python of a checkout's own environment; ours where it has none."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


@contextlib.contextmanager
def serving(database_url: str, *, threads: int = 64, checkout: Path = ROOT) -> Iterator[int]:
    """Start the service of a checkout as `make run` does, but without its scheduler, and yield its port."""
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
        yield port
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
