from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.web.i18n.formatting import Language, language_of, local_time, number, span, zone_name
from bridge.web.i18n.messages import PHRASES

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("tag", "language"),
    [("fr", "fr"), ("fr-CA", "fr"), ("DE_at", "de"), ("es-419", "es"), ("", "en"), ("xx", "en"), ("é\0-" * 999, "en")],
)
def test_language_of_a_tag(tag, language):
    assert language_of(tag).value == language


@pytest.mark.parametrize(
    ("language", "value", "text"),
    [
        ("en", 1234567, "1,234,567"),
        ("en", -1234, "\u22121,234"),
        ("fr", 1234567, "1\u202f234\u202f567"),
        ("de", 1234567, "1.234.567"),
        ("es", 9999, "9999"),
        ("es", 10000, "10.000"),
        ("es", -9999, "\u22129999"),
        ("en", 0, "0"),
        ("en", 2**53 - 1, "9,007,199,254,740,991"),
    ],
)
def test_number_is_grouped_as_people_write_it(language, value, text):
    assert number(value, Language(language)) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "3 Dec 2026, 00:05"),
        ("fr", "3 déc. 2026, 00:05"),
        ("de", "3. Dez. 2026, 00:05"),
        ("es", "3 dic 2026, 00:05"),
    ],
)
def test_moment_is_told_on_the_local_clock(language, text):
    told = local_time(datetime(2026, 12, 3, 5, 5, tzinfo=UTC), NEW_YORK, Language(language))

    assert told.text == text
    assert told.iso == "2026-12-03T00:05-05:00"
    assert text.startswith(told.day)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=2, hours=5, minutes=59), "2 days 5 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=1, minutes=5), "1 day"),
        (timedelta(hours=1, minutes=1), "1 hour 1 minute"),
        (timedelta(minutes=59, seconds=1), "1 hour"),
        (timedelta(seconds=1), "1 minute"),
        (timedelta(0), "1 minute"),
        (timedelta(seconds=-5), "1 minute"),
    ],
)
def test_span_has_its_two_largest_units_rounded_up(length, text):
    assert span(length) == text


def test_span_follows_the_grammar_of_its_language():
    lengths = [timedelta(days=1, hours=1), timedelta(days=2, hours=2)]

    assert [span(length, Language.GERMAN) for length in lengths] == ["1 Tag 1 Stunde", "2 Tagen 2 Stunden"]
    assert span(lengths[1], Language.SPANISH) == "2 días 2 horas"
    assert span(lengths[1], Language.FRENCH) == "2 jours 2 heures"


def test_zone_reads_as_words():
    assert zone_name(NEW_YORK) == "America/New York"


def test_every_language_has_every_phrase_with_the_same_places():
    """A translation that lost its number would tell nobody anything."""

    def places(text: str) -> list[str]:
        return sorted(part.split("}")[0] for part in text.split("{")[1:])

    english = PHRASES[Language.ENGLISH]
    for language in Language:
        phrases = PHRASES[language]
        for name in english.__slots__:
            original, translated = getattr(english, name), getattr(phrases, name)
            if isinstance(original, str):
                assert places(translated) == places(original), (language, name)
            else:
                assert translated.keys() == original.keys(), (language, name)
