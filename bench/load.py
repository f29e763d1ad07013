"""A load of HTTP requests over kept-alive connections, from a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Request = Callable[[int], bytes]
"""Builds the bytes of the n-th request."""


@dataclass(frozen=True)
class Load:
    """What a load measured: answers a second, the slowest hundredth, and how often each status came."""

    per_second: float
    p99_ms: float
    statuses: dict[int, int]


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """An HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def spend_request(key: str, users: Sequence[int], prefix: str) -> Request:
    """Spends of one token, by these users in turn, each under a key of its own."""

    def build(number: int) -> bytes:
        body = json.dumps({"user": {"id": users[number % len(users)]}, "module": "chat", "tokens": 1}).encode()
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"{prefix}-{number}",
        }
        return request_bytes("POST", "/v1/spends", headers, body)

    return build


def drive(port: int, build: Request, *, connections: int, seconds: float) -> Load:
    """Send requests over this many connections for so long, each waiting for its answer, and count."""
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_drive, args=(theirs, port, build, connections, seconds)
    )
    process.start()
    load: Load = ours.recv()
    process.join()
    return load


def _drive(pipe: object, port: int, build: Request, connections: int, seconds: float) -> None:
    times: list[list[float]] = [[] for _ in range(connections)]
    statuses: list[dict[int, int]] = [{} for _ in range(connections)]
    end = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=_one, args=(port, build, worker, connections, end, times[worker], statuses[worker]))
        for worker in range(connections)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    every = sorted(moment for column in times for moment in column)
    total: dict[int, int] = {}
    for column in statuses:
        for status, count in column.items():
            total[status] = total.get(status, 0) + count
    p99 = every[int(len(every) * 0.99)] * 1000 if every else 0.0
    pipe.send(Load(len(every) / elapsed, p99, total))  # type: ignore[attr-defined]


def _one(
    port: int, build: Request, worker: int, step: int, end: float, times: list[float], statuses: dict[int, int]
) -> None:
    connection = _connect(port)
    number = worker
    while (began := time.perf_counter()) < end:
        try:
            connection.sendall(build(number))
            status, stays = _read(connection)
        except OSError:
            connection = _connect(port)
            continue
        times.append(time.perf_counter() - began)
        statuses[status] = statuses.get(status, 0) + 1
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
    """The status of one answer, and whether the connection stays open."""
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
        body += connection.recv(65536)
    return int(head[9:12]), b"connection: close" not in lowered
