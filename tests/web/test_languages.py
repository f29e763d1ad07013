"""Numbers, times and durations of every language, compared with Babel's own functions."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_skeleton
from babel.numbers import format_decimal

from bridge.web.i18n.formatting import (
    Language,
    day,
    direction,
    isolate,
    language_of,
    local_time,
    locale_of,
    number,
    zone_name,
)
from bridge.web.i18n.messages import span, texts_of

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("fr", "fr"),
        ("fr-CA", "fr"),
        ("DE_at", "de"),
        ("es-419", "es"),
        ("pt-BR", "pt"),
        ("AR", "ar"),
        ("", "en"),
        ("xx", "en"),
        ("sv-SE", "en"),
        ("é\0-" * 999, "en"),
    ],
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
        ("it", 9999, "9999"),
        ("pl", 9999, "9999"),
        ("pl", 12345, "12\u00a0345"),
        ("pt", 9999, "9.999"),
        ("ja", 9999, "9,999"),
        ("ar", -1234, "\u200e\u22121,234"),
        ("en", 0, "0"),
        ("en", 2**53 - 1, "9,007,199,254,740,991"),
    ],
)
def test_number_is_grouped_as_the_language_does(language, value, text):
    assert number(value, Language(language)) == text


@pytest.mark.parametrize("language", Language)
def test_numbers_are_those_of_babel(language):
    """Save for the minus sign, and for the least digits that are grouped, which Babel does not have."""
    for value in (0, 7, 999, 10_000, 123_456, 1_000_000, 2**63, 3 * 2**63, -1, -56_789, -(2**53)):
        shown = re.sub("\u200e?\u2212", "-", number(value, language))
        assert shown == format_decimal(value, locale=locale_of(language))


@pytest.mark.parametrize("language", Language)
def test_days_of_a_year_are_those_of_babel(language):
    first = date(2027, 12, 31)
    for days in range(366):
        on = first + timedelta(days=days)
        assert day(on, language) == format_skeleton("yMMMd", on, locale=locale_of(language))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "3 Dec 2026, 00:05"),
        ("fr", "3 déc. 2026, 00:05"),
        ("de", "3. Dez. 2026, 00:05"),
        ("es", "3 dic 2026, 00:05"),
        ("it", "3 dic 2026, 00:05"),
        ("nl", "3 dec 2026, 00:05"),
        ("pt", "3 de dez. de 2026 00:05"),
        ("pl", "3 gru 2026, 00:05"),
        ("ja", "2026年12月3日 00:05"),
        ("ar", "3 ديسمبر 2026، 00:05"),
    ],
)
def test_moment_is_shown_in_local_time(language, text):
    shown = local_time(datetime(2026, 12, 3, 5, 5, tzinfo=UTC), NEW_YORK, Language(language))

    assert shown.text == text
    assert shown.iso == "2026-12-03T00:05-05:00"
    assert text.startswith(shown.day)


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
    assert span(length, texts_of(Language.ENGLISH)) == text


@pytest.mark.parametrize(
    ("language", "one", "two", "five"),
    [
        ("de", "1 Tag 1 Stunde", "2 Tagen 2 Stunden", "5 Stunden 5 Minuten"),
        ("fr", "1 jour 1 heure", "2 jours 2 heures", "5 heures 5 minutes"),
        ("es", "1 día 1 hora", "2 días 2 horas", "5 horas 5 minutos"),
        ("it", "1 giorno 1 ora", "2 giorni 2 ore", "5 ore 5 minuti"),
        ("nl", "1 dag 1 uur", "2 dagen 2 uur", "5 uur 5 minuten"),
        ("pt", "1 dia 1 hora", "2 dias 2 horas", "5 horas 5 minutos"),
        ("pl", "1 dzień 1 godzinę", "2 dni 2 godziny", "5 godzin 5 minut"),
        ("ja", "1日1時間", "2日2時間", "5時間5分"),
        ("ar", "يوم واحد وساعة واحدة", "يومين وساعتين", "5 ساعات و5 دقائق"),
    ],
)
def test_span_follows_the_grammar_of_its_language(language, one, two, five):
    texts = texts_of(Language(language))

    assert span(timedelta(days=1, hours=1), texts) == one
    assert span(timedelta(days=2, hours=2), texts) == two
    assert span(timedelta(hours=5, minutes=5), texts) == five


def test_zone_reads_as_words():
    assert zone_name(NEW_YORK) == "America/New York"


@pytest.mark.parametrize("language", [Language.ENGLISH, Language.ARABIC])
def test_name_turns_nothing_beside_it(language):
    assert isolate("\u202eevil \u2066a\u2069\u202c", Language.ENGLISH) == "evil a"
    assert isolate("\u202e", language) == ""
    assert isolate("שלום \u202e\u200d", language) == "\u2068שלום \u200d\u2069"


def test_text_without_right_to_left_letters_is_isolated_in_such_languages_only():
    assert [language for language in Language if direction(language) == "rtl"] == [Language.ARABIC]
    assert isolate("Chat (beta)", Language.ENGLISH) == "Chat (beta)"
    assert isolate("Chat (beta)", Language.ARABIC) == "\u2068Chat (beta)\u2069"
    assert isolate("", Language.ARABIC) == ""
