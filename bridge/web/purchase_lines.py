"""The lines of a purchase, as pages and the widget show them."""

from __future__ import annotations

from bridge.services.orders.purchases import Purchase
from bridge.web.i18n.formatting import Language, isolate, number

MAX_LINES_SHOWN = 20
"""How many lines of a purchase a page prints."""


def shown_lines(purchase: Purchase, language: Language = Language.ENGLISH) -> tuple[str, ...]:
    """Return the first lines of a purchase as texts, and how many more there are."""
    first = purchase.lines[:MAX_LINES_SHOWN]
    shown = [isolate(f"{line.name} × {line.quantity}", language) for line in first]
    more = len(purchase.lines) - len(shown)
    return tuple([*shown, f"… (+{number(more, language)})"] if more else shown)
