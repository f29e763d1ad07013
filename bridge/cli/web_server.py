"""The web server: granian's main process, which starts the workers.

Run as `python -m bridge.cli.web_server`; `flask serve` replaces itself by it. It
never imports the app: only the workers do, after the fork.
"""

from __future__ import annotations

import os
import socket
from queue import SimpleQueue
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder
from granian.server.mp import MPServer

from bridge.cli.listening import inherited_socket, listen_on
from bridge.config import load_config
from bridge.garbage import return_freed_memory
from bridge.logs import configure_logs
from bridge.metrics import process_files

CONNECTIONS = 4096
"""The most connections of one worker; further ones wait to be accepted."""
HEADER_BYTES = 64 * 1024
"""The most bytes of a request's line and headers."""
STOP_SECONDS = 45
"""How long a stopping worker may take to finish its requests before it is killed."""

# granian's log goes to the same place as ours, in the same format.
_LOG_SETTINGS = {"handlers": {}, "formatters": {}, "loggers": {"_granian": {"handlers": [], "propagate": True}}}


class Wakeups:
    """The event that wakes granian's main loop, in place of its `threading.Event`.

    A signal handler that sets a `threading.Event` while the same thread is about
    to wait for it blocks forever; a simple queue is safe in a handler.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Wake the main loop, now or when it next waits."""
        self._queue.put(None)

    def wait(self) -> None:
        """Wait to be woken; the loop checks itself what has happened."""
        self._queue.get()

    def clear(self) -> None:
        """Do nothing: each wait takes one wake-up, and an extra one does no harm."""


class Server(MPServer):  # type: ignore[misc]
    """granian on a listening socket of ours, which every worker shares.

    Its own sockets allow a second service on the same port, and lose the
    connections in the queue of a worker that ends.
    """

    def __init__(self, listener: socket.socket, **settings: Any) -> None:
        super().__init__("app:create_worker", factory=True, **settings)
        self.listener = listener
        self.main_loop_interrupt = Wakeups()

    def signal_handler_interrupt(self, *_args: object, **_kwargs: object) -> None:
        """Stop gracefully; stop at once on a second signal, and in a worker that does not serve yet."""
        if os.getpid() != self.pid:
            # Inherited by the fork: until the worker has a handler of its own, it has nothing to finish.
            os._exit(0)
        if self.interrupt_signal:
            for worker in self.wrks:
                worker.kill()
        super().signal_handler_interrupt()

    def _init_shared_socket(self) -> None:
        self._sso = self.listener
        self._sfd = self.listener.fileno()
        self._shd = SocketHolder(self._sfd, False, socket.SOMAXCONN)


def main() -> None:
    """Serve until a signal arrives; exit with status 1 if the workers fail repeatedly."""
    config = load_config()
    configure_logs(config)
    if config.metrics_directory is not None:
        process_files.prepare(config.metrics_directory)
    return_freed_memory()
    host, port = config.host_and_port
    server = Server(
        inherited_socket(config) or listen_on(config),
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=config.workers,
        loop=Loops.auto,
        runtime_mode=RuntimeModes.st,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=config.request_seconds * 1000, max_buffer_size=HEADER_BYTES),
        websockets=False,
        backpressure=CONNECTIONS,
        log_level=LogLevels(config.log_level.lower()),
        log_dictconfig=_LOG_SETTINGS,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=STOP_SECONDS,
    )
    server.serve()


if __name__ == "__main__":
    main()
