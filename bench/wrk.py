"""A load of HTTP requests sent by wrk, a client in C that leaves the processor to the service."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.load import Load

SCRIPT = Path(__file__).with_name("wrk.lua")
THREADS = 2
NUMBER = "{{number}}"
"""In a request it becomes twelve digits of its own for each request sent."""
_DIGITS = 12

_offsets = itertools.count(start=1)


def find_wrk() -> str | None:
    """Return the path of wrk; None where it is not installed."""
    return shutil.which("wrk")


def sized(request: bytes) -> bytes:
    """Return a request with its Content-Length as it is once the numbers are filled in."""
    head, _, body = request.partition(b"\r\n\r\n")
    length = len(body) + body.count(NUMBER.encode()) * (_DIGITS - len(NUMBER))
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length:")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % length]) + b"\r\n\r\n" + body


def send(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Send these requests in turn, over and over, and measure the answers.

    Requests that must not repeat carry `NUMBER`, or there are more of them
    than can be sent in the time.
    """
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        for request in requests:
            whole = sized(request) if b"Content-Length" in request else request
            file.write(b"%d\n" % len(whole) + whole)
        file.flush()
        command = [find_wrk() or "wrk", "-t", str(THREADS), "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
        command += ["--timeout", "30s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}/"]
        # Numbers of this run begin where no other run of this process comes to.
        command += ["--", file.name, str(next(_offsets) * 10**9)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(printed.strip().splitlines()[-1])
    return Load(
        per_second=found["requests"] / (found["microseconds"] / 1e6),
        p50_ms=found["p50"] / 1000,
        p99_ms=found["p99"] / 1000,
        refused=found["refused"],
        broken=found["broken"],
    )
