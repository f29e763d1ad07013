"""HTTP load by wrk, a client in C that leaves the processor to the service."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")
THREADS = 2
NUMBER = "{{number}}"
"""The placeholder that becomes twelve digits, unique within the run."""
_DIGITS = 12

_runs = itertools.count(start=1)


@dataclass(frozen=True)
class Load:
    """The measurements of a load: answers a second, median and 99th percentile, and failures."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int


def find_wrk() -> str | None:
    """Return the path of wrk; None where it is not installed."""
    return shutil.which("wrk")


def next_offset() -> int:
    """Return the first number of the next load: no other load of this process uses it."""
    return next(_runs) * 10**9


def length_of(body: bytes) -> int:
    """Return the length of a body once its numbers are filled in."""
    return len(body) + body.count(NUMBER.encode()) * (_DIGITS - len(NUMBER))


def fill(request: bytes, number: int) -> bytes:
    """Return the request with this number in it."""
    return request.replace(NUMBER.encode(), b"%012d" % number)


def send(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Send these requests in turn, repeatedly, and measure the answers."""
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        for request in requests:
            file.write(b"%d\n" % len(request) + request)
        file.flush()
        command = [find_wrk() or "wrk", "-t", str(THREADS), "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
        command += ["--timeout", "30s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}/"]
        command += ["--", file.name, str(next_offset()), str(THREADS)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(printed.strip().splitlines()[-1])
    return Load(
        requests=found["requests"],
        per_second=found["requests"] / (found["microseconds"] / 1e6),
        p50_ms=found["p50"] / 1000,
        p99_ms=found["p99"] / 1000,
        refused=found["refused"],
        broken=found["broken"],
    )
