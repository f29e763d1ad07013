"""QR codes, computed by the server: the page needs no script, and the text is sent nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

import segno

_BORDER = 4
"""The quiet zone around the code that readers need, in squares."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """The dark squares of a QR code as the path of an SVG of `size` by `size` squares."""

    size: int
    path: str = field(repr=False)


def qr_code(text: str) -> QrCode:
    """Return the QR code of a text; a seventh of it may be unreadable."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    squares = (
        f"M{x + _BORDER} {y + _BORDER}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    )
    return QrCode(len(rows) + 2 * _BORDER, "".join(squares))
