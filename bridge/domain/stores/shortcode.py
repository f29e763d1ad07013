"""The shortcode that shows the usage widget on a page of the shop, as an owner last chose it for the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VIEWS = ("full", "summary", "balance")
THEMES = ("auto", "light", "dark")
HEADINGS = (2, 3, 4, 5, 6)
MAX_TEXT = 100
"""The longest title and label."""
MAX_INTRO = 300
MAX_URL = 500
FORBIDDEN = '"[]<>'
"""Characters that end an attribute or the shortcode itself."""


@dataclass(frozen=True, slots=True)
class Shortcode:
    """Content and look of the widget: `modules` in this order, or all of the store if empty.

    An empty `title` or `buy_label` stands for the widget's own words, an empty `accent`
    for its own color, and an empty `buy_url` for the store's page. `heading` is the
    level of the title's heading, 2 to 6; 0 for the usual one.
    """

    modules: tuple[str, ...] = ()
    view: str = "full"
    title: str = ""
    intro: str = ""
    theme: str = "auto"
    accent: str = ""
    heading: int = 0
    shows_purchases: bool = True
    shows_buy: bool = True
    buy_label: str = ""
    buy_url: str = ""

    @property
    def text(self) -> str:
        """Return the shortcode, with an attribute for each value that is not the usual one."""
        return self.text_over(Shortcode())

    def text_over(self, default: Shortcode) -> str:
        """Return the shortcode that shows this where a store has this default.

        A choice that the default changes is written out. A text that it has cannot
        be emptied by an attribute.
        """
        attributes = [("view", _stated(self.view, default.view, "full"))]
        # The balance alone looks like the text around it.
        if self.view != "balance":
            attributes = [
                ("modules", ",".join(self.modules)),
                *attributes,
                ("title", self.title),
                ("intro", self.intro),
                ("theme", _stated(self.theme, default.theme, "auto")),
                ("accent", self.accent),
                ("heading", str(self.heading or "")),
                ("purchasehistory", _stated(_flag(self.shows_purchases), _flag(default.shows_purchases), "true")),
                ("buycredits", _stated(_flag(self.shows_buy), _flag(default.shows_buy), "true")),
                ("buycreditslabel", self.buy_label if self.shows_buy else ""),
                ("buycreditsurl", self.buy_url if self.shows_buy else ""),
            ]
        return " ".join(["[token_usage", *(f'{name}="{value}"' for name, value in attributes if value)]) + "]"

    @property
    def document(self) -> dict[str, Any]:
        """Return the value as it is stored."""
        return {
            "modules": list(self.modules),
            "view": self.view,
            "title": self.title,
            "intro": self.intro,
            "theme": self.theme,
            "accent": self.accent,
            "heading": self.heading,
            "purchasehistory": self.shows_purchases,
            "buycredits": self.shows_buy,
            "buycreditslabel": self.buy_label,
            "buycreditsurl": self.buy_url,
        }


def _stated(value: str, default: str, usual: str) -> str:
    """Return a value that has to be written; empty for the usual one, unless the default is another."""
    return "" if value == default == usual else value


def _flag(is_on: bool) -> str:
    return "true" if is_on else "false"


def read_shortcode(stored: Mapping[str, Any] | None) -> Shortcode:
    """Return the shortcode of a stored value; the usual one where none is stored.

    A value from an earlier version has no introduction, look and address.
    """
    if stored is None:
        return Shortcode()
    return Shortcode(
        modules=tuple(stored["modules"]),
        view=stored["view"],
        title=stored["title"],
        intro=stored.get("intro", ""),
        theme=stored.get("theme", "auto"),
        accent=stored.get("accent", ""),
        heading=stored.get("heading", 0),
        shows_purchases=stored["purchasehistory"],
        shows_buy=stored["buycredits"],
        buy_label=stored["buycreditslabel"],
        buy_url=stored.get("buycreditsurl", ""),
    )
