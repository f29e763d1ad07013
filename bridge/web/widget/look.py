"""The parameters for the look of a fragment. An unknown value is replaced by the default and logged."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from bridge.domain.stores.shortcode import HEADINGS, Shortcode
from bridge.web.api.operations import Parameter
from bridge.web.i18n.formatting import Language, language_of
from bridge.web.widget.accent import Accent, read_accent

log = logging.getLogger(__name__)

MAX_URL = 2000
MAX_SHOWN = 60
"""How many characters of an ignored value are logged."""
_NONCE = re.compile(r"[A-Za-z0-9+/_-]{1,128}={0,2}")
NO_STYLESHEET = "none"

LANGUAGE = Parameter(
    "lang", f"Language, English for any other: {', '.join(Language)}.", {"type": "string"}, Language.ENGLISH.value
)
"""The parameter for the language of a fragment."""
PARAMETERS = (
    LANGUAGE,
    Parameter(
        "theme",
        "`light`, `dark`, or `auto` to follow the page's `color-scheme`.",
        {"type": "string", "enum": ["auto", "light", "dark"]},
        "auto",
    ),
    Parameter("accent", "Color of the button and the bars, as `#2d5bd7`.", {"type": "string"}, "#2d5bd7"),
    Parameter("heading", "Level of the title's heading, 2 to 6.", {"type": "string"}, "2"),
    Parameter("nonce", "Nonce of the page's `style-src`, for the style in the fragment.", {"type": "string"}, ""),
    Parameter(
        "stylesheet",
        "URL of a copy of `/widget/style.css` to link in place of the style, or `none` to leave both out.",
        {"type": "string"},
        "",
    ),
)
"""The query parameters of every fragment, for the OpenAPI document."""


class Theme(StrEnum):
    """The colors of a fragment; `AUTO` follows the page."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a fragment.

    `heading` is the level of its title. `theme`, `accent` and `heading` are None without
    the parameter. `stylesheet` is a URL to link in place of the style, `none` for
    neither, or empty.
    """

    language: Language = Language.ENGLISH
    theme: Theme | None = None
    accent: Accent | None = None
    heading: int | None = None
    nonce: str = ""
    stylesheet: str = ""

    def over(self, default: Shortcode) -> Look:
        """Return the look with the store's own in place of what is None."""
        return replace(
            self,
            theme=Theme(default.theme) if self.theme is None else self.theme,
            accent=read_accent(default.accent) if self.accent is None else self.accent,
            heading=(default.heading or None) if self.heading is None else self.heading,
        )


def read_look(values: Mapping[str, str], *, default_language: Language = Language.ENGLISH) -> Look:
    """Return the look that query parameters ask for."""
    theme, heading, nonce = values.get("theme", ""), values.get("heading", ""), values.get("nonce", "")
    look = Look(
        language=language_of(values["lang"]) if "lang" in values else default_language,
        theme=Theme(theme) if theme in set(Theme) else None,
        accent=read_accent(values.get("accent", "")),
        heading=int(heading) if heading in {str(level) for level in HEADINGS} else None,
        nonce=nonce if _NONCE.fullmatch(nonce) else "",
        stylesheet=_read_stylesheet(values.get("stylesheet", "")),
    )
    for name, is_used in (
        ("theme", theme == look.theme),
        ("accent", look.accent is not None),
        ("heading", look.heading is not None),
        ("nonce", bool(look.nonce)),
        ("stylesheet", bool(look.stylesheet)),
        ("lang", values.get("lang", "").casefold().startswith(look.language.value)),
    ):
        if values.get(name) and not is_used:
            note_ignored(name, values[name])
    return look


def read_url(text: str) -> str:
    """Return a URL that is safe as the target of a link; empty for any other text.

    It is `https` or `http` with a host, or a path of the page's own site.
    """
    text = text.strip()
    if not text or len(text) > MAX_URL or not text.isprintable() or "\\" in text or " " in text:
        return ""
    if text.startswith("/"):
        return "" if text.startswith("//") else text
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in {"https", "http"} and parts.hostname else ""


def note_ignored(name: str, value: str) -> None:
    """Log that a parameter's value was replaced by the default."""
    log.info("a fragment ignores %s=%.*s", name, MAX_SHOWN, ascii(value)[1:-1])


def _read_stylesheet(text: str) -> str:
    return NO_STYLESHEET if text == NO_STYLESHEET else read_url(text)
