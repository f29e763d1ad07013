"""PostgreSQL connections that outlive an app: the next app on the same database gets them, as from a pooler.

A new connection costs the server more than most tests do: a process, and every
catalog entry of the tables it touches.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

MOST = 2
"""How many connections of one database are kept."""
_OWN_SETTINGS = "select count(*) from pg_settings where source in ('database', 'user', 'database user')"
_lock = threading.Lock()
_kept: dict[str, list[tuple[Any, Engine]]] = {}
"""Each kept connection with the engine that had it, by the database's address."""


def keep_connections_of(address: str) -> None:
    """Keep connections of the database at this address from now on."""
    _kept[address] = []


def forget_connections_of(address: str) -> None:
    """Close the connections that are kept, and keep no more."""
    for connection, _ in _kept.pop(address, ()):
        connection.close()


def list_pids(address: str) -> list[int]:
    """Return the server's process of each connection that is kept."""
    return [connection.info.backend_pid for connection, _ in _kept.get(address, ())]


def install(engine: Engine) -> None:
    """Let an engine take its connections from those kept, and leave them there when it is disposed of."""
    address = engine.url.render_as_string(hide_password=False)
    if address not in _kept:
        return

    def connect(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> Any:
        with _lock:
            kept = _kept.get(address, [])
            for place, (connection, last) in enumerate(kept):
                # An engine that closed its connections wants new ones.
                if last is not engine:
                    del kept[place]
                    return connection
        return None

    def close(connection: Any) -> None:
        kept = _kept.get(address)
        if kept is None or len(kept) >= MOST or not _reset(connection):
            connection.close()
        else:
            kept.append((connection, engine))

    event.listen(engine, "do_connect", connect)
    engine.dialect.do_close = close  # type: ignore[method-assign]


def _reset(connection: Any) -> bool:
    """Make a connection like a new one; return False where that is impossible."""
    if (
        connection.closed
        or connection.info.transaction_status != TransactionStatus.IDLE
        or connection.prepare_threshold is None
    ):
        return False
    connection._notice_handlers.clear()
    connection._notify_handlers.clear()
    with contextlib.suppress(psycopg.Error):
        connection.execute("DISCARD ALL", prepare=False)
        # psycopg forgets its statements only after a command that it may prepare.
        connection._prepared.clear()
        # Settings of the database at the time it was opened, which a test may have changed and changed back.
        return connection.execute(_OWN_SETTINGS, prepare=False).fetchone() == (0,)
    return False
