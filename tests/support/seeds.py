"""Seeds of random tests: a fixed set that runs every time, and a fresh one beside it that is printed.

A test takes `seed` from `parametrize("seed", [*fixed, FRESH])` and calls
`resolve(seed)`. `BRIDGE_SEED=123` makes the fresh one 123, to run a failure again.
"""

from __future__ import annotations

import os
import random

import pytest

FRESH = pytest.param(None, id="fresh")


def examples(count: int) -> int:
    """Return how many examples Hypothesis tries: this many, or as many times more as `BRIDGE_EXAMPLES` says."""
    return int(count * float(os.environ.get("BRIDGE_EXAMPLES", "1")))


def resolve(seed: int | None) -> int:
    """Return the seed, or draw one for `FRESH`; print it, so that pytest shows it beside a failure."""
    if seed is None:
        seed = int(os.environ.get("BRIDGE_SEED") or random.randrange(2**32))
    print(f"seed {seed}: run this test alone with BRIDGE_SEED={seed} and -k fresh")  # noqa: T201
    return seed
