"""Garbage collection of a long-lived process, and returning memory to the system."""

from __future__ import annotations

import ctypes
import gc
import sys

_OBJECTS = 20_000
_YOUNGER_PASSES = 20

# Parameters of glibc's mallopt, by their numbers in malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 128 * 1024
_ARENAS = 2


def collect_rarely() -> None:
    """Keep what was imported for good, and look for garbage in rings of objects a thirtieth as often as usual.

    Call it when a process has started and before it serves. Python looks after
    every 700 objects, which one batch makes several times over, and each time
    everything is older: a tenth of the time of a spend. Objects without rings,
    which are nearly all, are freed at once as ever.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS, _YOUNGER_PASSES, _YOUNGER_PASSES)


def return_freed_memory() -> None:
    """Make the C library return freed memory to the system soon; call it before threads start.

    By default glibc keeps a pool for each of many threads, and raises its own
    thresholds after large blocks: after a burst of large requests a process
    stays half as large again. Does nothing with another C library.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
