"""Which tests run on which engine, so that a whole run stays short and still covers both.

- Tests of `storage`, and tests outside `web` that are marked `both_engines` (kills, writers at once, histories): every
  case on both engines.
- Tests of `web`: one engine each, in turn, for the SQL of a page is the storage's. Modules about lists, filters and
  files, whose SQL only a page reaches, are marked `both_engines`: each test on both.
- Modules outside `web` that are marked `one_engine`: as tests of pages. They move no tokens, and their rule does not
  depend on the database: codes, connections, addresses, words of documents, bad input.
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
MANY = 2


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
        marks = {mark.name for mark in next(iter(both[0].values())).iter_markers()} if both else set()
        is_web, is_marked = name.split("/")[1] == "web", "both_engines" in marks
        if not both or name.split("/")[1] == "storage" or (is_marked and not is_web):
            continue
        is_alike = "one_engine" in marks or (is_web and not is_marked)
        if is_alike or len(both) >= MANY:
            turn = turns[name.partition("::")[0] if is_alike else name]
            for engines in both:
                yield engines[ENGINES[next(turn) % len(ENGINES)]]
