"""Colors that stay readable for an accent color that a page has chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
_CARDS = ("ffffff", "1b1d22")
"""The background of the light and of the dark card; see `styles/palette.css`."""
# One of the two has a contrast of at least 4.58 with any color.
_INKS = ("ffffff", "000000")
LEAST_CONTRAST = 4.5
"""The contrast of text that WCAG 2.2 requires at level AA."""
_STEP = 0.04


@dataclass(frozen=True, slots=True)
class Accent:
    """An accent color as six hexadecimal digits, and the colors derived from it.

    `light` and `dark` are the nearest colors that are readable as text on the light
    and the dark card. `on` is the color of text on the accent color.
    """

    color: str
    light: str
    dark: str
    on: str


def read_accent(text: str) -> Accent | None:
    """Return the accent of a color such as `#2d5bd7` or `25d`; None for anything else."""
    found = _HEX.fullmatch(text.strip().casefold())
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
    on = max(_INKS, key=lambda ink: contrast(digits, ink))
    return Accent(digits, _readable(digits, _CARDS[0], toward=0), _readable(digits, _CARDS[1], toward=255), on)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors by WCAG, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    parts = (part / 255 for part in _channels(color))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _readable(color: str, card: str, *, toward: int) -> str:
    """Return the color mixed with black (0) or white (255), as little as the contrast with the card needs."""
    share, found = 0.0, color
    while contrast(found, card) < LEAST_CONTRAST and share < 1:
        share += _STEP
        found = "".join(f"{round(part + (toward - part) * min(1.0, share)):02x}" for part in _channels(color))
    return found


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[:2], 16), int(color[2:4], 16), int(color[4:], 16)
