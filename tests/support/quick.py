"""What makes thousands of apps cheap to put together in one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_compile_builder = Rule._compile_builder
_builders: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}


def remember_rules() -> None:
    """Let werkzeug compile the builder of each route once for all apps of this process.

    Every app has the same routes, and compiling them is nine tenths of putting
    one together: 40 ms for each of some thousands of tests.
    """
    Rule._compile_builder = _remembered  # type: ignore[method-assign]


def _remembered(self: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    if self.defaults:
        return _compile_builder(self, append_unknown)
    place = (self.rule, tuple(self._trace), append_unknown)
    if place not in _builders:
        _builders[place] = _compile_builder(self, append_unknown)
    return _builders[place]
