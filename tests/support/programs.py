"""Programs of the checkout in processes of their own, which start without importing the service each time."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent


class Program:
    """A running program, used like `subprocess.Popen`: `python` with these arguments, `-m module` or `-c code` first.

    It is a fork of a process that has imported the service, with its own
    environment, files and signals. `stdout` and `stderr` that are not set are
    kept for `communicate`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdout: IO[Any] | int | None = None,
        stderr: IO[Any] | int | None = None,
        pass_fds: Sequence[int] = (),
        start_new_session: bool = False,
    ) -> None:
        self.returncode: int | None = None
        self._output = [_open_output() if given is None else None for given in (stdout, stderr)]
        for file in filter(None, self._output):
            weakref.finalize(self, file.close)
        request = {
            "arguments": list(arguments),
            "environ": dict(os.environ if env is None else env),
            "folder": str(ROOT),
            "own_session": start_new_session,
            "kept_files": list(pass_fds),
        }
        self._reports, report = os.pipe()
        with open(os.devnull, "rb") as nothing:
            streams = [nothing, *(own or given for own, given in zip(self._output, (stdout, stderr), strict=True))]
            files = [stream if isinstance(stream, int) else stream.fileno() for stream in streams if stream is not None]
            socket.send_fds(_server(), [json.dumps(request).encode()], [report, *files, *pass_fds])
        os.close(report)
        self.pid = int(self._read())

    def _read(self) -> str:
        """Return the next line of the report; an empty one where the server is gone."""
        line = b""
        while not line.endswith(b"\n") and (byte := os.read(self._reports, 1)):
            line += byte
        return line.decode()

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it has ended; a signal's number is negative."""
        if self.returncode is None:
            if not select.select([self._reports], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int(self._read())
            os.close(self._reports)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end, and return what it wrote to the streams that were not set."""
        self.wait(timeout)
        written = []
        for file in self._output:
            if file is None:
                written.append("")
                continue
            with file:
                file.seek(0)
                written.append(file.read().decode())
        self._output = [None, None]
        return written[0], written[1]

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def run_program(
    arguments: Sequence[str], *, env: Mapping[str, str] | None = None, timeout: float = 60, **streams: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and return its exit status and what it wrote."""
    program = Program(arguments, env=env, **streams)
    stdout, stderr = program.communicate(timeout)
    return subprocess.CompletedProcess(arguments, program.wait(), stdout, stderr)


def _open_output() -> IO[bytes]:
    return tempfile.TemporaryFile()


@functools.cache
def _server() -> socket.socket:
    """Start the process that forks programs, and return the socket for its requests; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for own in (ours, theirs):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
    command = [sys.executable, "-m", "tests.support.program_server", str(theirs.fileno())]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
    process = subprocess.Popen(command, cwd=ROOT, env=environ, pass_fds=[theirs.fileno()])
    theirs.close()

    def close() -> None:
        ours.close()
        process.wait()

    atexit.register(close)
    return ours
