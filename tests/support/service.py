"""The real service in a process group of its own, to be called over HTTP and to be killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from requests.structures import CaseInsensitiveDict

from tests.support.programs import Program

CALL_SECONDS = 60
ATTEMPTS = 100

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Answer:
    """The response to a call."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the JSON in it."""
        return json.loads(self.text)


@dataclass
class Service:
    """A running service on a database; `kill` and `start` it as often as you like.

    The listening socket belongs to this process: connections made while no service
    runs wait in its queue, so tests need not wait until the port is open.
    """

    database_url: str
    secret_key: str
    folder: Path
    workers: int = 2
    threads: int = 16
    request_seconds: int = 20
    log_level: str = "WARNING"
    metrics_token: str = ""
    _socket: socket.socket = field(default_factory=socket.socket)
    _process: Program | None = None

    def __post_init__(self) -> None:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(512)
        self._socket.set_inheritable(True)

    @property
    def port(self) -> int:
        """Return the port of the service."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Start the web server; it answers as soon as its workers are up."""
        settings = {
            "BRIDGE_DATABASE_URL": self.database_url,
            "BRIDGE_SECRET_KEY": self.secret_key,
            "BRIDGE_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "BRIDGE_LISTEN_FD": str(self._socket.fileno()),
            "BRIDGE_THREADS": str(self.threads),
            "BRIDGE_WORKERS": str(self.workers),
            "BRIDGE_REQUEST_SECONDS": str(self.request_seconds),
            "BRIDGE_SCHEDULER": "off",
            "BRIDGE_LOG_LEVEL": self.log_level,
            "BRIDGE_METRICS_DIR": str(self.folder / "metrics"),
            "BRIDGE_METRICS_TOKEN": self.metrics_token,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
        with (self.folder / "service.log").open("ab") as log:
            self._process = Program(
                ["-m", "bridge.cli.web_server"],
                env=inherited | settings,
                pass_fds=[self._socket.fileno()],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def processes(self) -> list[int]:
        """Return the processes of the service: the main one and its workers."""
        if self._process is None:
            return []
        own, found = self._process.pid, []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    # After the name in brackets: state, parent, process group.
                    group = (entry / "stat").read_text().rpartition(")")[2].split()[2]
                    found += [int(entry.name)] if int(group) == own else []
        return found

    def resident_bytes(self) -> int:
        """Return the memory of all its processes."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.processes())
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def settles_at(self, resident: float, *, seconds: float = 10) -> bool:
        """Return whether its memory falls to this many bytes in time."""
        deadline = time.monotonic() + seconds
        while self.resident_bytes() > resident and time.monotonic() < deadline:
            threading.Event().wait(0.2)
        return self.resident_bytes() <= resident

    def signal(self, number: signal.Signals) -> None:
        """Send the main process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float = CALL_SECONDS) -> int:
        """Return the exit status, once the service has ended by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    def has_ended(self) -> bool:
        """Return whether the main process is gone."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Kill the whole process group with SIGKILL, without any cleanup."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """Kill it and close its port."""
        self.kill()
        self._socket.close()

    def log(self) -> str:
        """Return its log so far."""
        return (self.folder / "service.log").read_text()

    def call(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer | None:
        """Send one request on a new connection; return None where the connection broke before the whole response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_SECONDS)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            return Answer(response.status, CaseInsensitiveDict(response.getheaders()), response.read().decode())
        except (ConnectionError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def insist(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Repeat a request until a response other than 503 comes, and return it."""
        for _ in range(ATTEMPTS):
            answer = self.call(method, path, body, headers)
            if answer is not None and answer.status != 503:
                return answer
        raise AssertionError(f"no answer to {method} {path}")


def all_at_once(act: Callable[[T], R], items: Iterable[T], *, threads: int) -> list[R]:
    """Call `act` for each item in this many threads that start together; return the results in the items' order."""
    start = threading.Barrier(threads)
    with ThreadPoolExecutor(threads, initializer=start.wait) as pool:
        return list(pool.map(act, items))
