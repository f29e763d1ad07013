"""Languages, and numbers and times as each of them writes them, by the data of CLDR."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from itertools import islice

from babel import Locale
from babel.dates import parse_pattern
from babel.numbers import format_currency, format_decimal, format_percent

from bridge.domain.stores.zones import zone_label

MAX_LISTED = 20
"""How many names a list in one line has; an order may have ten thousand."""


class Language(StrEnum):
    """A language of the widget."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    SPANISH = "es"
    ITALIAN = "it"
    DUTCH = "nl"
    PORTUGUESE = "pt"
    POLISH = "pl"
    JAPANESE = "ja"
    ARABIC = "ar"


def language_names() -> tuple[tuple[str, str], ...]:
    """Return each language's code and its English name."""
    names = Locale("en").languages
    return tuple((language.value, names[language.value]) for language in Language)


# International English: the day before the month, 24 hours.
_LOCALES = {Language.ENGLISH: "en_001"}

# CLDR's minimumGroupingDigits is 2 for these: 9999, but 10.000. Babel does not have this figure.
_GROUPED_FROM_FIVE_DIGITS = {Language.SPANISH, Language.ITALIAN, Language.POLISH}

# The marks that embed, override or isolate a direction, without those that stand for one letter.
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_FIRST_STRONG_ISOLATE, _POP_DIRECTIONAL_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class _Conventions:
    """The parts of one language's output.

    Babel's own functions parse a pattern or build a Decimal in each call:
    15 µs for each of some thirty values of a widget. These are read from its
    data once.
    """

    least_grouped: int
    group: str
    minus: str
    months: tuple[str, ...]
    day: str
    moment: str
    is_right_to_left: bool


def language_of(tag: str) -> Language:
    """Return the language of a tag such as `fr-CA` or `fr_CA`; English for an unsupported one."""
    primary = tag.strip().replace("_", "-").partition("-")[0].casefold()
    return Language(primary) if primary in set(Language) else Language.ENGLISH


def locale_of(language: Language) -> Locale:
    """Return the CLDR locale of a language."""
    return Locale.parse(_LOCALES.get(language, language.value))


def direction(language: Language) -> str:
    """Return `ltr` or `rtl`, as HTML's `dir` attribute has it."""
    return "rtl" if _conventions(language).is_right_to_left else "ltr"


def isolate(text: str, language: Language) -> str:
    """Return text of unknown direction, such as a product's name, for use in a text of this language.

    Without the marks, what stands beside it moves to the wrong side if one of the two
    is right-to-left. Marks in the text itself, which could turn what follows, are left out.
    """
    is_right_to_left = _conventions(language).is_right_to_left
    if not text.isascii():
        text = text.translate(_TURNING)
        is_right_to_left = is_right_to_left or any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in text)
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_DIRECTIONAL_ISOLATE}" if text and is_right_to_left else text


def shortened(names: Iterable[str], count: int, language: Language = Language.ENGLISH) -> tuple[str, ...]:
    """Return the first of `count` names as they are shown in a list, and how many more there are."""
    shown = tuple(islice(names, MAX_LISTED))
    more = count - len(shown)
    if _conventions(language).is_right_to_left:
        shown = tuple(isolate(name, language) for name in shown)
    return (*shown, f"… (+{number(more, language)})") if more else shown


def number(value: int, language: Language = Language.ENGLISH) -> str:
    """Return a whole number with grouped digits and a true minus sign."""
    rules = _conventions(language)
    digits = f"{abs(value):,}" if abs(value) >= rules.least_grouped else str(abs(value))
    return (rules.minus if value < 0 else "") + digits.replace(",", rules.group)


def money(amount: Decimal, currency: str, language: Language = Language.ENGLISH) -> str:
    """Return an amount with its currency, such as `€10.00`; a plain number where the currency is not known."""
    if not currency:
        return str(format_decimal(amount, format="#,##0.00", locale=locale_of(language)))
    return str(format_currency(amount, currency, locale=locale_of(language)))


def decimal(value: int | Decimal, language: Language = Language.ENGLISH) -> str:
    """Return a number with its decimals, such as `1.5`."""
    return str(format_decimal(value, locale=locale_of(language), decimal_quantization=False))


def percent(value: Decimal, language: Language = Language.ENGLISH) -> str:
    """Return a number of percent, such as `8.25%`."""
    return str(format_percent(value / 100, locale=locale_of(language), decimal_quantization=False))


def country_name(code: str, language: Language = Language.ENGLISH) -> str:
    """Return the name of a country by its code of two letters; the code itself if it is unknown."""
    return str(locale_of(language).territories.get(code, code))


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A moment for a page: in a machine format, and in the local format."""

    iso: str
    day: str
    text: str


def day(on: date, language: Language = Language.ENGLISH) -> str:
    """Return a date such as `3 Dec 2026`."""
    rules = _conventions(language)
    return rules.day % {"d": on.day, "MMM": rules.months[on.month - 1], "M": on.month, "y": on.year}


def local_time(at: datetime, zone: tzinfo, language: Language = Language.ENGLISH) -> LocalTime:
    """Return a moment in local time, such as `3 Dec 2026, 14:05`."""
    local = at.astimezone(zone)
    iso, on = local.isoformat(timespec="minutes"), day(local, language)
    return LocalTime(iso, on, _conventions(language).moment % {"day": on, "HH": iso[11:13], "mm": iso[14:16]})


def zone_name(zone: tzinfo) -> str:
    """Return a time zone for display: `America/New York`."""
    return zone_label(zone)


@functools.cache
def _conventions(language: Language) -> _Conventions:
    locale = locale_of(language)
    symbols = locale.number_symbols["latn"]
    months = locale.months["format"]["abbreviated"]
    # Two digits for the hour also where CLDR has one: times stand below each other.
    clock = str(parse_pattern(locale.datetime_skeletons["Hm"]).format).replace("%(H)s", "%(HH)s")
    return _Conventions(
        least_grouped=10_000 if language in _GROUPED_FROM_FIVE_DIGITS else 1_000,
        group=symbols["group"],
        minus=symbols["minusSign"].replace("-", "\u2212"),
        months=tuple(months[month] for month in range(1, 13)),
        day=str(parse_pattern(locale.datetime_skeletons["yMMMd"]).format),
        moment=str(locale.datetime_formats["medium"]).format(clock, "%(day)s"),
        is_right_to_left=locale.text_direction == "rtl",
    )
