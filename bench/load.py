"""HTTP load over persistent connections: by wrk, or by a client in Python where wrk is missing."""

from __future__ import annotations

import multiprocessing
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bench import wrk
from bench.wrk import Load, fill

__all__ = ["Load", "request_bytes", "send"]


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of an HTTP/1.1 request; `wrk.NUMBER` in it becomes a different number each time."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method != "GET":
        lines.append(f"Content-Length: {wrk.length_of(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def send(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Send these requests in turn for this long, each connection waiting for its answer, and count the answers."""
    if wrk.find_wrk() is not None:
        return wrk.send(port, requests, connections=connections, seconds=seconds)
    _report_missing_wrk()
    return _send_from_python(port, requests, connections=connections, seconds=seconds)


@cache
def _report_missing_wrk() -> None:
    print(
        "wrk is not installed: a client in Python is used, which takes processor time from the service, so that all"
        " rates come out lower. scripts/install-system.sh installs it.",
        file=sys.stderr,
    )


def _send_from_python(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_drive, args=(theirs, port, requests, wrk.next_offset(), connections, seconds)
    )
    process.start()
    load: Load = ours.recv()
    process.join()
    return load


@dataclass
class _Counts:
    """The counts of the connections of one load."""

    times: list[float]
    refused: int = 0
    broken: int = 0


def _drive(pipe: object, port: int, requests: Sequence[bytes], offset: int, connections: int, seconds: float) -> None:
    every = [_Counts([]) for _ in range(connections)]
    began = time.perf_counter()
    threads = [
        threading.Thread(target=_one, args=(port, requests, (offset, worker, connections), began + seconds, counts))
        for worker, counts in enumerate(every)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    times = sorted(moment for counts in every for moment in counts.times) or [0.0]
    load = Load(
        requests=len(times),
        per_second=len(times) / elapsed,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        refused=sum(counts.refused for counts in every),
        broken=sum(counts.broken for counts in every),
    )
    pipe.send(load)  # type: ignore[attr-defined]


def _one(port: int, requests: Sequence[bytes], numbers: tuple[int, int, int], end: float, counts: _Counts) -> None:
    offset, number, step = numbers
    connection = _connect(port)
    while (began := time.perf_counter()) < end:
        try:
            connection.sendall(fill(requests[number % len(requests)], offset + number))
            status, stays = _read(connection)
        except OSError:
            counts.broken += 1
            connection = _connect(port)
            continue
        counts.times.append(time.perf_counter() - began)
        counts.refused += status >= 400
        number += step
        if not stays:
            connection.close()
            connection = _connect(port)
    connection.close()


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read(connection: socket.socket) -> tuple[int, bool]:
    """Return the status of one answer, and whether the connection stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise OSError("closed")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lowered = head.lower()
    length = int(lowered.split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            raise OSError("closed")
        body += part
    return int(head[9:12]), b"connection: close" not in lowered
