"""axe-core in a page, and the contrast of what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_RUN = """([rules, areNew]) => areNew && !newLooks.length ? [] : axe.run(areNew ? {include: newLooks} : document, rules)
  .then(found => found.violations.map(
    each => `${each.id}: ${each.help}: ${each.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`))"""
_FIND_NEW_LOOKS = """(known) => {
  const seen = new Set(known);
  const place = each => each ? `${each.tagName}.${each.getAttribute("class")}[${each.type || ""}]` : "";
  window.newLooks = [];
  for (const each of document.querySelectorAll("body, body *")) {
    const style = getComputedStyle(each);
    const look = [each, each.parentElement, each.parentElement?.parentElement].map(place);
    look.push(style.color, style.fontSize, style.fontWeight);
    for (let behind = each; behind; behind = behind.parentElement) {
      const {backgroundColor, backgroundImage, opacity} = getComputedStyle(behind);
      look.push(backgroundColor, backgroundImage, opacity);
    }
    const key = look.join();
    if (!seen.has(key)) { seen.add(key); window.newLooks.push(each); }
  }
  return [...seen];
}"""
"""Finds an element of each look that no page before had: its kind and place, its colors, all that is behind it."""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
ALL_RULES: dict[str, Any] = {"resultTypes": ["violations"]}
ONLY_CONTRAST = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
"""The rule whose result depends on the theme; axe spends most of its time on it."""
_ALL_OTHERS = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}


def violations(page: Page, rules: dict[str, Any], *, are_new: bool = False) -> list[str]:
    """Return what axe, which is in the page, finds by these rules: in all of it, or in the looks found last."""
    return page.evaluate(_RUN, [rules, are_new])  # type: ignore[no-any-return]


class Checker:
    """Checks pages of one surface: each by all rules, and the contrast of each look once in light and once in dark."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._looks: dict[str, list[str]] = {"light": [], "dark": []}
        self.found: list[str] = []

    def open(self, url: str) -> None:
        """Open a page and check it."""
        self._page.goto(url)
        self.check()

    def check(self) -> None:
        """Check the page that is open."""
        page = self._page
        page.evaluate(AXE)
        self._run(_ALL_OTHERS, are_new=False)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self._looks[scheme] = page.evaluate(_FIND_NEW_LOOKS, self._looks[scheme])
            self._run(ONLY_CONTRAST, are_new=True)

    def _run(self, rules: dict[str, Any], *, are_new: bool) -> None:
        scheme = self._page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
        self.found += [f"{self._page.url} {scheme} {each}" for each in violations(self._page, rules, are_new=are_new)]
