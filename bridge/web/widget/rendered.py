"""The fragments printed last, by version: a fragment whose version is known is not printed again."""

from __future__ import annotations

from collections.abc import Callable

MOST_CHARACTERS = 8 * 1024 * 1024
"""How much text a process keeps; beyond, everything is dropped and printed again when it is needed."""

_kept: dict[str, str] = {}
_size = 0


def printed(version: str, render: Callable[[], str]) -> str:
    """Return the fragment of a version, which is a hash of everything that it shows, its account included."""
    # An inexact sum of two threads only drops the texts earlier or later.
    global _size
    found = _kept.get(version)
    if found is None:
        found = render()
        if _size + len(found) > MOST_CHARACTERS:
            _kept.clear()
            _size = 0
        _kept[version] = found
        _size += len(found)
    return found
