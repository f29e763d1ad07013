"""How often a long-lived process looks for garbage."""

from __future__ import annotations

import gc

_OBJECTS = 20_000
_YOUNGER_PASSES = 20


def look_seldom() -> None:
    """Keep what was imported for good, and look for garbage in rings of objects a thirtieth as often as usual.

    Call it when a process has started and before it serves. Python looks after
    every 700 objects, which one batch makes several times over, and each time
    everything is older: a tenth of the time of a spend. Objects without rings,
    which are nearly all, are freed at once as ever.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS, _YOUNGER_PASSES, _YOUNGER_PASSES)
