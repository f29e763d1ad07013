"""A strict pooler in transaction mode: no client has two transactions in a row on one server connection.

It implements just enough of PostgreSQL's protocol, without encryption or passwords.
Each client sees the process id of a real server connection, which is not
the connection of its next transaction.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import struct
import threading
from collections.abc import Iterator

_ENCRYPTION = {80877103, 80877104}
_PROTOCOL = struct.pack("!I", 196608)
_BUFFER = 1 << 16


@contextlib.contextmanager
def pooler_double(port: int, name: str, *, connections: int = 3) -> Iterator[str]:
    """Yield the URL of a database of the server on this port, through the double."""
    servers: queue.Queue[socket.socket] = queue.Queue()
    opened, greetings = [], []
    for _ in range(connections):
        server, greeting = _open_server(port, name)
        servers.put(server)
        opened.append(server)
        greetings.append(greeting)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, servers, greetings[0]), daemon=True).start()
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{listener.getsockname()[1]}/{name}"
    finally:
        # Wakes the thread that waits for a client, as closing alone would not.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        # One may be with a client whose transaction just ended, and not in the queue.
        for server in opened:
            server.close()


def _open_server(port: int, name: str) -> tuple[socket.socket, bytes]:
    """Open a connection to the server; return it with everything sent up to its first ReadyForQuery."""
    server = socket.create_connection(("127.0.0.1", port))
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    parameters = f"user\0postgres\0database\0{name}\0client_encoding\0UTF8\0\0".encode()
    server.sendall(struct.pack("!I", len(parameters) + 8) + _PROTOCOL + parameters)
    reader = _Reader(server)
    greeting = b""
    while not greeting.endswith(b"Z\0\0\0\5I"):
        greeting += reader.message()
    return server, greeting


class _Reader:
    """A reader of whole messages from a socket."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source

    def exactly(self, count: int) -> bytes:
        """Return this many bytes; raises `ConnectionError` where the other side has closed."""
        found = b""
        while len(found) < count:
            part = self._source.recv(count - len(found))
            if not part:
                raise ConnectionError
            found += part
        return found

    def message(self) -> bytes:
        """Return one message with its type and length."""
        head = self.exactly(5)
        return head + self.exactly(struct.unpack("!I", head[1:])[0] - 4)

    def startup(self) -> int:
        """Return the code of a message without a type, which opens a connection."""
        (length,) = struct.unpack("!I", self.exactly(4))
        return struct.unpack("!I", self.exactly(length - 4)[:4])[0]


def _accept(listener: socket.socket, servers: queue.Queue[socket.socket], greeting: bytes) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, servers, greeting), daemon=True).start()


def _serve(client: socket.socket, servers: queue.Queue[socket.socket], greeting: bytes) -> None:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = _Reader(client)
    with client, contextlib.suppress(OSError):
        while reader.startup() in _ENCRYPTION:
            client.sendall(b"N")
        client.sendall(greeting)
        while True:
            message = reader.message()
            if message[:1] == b"X":
                return
            server = servers.get()
            try:
                if not _run_transaction(client, server, message):
                    return
            finally:
                # At the end of the queue: the next transaction of this client gets another one.
                servers.put(server)


def _run_transaction(client: socket.socket, server: socket.socket, message: bytes) -> bool:
    """Relay until the server is outside a transaction again; return whether the client goes on.

    A client that ends may send its Terminate message before it reads its last answer.
    The server connection outlives it, so that message is not relayed.
    """
    server.sendall(message)
    from_client, from_server = _Reader(client), _Reader(server)
    while True:
        for source in select.select([client, server], [], [])[0]:
            if source is client:
                message = from_client.message()
                if message[:1] == b"X":
                    return False
                server.sendall(message)
            else:
                answer = from_server.message()
                client.sendall(answer)
                if answer == b"Z\0\0\0\5I" and not select.select([client], [], [], 0)[0]:
                    return True
