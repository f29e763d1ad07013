"""Numbers, moments and durations as people write them, in the languages of the fragment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from bridge.domain.stores.zones import zone_label

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Language(StrEnum):
    """A language of the fragment."""

    ENGLISH = "en"
    FRENCH = "fr"
    GERMAN = "de"
    SPANISH = "es"


# French typography asks for a narrow space that does not break.
_GROUPS = {Language.ENGLISH: ",", Language.FRENCH: "\u202f", Language.GERMAN: ".", Language.SPANISH: "."}

_MONTHS = {
    Language.ENGLISH: "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    Language.FRENCH: "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    Language.GERMAN: "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
    Language.SPANISH: "ene feb mar abr may jun jul ago sept oct nov dic",
}

# Each unit as it stands after "in": one, and several.
_UNITS = {
    Language.ENGLISH: (("day", "days"), ("hour", "hours"), ("minute", "minutes")),
    Language.FRENCH: (("jour", "jours"), ("heure", "heures"), ("minute", "minutes")),
    Language.GERMAN: (("Tag", "Tagen"), ("Stunde", "Stunden"), ("Minute", "Minuten")),
    Language.SPANISH: (("día", "días"), ("hora", "horas"), ("minuto", "minutos")),
}


def language_of(tag: str) -> Language:
    """Return the language of a tag such as `fr-CA` or `fr_CA`; English for an unsupported one."""
    primary = tag.strip().replace("_", "-").partition("-")[0].casefold()
    return Language(primary) if primary in set(Language) else Language.ENGLISH


def number(value: int, language: Language = Language.ENGLISH) -> str:
    """Return a whole number with its digits in groups of three and a true minus sign."""
    digits = f"{abs(value):,}"
    # Spanish groups only from five digits on.
    if language is Language.SPANISH and abs(value) < 10_000:
        digits = str(abs(value))
    return ("\u2212" if value < 0 else "") + digits.replace(",", _GROUPS[language])


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A moment for a page: in a machine format, and in the local format."""

    iso: str
    day: str
    text: str


def day(on: date, language: Language = Language.ENGLISH) -> str:
    """Return a date such as `3 Dec 2026`."""
    month = _MONTHS[language].split()[on.month - 1]
    dot = "." if language is Language.GERMAN else ""
    return f"{on.day}{dot} {month} {on.year}"


def local_time(at: datetime, zone: tzinfo, language: Language = Language.ENGLISH) -> LocalTime:
    """Return a moment in local time, such as `3 Dec 2026, 14:05`."""
    local = at.astimezone(zone)
    on = day(local.date(), language)
    return LocalTime(local.isoformat(timespec="minutes"), on, f"{on}, {local.hour:02d}:{local.minute:02d}")


def zone_name(zone: tzinfo) -> str:
    """Return a time zone for display: `America/New York`."""
    return zone_label(zone)


def span(length: timedelta, language: Language = Language.ENGLISH) -> str:
    """Return a duration in its two largest units, such as `2 days 5 hours`; at least a minute."""
    # Rounded up: after the displayed wait, the window is open.
    seconds = -(-max(1, int(length.total_seconds())) // _MINUTE) * _MINUTE
    counts = (seconds // _DAY, seconds % _DAY // _HOUR, seconds % _HOUR // _MINUTE)
    first = next(position for position, count in enumerate(counts) if count)
    parts = [
        f"{count} {_UNITS[language][position][0 if count == 1 else 1]}"
        for position, count in enumerate(counts)
        if first <= position <= first + 1 and count
    ]
    return " ".join(parts)
