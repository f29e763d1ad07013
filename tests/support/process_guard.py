"""Run one command in a session of its own for as long as the process that started this script lives.

Usage: process_guard.py FOLDER COMMAND…; the folder is removed at the end. The end comes when the standard input closes
or the parent is gone for any reason; then the whole session is killed, also what the command started itself.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from types import FrameType

_FAREWELLS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main(folder: str, command: list[str]) -> None:
    """Start the command, wait until it is no longer needed, kill it, remove its folder."""
    parent = os.getppid()
    for number in _FAREWELLS:
        signal.signal(number, _leave)
    server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        while os.getppid() == parent and not select.select([sys.stdin], [], [], 0.2)[0]:
            if server.poll() is not None:
                os._exit(1)
    finally:
        for number in _FAREWELLS:
            signal.signal(number, signal.SIG_IGN)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
