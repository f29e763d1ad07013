"""The shortcode that shows the usage widget on a page of the shop, as an owner last chose it for the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VIEWS = ("full", "summary")
MAX_TEXT = 100
FORBIDDEN = '"[]<>'
"""Characters that end an attribute or the shortcode itself."""


@dataclass(frozen=True, slots=True)
class Shortcode:
    """The content of the widget: `modules` in this order, or all of the store if empty.

    An empty `title` or `buy_label` stands for the widget's own words.
    """

    modules: tuple[str, ...] = ()
    view: str = "full"
    title: str = ""
    shows_purchases: bool = True
    shows_buy: bool = True
    buy_label: str = ""

    @property
    def text(self) -> str:
        """Return the shortcode, with an attribute for each value that is not the usual one."""
        attributes = [
            ("modules", ",".join(self.modules)),
            ("view", "" if self.view == "full" else self.view),
            ("title", self.title),
            ("purchasehistory", "" if self.shows_purchases else "false"),
            ("buycredits", "" if self.shows_buy else "false"),
            ("buycreditslabel", self.buy_label if self.shows_buy else ""),
        ]
        return " ".join(["[token_usage", *(f'{name}="{value}"' for name, value in attributes if value)]) + "]"

    @property
    def document(self) -> dict[str, Any]:
        """Return the value as it is stored."""
        return {
            "modules": list(self.modules),
            "view": self.view,
            "title": self.title,
            "purchasehistory": self.shows_purchases,
            "buycredits": self.shows_buy,
            "buycreditslabel": self.buy_label,
        }


def read_shortcode(stored: Mapping[str, Any] | None) -> Shortcode:
    """Return the shortcode of a stored value; the usual one where none is stored."""
    if stored is None:
        return Shortcode()
    return Shortcode(
        modules=tuple(stored["modules"]),
        view=stored["view"],
        title=stored["title"],
        shows_purchases=stored["purchasehistory"],
        shows_buy=stored["buycredits"],
        buy_label=stored["buycreditslabel"],
    )
