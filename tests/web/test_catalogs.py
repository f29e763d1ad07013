"""Catalogs hold the texts of the code, whole, with the right plural forms and the same places for values."""

import functools
import io
import re
import shutil
from gettext import GNUTranslations, c2py

import pytest
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural

from bridge.web.i18n.formatting import Language, locale_of, number
from bridge.web.i18n.messages import LOCALES, texts_of
from scripts import update_catalogs

TRANSLATED = [language for language in Language if language is not Language.ENGLISH]
COUNTS = [0, 1, 2, 3, 5, 11, 12, 14, 21, 22, 100, 101, 102, 111, 112, 1_000, 1_000_000, 2_000_000, 1_000_001]


@functools.cache
def _keys_of_the_code():
    return _keys(update_catalogs.extract())


def _keys(catalog):
    return sorted((message.context or "", str(message.id)) for message in catalog if message.id)


def _messages(language):
    return [message for message in update_catalogs.read(language.value) if message.id]


def _plural_form(rules, count):
    return c2py(rules.plural_expr)(count)


def _places(text):
    return set(re.findall(r"\{(\w*)\}", text))


def test_every_language_but_english_has_a_catalog():
    assert {path.name for path in LOCALES.iterdir()} == {f"{language.value}.po" for language in TRANSLATED}


def test_texts_of_the_code_are_found():
    found = _keys_of_the_code()

    assert ("", "Balance") in found
    assert ("", "('{n} token', '{n} tokens')") in found
    assert ("after in", "('{n} day', '{n} days')") in found
    assert ("", "Almost used up") in found


@pytest.mark.xdist_group("catalogs")
@pytest.mark.parametrize("language", TRANSLATED)
def test_catalog_has_the_texts_of_the_code_and_no_others(language):
    assert _keys(_messages(language)) == _keys_of_the_code(), "run `make catalogs`, then translate"


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_in_every_plural_form(language):
    forms = get_plural(language.value).num_plurals

    for message in _messages(language):
        assert not message.fuzzy, message.id
        if message.pluralizable:
            assert len(message.string) == forms, message.id
            assert all(text.strip() for text in message.string), message.id
        else:
            assert message.string.strip(), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_places_of_the_english_text(language):
    """A form for exactly one count, such as Arabic's for two, may have a word in place of its number."""
    plural = get_plural(language.value)
    counts = [[n for n in range(1_000) if _plural_form(plural, n) == form] for form in range(plural.num_plurals)]

    for message in _messages(language):
        if not message.pluralizable:
            assert _places(message.string) == _places(message.id), message.id
            continue
        for form, text in enumerate(message.string):
            allowed = [_places(message.id[1])]
            if len(counts[form]) == 1:
                allowed.append(_places(message.id[1]) - {"n"})
            if set(counts[form]) <= {0, 1}:
                allowed.append(_places(message.id[0]))
            assert _places(text) in allowed, (message.id, text)


@pytest.mark.parametrize("language", TRANSLATED)
def test_plural_forms_are_those_of_cldr(language):
    catalog, locale = update_catalogs.read(language.value), locale_of(language)
    order = ["zero", "one", "two", "few", "many", "other"]
    tags = sorted(locale.plural_form.tags | {"other"}, key=order.index)
    # The forms of whole numbers: `other` is for fractions alone in Polish.
    used = [tag for tag in tags if any(locale.plural_form(count) == tag for count in COUNTS)]

    assert catalog.num_plurals == len(used)
    for count in COUNTS:
        assert _plural_form(catalog, count) == used.index(locale.plural_form(count)), count


@pytest.mark.parametrize("language", TRANSLATED)
def test_texts_shown_are_those_of_the_compiled_catalog(language):
    compiled = io.BytesIO()
    write_mo(compiled, update_catalogs.read(language.value))
    compiled.seek(0)
    catalog, texts = GNUTranslations(compiled), texts_of(language)

    for message in _messages(language):
        if message.pluralizable:
            one, several = message.id
            if message.context:
                shown = texts.npgettext(message.context, one, several, 5)
                assert shown == catalog.npgettext(message.context, one, several, 5).format(n=number(5, language))
            else:
                values = dict.fromkeys(_places(several) - {"n"}, "9")
                shown = texts.ngettext(one, several, 5, **values)
                assert shown == catalog.ngettext(one, several, 5).format(n=number(5, language), **values)
        elif message.context:
            assert texts.pgettext(message.context, message.id) == message.string
        else:
            assert texts.gettext(message.id) == message.string


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (Language.ENGLISH, {0: "0 tokens", 1: "1 token", 2: "2 tokens"}),
        (Language.POLISH, {1: "1 token", 2: "2 tokeny", 5: "5 tokenów", 12: "12 tokenów", 22: "22 tokeny"}),
        (
            Language.ARABIC,
            {0: "لا رموز", 1: "رمز واحد", 2: "رمزان", 3: "3 رموز", 11: "11 رمزًا", 100: "100 رمز", 103: "103 رموز"},
        ),
        (Language.FRENCH, {0: "0 jeton", 1: "1 jeton", 2: "2 jetons", 10**6: "1\u202f000\u202f000 de jetons"}),
        (Language.JAPANESE, {0: "0 トークン", 1: "1 トークン", 5: "5 トークン"}),
    ],
)
def test_a_count_takes_the_form_of_its_language(language, texts):
    shown = {count: texts_of(language).ngettext("{n} token", "{n} tokens", count) for count in texts}

    assert shown == texts


def test_a_value_is_never_read_as_a_text_with_places():
    hostile = "{number} {0.__class__} %s {"

    for language in Language:
        assert hostile in texts_of(language).gettext("Order {number}", number=hostile)


def test_updating_changes_nothing_that_is_up_to_date(tmp_path):
    shutil.copytree(LOCALES, tmp_path, dirs_exist_ok=True)

    update_catalogs.main([], tmp_path)

    for language in TRANSLATED:
        before, after = (update_catalogs.read(language.value, folder) for folder in (LOCALES, tmp_path))
        assert {(message.context, message.id): message.string for message in after} == {
            (message.context, message.id): message.string for message in before
        }


def test_command_begins_a_catalog_for_a_new_language(tmp_path, capsys):
    update_catalogs.main(["cs"], tmp_path)

    catalog = update_catalogs.read("cs", tmp_path)
    assert _keys(catalog) == _keys(update_catalogs.extract())
    assert catalog.num_plurals == get_plural("cs").num_plurals
    assert re.fullmatch(r"cs: \d+ without a translation\n", capsys.readouterr().out)
