"""The style of fragments: compact, in a cascade layer, with each declaration marked as important.

An important declaration in a layer beats every important declaration outside of
one, whatever its selector is. So no rule of a theme changes a fragment.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

_STYLES = Path(__file__).with_name("styles")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AROUND = re.compile(r"\s*([{};,>])\s*")
_AFTER_COLON = re.compile(r":\s+")
_LAST = re.compile(r";\}")
# A declaration, not a custom property: those are read by our own declarations only.
_DECLARATION = re.compile(r"(?<=[{;])((?!--)[a-z-]+:[^;{}]+)(?=[;}])")
_ROOT = re.compile(r"\.token-bridge(\[[^\]]*\])?(?=[{,])")

SHARED = ("palette", "root", "parts")
"""The sheets of every fragment, in `styles`."""
ALL = ("usage", "confirm")
"""The other sheets: together with the shared ones, the style of all fragments."""


@functools.cache
def sheet(*parts: str) -> str:
    """Return the style of a fragment with these sheets after the shared ones, such as `usage`."""
    return f"@layer token-bridge{{{''.join(_read(name) for name in (*SHARED, *parts))}}}"


@functools.cache
def host_sheet() -> str:
    """Return the style inside the shadow root: the root element's own, as the host.

    Inside a shadow root, an important declaration about the host beats those of the
    page in any layer.
    """
    return _ROOT.sub(lambda found: f":host({found[1]})" if found[1] else ":host", _read("root"))


@functools.cache
def _read(name: str) -> str:
    text = _COMMENT.sub("", (_STYLES / f"{name}.css").read_text(encoding="utf-8"))
    text = _AFTER_COLON.sub(":", _AROUND.sub(r"\1", " ".join(text.split())))
    return _DECLARATION.sub(r"\1!important", _LAST.sub("}", text.strip()))
