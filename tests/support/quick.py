"""What makes thousands of apps cheap to put together in one process."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

_compile = Rule.compile
_compiled: dict[tuple[Any, ...], Rule] = {}


def remember_rules() -> None:
    """Let werkzeug compile each route once for all apps of this process.

    Every app has the same routes, and compiling them is nine tenths of putting
    one together: 40 ms for each of some thousands of tests.
    """
    Rule.compile = _remembered  # type: ignore[method-assign]


def _remembered(self: Rule) -> None:
    if self.defaults or self.host or self.subdomain:
        _compile(self)
        return
    place = (self.rule, self.merge_slashes, self.strict_slashes, self.websocket)
    found = _compiled.get(place)
    if found is None:
        _compile(self)
        _compiled[place] = self
        return
    # Of the first app's rule; its converters are the same, and none of ours asks its map for anything.
    self._parts, self._trace, self._converters = list(found._parts), list(found._trace), dict(found._converters)
    self.arguments = set(found.arguments)
    self._build = found._build.__func__.__get__(self, None)  # type: ignore[attr-defined]
    self._build_unknown = found._build_unknown.__func__.__get__(self, None)  # type: ignore[attr-defined]
