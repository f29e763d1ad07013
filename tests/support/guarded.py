"""Servers that end with the tests, in whatever way these end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_GUARD = Path(__file__).with_name("process_guard.py")
_START_SECONDS = 30


class ServerFailed(Exception):
    """A server ended, or did not become ready in time; the text is its output."""


@dataclass
class GuardedServer:
    """A running server with a temporary folder of its own."""

    folder: Path
    _guard: subprocess.Popen[bytes]

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Return once the server is ready; raises `ServerFailed`."""
        deadline = time.monotonic() + _START_SECONDS
        while not is_ready():
            if self._guard.poll() is not None or time.monotonic() > deadline:
                output = self.output()
                self.stop()
                raise ServerFailed(output)
            threading.Event().wait(0.02)

    def output(self) -> str:
        """Return what the server has printed so far."""
        return (self.folder / "output").read_text(errors="replace")

    def stop(self) -> None:
        """Kill the server and remove its folder."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def new_folder(name: str) -> Path:
    """Return a new temporary folder for a server."""
    return Path(tempfile.mkdtemp(prefix=f"bridge-{name}-"))


def start_guarded(
    folder: Path, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> GuardedServer:
    """Start a server that runs in this folder, which is removed with it."""
    with (folder / "output").open("ab") as output:
        guard = subprocess.Popen(
            list(map(str, [sys.executable, "-I", "-S", _GUARD, folder, *command])),
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return GuardedServer(folder, guard)
