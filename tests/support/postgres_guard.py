"""Run one PostgreSQL server for as long as the process that started this script lives, then remove its folder.

Usage: postgres_guard.py FOLDER UID GID COMMAND…; UID and GID are -1 to stay who we are. It ends when its standard input
closes or its parent is gone for any reason. It is a separate process, since no code in the tests'
survives a SIGKILL of them.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType

_FAREWELLS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_STOP_SECONDS = 10
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Make the server quit at once if this guard is killed; called in its process (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main(folder: str, uid: int, gid: int, command: list[str]) -> None:
    """Start the server, wait until it is no longer needed, stop it, remove its folder."""
    parent = os.getppid()
    for number in _FAREWELLS:
        signal.signal(number, _leave)
    identity = {} if uid < 0 else {"user": uid, "group": gid, "extra_groups": []}
    server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent, **identity)
    try:
        # A forked child of the tests may hold our input open after they died, so the parent is watched too.
        while os.getppid() == parent and not select.select([sys.stdin], [], [], 0.2)[0]:
            if server.poll() is not None:
                # Its port was taken, or it crashed: the parent process reads the log and decides.
                os._exit(1)
    finally:
        for number in _FAREWELLS:
            signal.signal(number, signal.SIG_IGN)
        _end(server)
        shutil.rmtree(folder, ignore_errors=True)


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
