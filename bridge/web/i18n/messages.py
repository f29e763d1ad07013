"""The texts of pages in every language: catalogs in gettext's format, beside this file."""

from __future__ import annotations

import functools
from datetime import timedelta
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from bridge.web.i18n.formatting import Language, number

LOCALES = Path(__file__).with_name("locales")
"""A `.po` file for each language but English, whose texts are in the code."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Texts:
    """The texts of one language.

    Methods are named as gettext names them, so Babel finds the texts in the
    code. `{…}` in a text marks the place of a value; values are never read as
    a text with places of its own.
    """

    def __init__(self, language: Language, catalog: NullTranslations) -> None:
        self.language = language
        self._catalog = catalog

    def gettext(self, message: str, /, **values: str) -> str:
        """Return a text with its values filled in."""
        text = self._catalog.gettext(message)
        return text.format(**values) if values else text

    def pgettext(self, context: str, message: str, /, **values: str) -> str:
        """Return a text whose English is used in several ways: `context` names this one."""
        text = self._catalog.pgettext(context, message)
        return text.format(**values) if values else text

    def ngettext(self, one: str, several: str, count: int, /, **values: str) -> str:
        """Return the text for this count; `{n}` becomes the count as the language writes it."""
        return self._catalog.ngettext(one, several, count).format(n=number(count, self.language), **values)

    def npgettext(self, context: str, one: str, several: str, count: int, /) -> str:
        """Return the text for this count, of a text whose English is used in several ways."""
        text = self._catalog.npgettext(context, one, several, count)
        return text.format(n=number(count, self.language))


def marked(message: str) -> str:
    """Return a text as it is: it belongs in the catalogs, and is translated where it is shown."""
    return message


@functools.cache
def texts_of(language: Language) -> Texts:
    """Return the texts of a language.

    A catalog is compiled in memory when it is first used (3 ms): a compiled
    file could be missing or older than its source.
    """
    if language is Language.ENGLISH:
        return Texts(language, NullTranslations())
    compiled = BytesIO()
    with (LOCALES / f"{language.value}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language.value, abort_invalid=True))
    compiled.seek(0)
    return Texts(language, GNUTranslations(compiled))


def span(length: timedelta, texts: Texts) -> str:
    """Return a duration in its two largest units, such as `2 days 5 hours`; at least a minute."""
    # Rounded up: after the displayed wait, the window is open.
    seconds = -(-max(1, int(length.total_seconds())) // _MINUTE) * _MINUTE
    days, hours, minutes = seconds // _DAY, seconds % _DAY // _HOUR, seconds % _HOUR // _MINUTE
    if days:
        # Translators: stands after "in", alone or before a smaller unit.
        large = texts.npgettext("after in", "{n} day", "{n} days", days)
        small = texts.npgettext("after in", "{n} hour", "{n} hours", hours) if hours else ""
    elif hours:
        large = texts.npgettext("after in", "{n} hour", "{n} hours", hours)
        small = texts.npgettext("after in", "{n} minute", "{n} minutes", minutes) if minutes else ""
    else:
        return texts.npgettext("after in", "{n} minute", "{n} minutes", minutes)
    # Translators: two units of time, such as "2 days 5 hours".
    return texts.pgettext("after in", "{large} {small}", large=large, small=small) if small else large
