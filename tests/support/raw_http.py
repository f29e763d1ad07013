"""Connections on which a test sends exact bytes, whole or in part."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable

HOST = b"Host: bridge.test\r\n"


def head(method: str, path: str, *headers: str) -> bytes:
    """Return the head of a request with these header lines."""
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"{method} {path} HTTP/1.1\r\n".encode() + HOST + f"{lines}\r\n".encode()


def connect(port: int, *, receive_buffer: int | None = None, timeout: float = 30) -> socket.socket:
    """Open a connection; with a small receive buffer, the sender is soon blocked."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(timeout)
    connection.connect(("127.0.0.1", port))
    return connection


def exchange(port: int, *parts: bytes, timeout: float = 30) -> bytes:
    """Send the parts and return all bytes until the server closes or `timeout` seconds pass without any."""
    with connect(port, timeout=timeout) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except ConnectionError:
            # A server that has refused may close before everything is sent; its answer can still be read.
            pass
        return read_all(connection)


def first_status(port: int, sent: bytes) -> int:
    """Return the status of the first answer to these bytes, which may be no whole request."""
    with connect(port) as connection:
        connection.sendall(sent)
        return statuses(connection.recv(65536))[0]


def read_all(connection: socket.socket) -> bytes:
    """Return all bytes until the other side closes or stops sending."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except (TimeoutError, ConnectionError):
        pass
    return received


def statuses(received: bytes) -> list[int]:
    """Return the status of each answer in these bytes, whatever bodies are between them."""
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def closed_within(connections: Iterable[socket.socket], seconds: float) -> int:
    """Return how many of these connections the other side closes within this many seconds."""
    deadline = time.monotonic() + seconds
    closed = 0
    for connection in connections:
        try:
            while True:
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                if not connection.recv(65536):
                    closed += 1
                    break
        except ConnectionError:
            closed += 1
        except TimeoutError:
            pass
    return closed
