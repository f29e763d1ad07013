"""The files in which the processes of one installation share their metrics.

The Prometheus library writes the values of each process to files of its own, and
the process that is scraped adds them up. Each process locks a file as long as it
runs. The lock shows which files belong to ended processes, even if a process ID
is used again.
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
"""The environment variable with the directory; the library reads it when it is first imported."""

_BYTES = {
    "counter": 2**18,
    "histogram": 2**21,
    "summary": 2**16,
    "gauge_mostrecent": 2**16,
    "gauge_livesum": 2**16,
}
"""The size of each file. Writing to a mapped file without allocated blocks kills the process if the disk is full."""
_UNUSED_SECONDS = 24 * 3600
"""An empty directory that was unused for this long is removed; a service that is starting has files in its own."""
_LIVE = "gauge_live"
"""The values in these files count only while their process runs."""


def prepare(directory: Path) -> bool:
    """Create the directory, and remove files of ended processes in and beside it; return False if that fails.

    Files of running processes are kept, because a separate scheduler may share the
    directory. Called by the process that starts the others.
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

    If another process has ended, this one continues its counters: a worker that
    replaces another adds no files, and no count decreases.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock: IO[bytes] | None = None

    def join(self) -> bool:
        """Start to use the directory; False if files cannot be created. Call it before any metric is created."""
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
        """Remove the values of ended processes that count only while their process runs."""
        for pid in _recorded(self.directory) - {os.getpid()}:
            if (lock := _try_hold(self.directory, pid)) is not None:
                with lock:
                    for path in self.directory.glob(f"{_LIVE}*_{pid}.db"):
                        path.unlink(missing_ok=True)

    def _take_over(self, pid: int, own: int) -> bool:
        """Continue the values of an ended process; return False if it is still running."""
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
    """Return the lock file of a process, locked; waits for a process that is removing files of the same ID."""
    while True:
        lock = _lock_path(folder, pid).open("ab")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_in_place(lock, _lock_path(folder, pid)):
            return lock
        lock.close()


def _try_hold(folder: Path, pid: int) -> IO[bytes] | None:
    """Return the lock file of a process, locked; None if that process is running."""
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
    """Fill a file with zeros up to a size; a file that is long enough is left unchanged."""
    with path.open("ab") as file:
        file.write(bytes(max(0, size - os.fstat(file.fileno()).st_size)))
