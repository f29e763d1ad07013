"""Plugins of every test run; fixtures live in `tests/`, beside the tests that use them."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from bridge.garbage import collect_rarely

# Without bytecode, each process of a run compiles and rewrites every module again: 10 s of processor time each. It is
# ignored by git and removed by `make clean`.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ("pytester", "tests.support.missing", "tests.support.engines")

_MEMORY = Path("/dev/shm")  # noqa: S108 -- the names below it are made by tempfile
_ENOUGH = 2 * 1024**3

# Databases of tests wait for the disk at every commit, thousands of times. The tests are about processes that
# die, not about power failures, so a database in memory is enough where there is enough memory.
try:
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
        tempfile.tempdir = str(_MEMORY)
        with tempfile.TemporaryFile():
            pass
except OSError:
    tempfile.tempdir = None


def pytest_collection_finish() -> None:
    """Set the garbage collector as in the service, which saves a tenth of the time of a run."""
    collect_rarely()
