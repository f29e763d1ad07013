"""Look up the IP addresses of a host name, with a time limit."""

from __future__ import annotations

import queue
import socket
import threading

LOOKUP_SECONDS = 3.0


def addresses_of(host: str, *, timeout_seconds: float = LOOKUP_SECONDS) -> tuple[str, ...]:
    """Return the IP addresses of a host; empty if it has none or the lookup takes too long."""
    found: queue.SimpleQueue[tuple[str, ...]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            found.put(tuple(sorted({str(row[4][0]) for row in rows})))
        except (OSError, UnicodeError, ValueError):
            found.put(())

    # The system's lookup has no time limit of its own.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        return found.get(timeout=timeout_seconds)
    except queue.Empty:
        return ()
