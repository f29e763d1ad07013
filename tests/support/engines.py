"""Which tests run on which engine, so that a whole run stays short and still covers both.

- Tests of `storage`: every case on both engines.
- Tests of `web`: one engine each, in turn, for the SQL of a page is the storage's. Modules about lists, filters and
  files, whose SQL only a page reaches, are marked `both_engines`: each test on both.
- All others: both engines; a test with `MANY` or more other parameters runs each case on one engine, in turn.

`BRIDGE_BOTH_ENGINES=1` runs every case on both.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count

import pytest

ENGINES = ("sqlite", "postgresql")
MANY = 4


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cases that their engine's turn leaves out."""
    if os.environ.get("BRIDGE_BOTH_ENGINES") == "1":
        return
    left_out = set(_left_out(items))
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _left_out(items: Sequence[pytest.Item]) -> Iterable[pytest.Item]:
    functions: dict[str, dict[str, dict[str, pytest.Item]]] = defaultdict(lambda: defaultdict(dict))
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is not None and callspec.params.get("engine") in ENGINES:
            engine = callspec.params["engine"]
            case = "-".join(part for part in callspec.id.split("-") if part != engine)
            functions[item.nodeid.partition("[")[0]][case][engine] = item
    turns: dict[str, count[int]] = defaultdict(count)
    for name, cases in functions.items():
        both = [engines for engines in cases.values() if len(engines) == len(ENGINES)]
        layer = name.split("/")[1]
        if layer == "storage" or not both:
            continue
        is_page = layer == "web" and next(iter(both[0].values())).get_closest_marker("both_engines") is None
        if is_page or len(both) >= MANY:
            turn = turns[name.partition("::")[0] if is_page else name]
            for engines in both:
                yield engines[ENGINES[next(turn) % len(ENGINES)]]
