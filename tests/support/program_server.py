"""A process that has imported the service and forks itself for each program that tests start.

Importing the service costs most of the time of a short program. Started by
`tests.support.programs`, with the socket for its requests as its argument.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

IMPORTED = ("app", "bridge.cli.demo", "bridge.web.server.worker", "schedulers.__main__", "granian.server.mp", "uvloop")
MOST_BYTES, MOST_FILES = 2**20, 16
_FIRST_FREE = 100
"""File descriptors from here on are free to hold others for a moment."""


def serve(requests: socket.socket) -> None:
    """Start a program for each request, and report its process id and its exit status, until the socket closes."""
    # Before the imports: a Ctrl-C in the terminal is for pytest, which then closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking.fileno())
    reports: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _report_ended(reports)
        if requests in ready:
            message, files, _, _ = socket.recv_fds(requests, MOST_BYTES, MOST_FILES)
            if not message:
                return
            pid = os.fork()
            if pid == 0:
                for own in (requests, woken, waking):
                    own.detach()
                _run(json.loads(message), files[0], files[1:])
            reports[pid] = files[0]
            for file in files[1:]:
                os.close(file)


def _report_ended(reports: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            report = reports.pop(pid)
            _write(report, f"{os.waitstatus_to_exitcode(status)}\n")
            os.close(report)


def _write(file: int, text: str) -> None:
    # The test may have ended without waiting for its program.
    with contextlib.suppress(BrokenPipeError):
        os.write(file, text.encode())


def _run(request: dict[str, Any], report: int, files: list[int]) -> NoReturn:
    """Turn this process into a new one that runs the program, and end it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["own_session"]:
        os.setsid()
    # Not before: who has the number may kill the whole group at once.
    _write(report, f"{os.getpid()}\n")
    _place(files, [0, 1, 2, *request["kept_files"]])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    _open_streams()
    status = _status_of(request["arguments"])
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _place(files: list[int], wanted: list[int]) -> None:
    """Give these files the numbers that the program expects, and close all others."""
    above = [fcntl.fcntl(file, fcntl.F_DUPFD, _FIRST_FREE) for file in files]
    os.closerange(0, _FIRST_FREE)
    for file, number in zip(above, wanted, strict=True):
        os.dup2(file, number)
        os.close(file)


def _open_streams() -> None:
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(  # noqa: SIM115
        2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _status_of(arguments: list[str]) -> int:
    """Run the program as the interpreter would, and return its exit status."""
    kind, program, *rest = arguments
    sys.argv = [kind if kind == "-c" else program, *rest]
    try:
        if kind == "-m":
            # Imported before, it would be a second copy of itself.
            sys.modules.pop(f"{program}.__main__" if f"{program}.__main__" in sys.modules else program, None)
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001 -- what the interpreter does at the end of a program
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
