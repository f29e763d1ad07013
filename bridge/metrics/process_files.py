"""The files in which the processes of one installation share their metrics.

The Prometheus library keeps the values of each process in files of that
process, and the process that is scraped adds them up. Each process holds a lock
file while it lives: that shows which files belong to ended processes, also
where a process ID is used again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the directory to the library, which reads it when it is first imported."""

_BYTES = {
    "counter": 2**18,
    "histogram": 2**21,
    "summary": 2**16,
    "gauge_mostrecent": 2**16,
    "gauge_livesum": 2**16,
}
"""The size of each file. A mapped file without blocks of its own would end the process when the disk is full."""
_UNUSED_SECONDS = 24 * 3600
"""A directory without files that was not used for so long is removed: a service that starts puts files into its own."""
_LIVE = "gauge_live"
"""Values of these files count only while their process lives."""


def prepare(directory: Path) -> bool:
    """Create the directory, and remove what ended processes left in it and beside it; False where that fails.

    Processes that live keep their files: a scheduler of its own may share the
    directory. For the process that starts the others.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for folder in directory.parent.iterdir():
            if folder.is_dir():
                _remove_ended(folder)
                if folder != directory and time.time() - folder.stat().st_mtime > _UNUSED_SECONDS:
                    _remove_empty(folder)
    except OSError as error:
        log.warning("each process counts for itself: %s cannot be used for metrics: %s", directory, error)
        return False
    os.environ[VARIABLE] = str(directory)
    return True


class ProcessFiles:
    """The files of this process, from `join` until it ends, in a prepared directory.

    Where a process has ended before, this one goes on with its counters, so that
    a worker which replaces another leaves no files behind and makes no count
    smaller.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock: IO[bytes] | None = None

    def join(self) -> bool:
        """Begin to use the directory; False where its files cannot be made. Call it before any metric is made."""
        own = os.getpid()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock = _hold(self.directory, own)
            for pid in _recorded(self.directory) - {own}:
                if self._take_over(pid, own):
                    break
            for kind, size in _BYTES.items():
                _allocate(self.directory / f"{kind}_{own}.db", size)
        except OSError as error:
            log.warning("this process counts for itself: %s cannot be used for metrics: %s", self.directory, error)
            os.environ.pop(VARIABLE, None)
            return False
        os.environ[VARIABLE] = str(self.directory)
        return True

    def forget_ended(self) -> None:
        """Remove the values of ended processes that count only while a process lives."""
        for pid in _recorded(self.directory) - {os.getpid()}:
            if (lock := _try_hold(self.directory, pid)) is not None:
                with lock:
                    for path in self.directory.glob(f"{_LIVE}*_{pid}.db"):
                        path.unlink(missing_ok=True)

    def _take_over(self, pid: int, own: int) -> bool:
        """Go on with the values of a process; False while it lives."""
        lock = _try_hold(self.directory, pid)
        if lock is None:
            return False
        with lock:
            for path in self.directory.glob(f"*_{pid}.db"):
                kind = path.stem.rpartition("_")[0]
                if kind.startswith(_LIVE):
                    path.unlink(missing_ok=True)
                else:
                    path.rename(self.directory / f"{kind}_{own}.db")
            _lock_path(self.directory, pid).unlink(missing_ok=True)
        return True


def _remove_ended(folder: Path) -> None:
    for pid in _recorded(folder):
        if (lock := _try_hold(folder, pid)) is not None:
            with lock:
                for path in folder.glob(f"*_{pid}.db"):
                    path.unlink(missing_ok=True)
                _lock_path(folder, pid).unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _recorded(folder: Path) -> set[int]:
    """Return the IDs of the processes that have files in a folder."""
    names = (path.stem.rpartition("_")[2] for pattern in ("*.db", "*.lock") for path in folder.glob(pattern))
    return {int(name) for name in names if name.isdigit()}


def _hold(folder: Path, pid: int) -> IO[bytes]:
    """Return the lock file of a process, locked; waits for another one that removes the files of that ID."""
    while True:
        lock = _lock_path(folder, pid).open("ab")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_in_place(lock, _lock_path(folder, pid)):
            return lock
        lock.close()


def _try_hold(folder: Path, pid: int) -> IO[bytes] | None:
    """Return the lock file of a process, locked; None while that process lives."""
    lock = _lock_path(folder, pid).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _is_in_place(lock: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock_path(folder: Path, pid: int) -> Path:
    return folder / f"process_{pid}.lock"


def _allocate(path: Path, size: int) -> None:
    """Fill a file with zeros up to a size; one that is as long already stays as it is."""
    with path.open("ab") as file:
        file.write(bytes(max(0, size - os.fstat(file.fileno()).st_size)))
