"""Bring the catalogs of texts in line with the code: `make catalogs`, `make catalogs NEW=sv`.

Texts that are new have an empty translation afterwards; those that are no
longer used are gone. English needs no catalog.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "bridge/web/i18n/locales"
SOURCES = ROOT / "bridge/web"
TEMPLATES = ROOT / "templates/portal"
_KEYWORDS = DEFAULT_KEYWORDS | {"marked": None}
# The catalogs are under version control, which has the dates.
_DATE = datetime(2026, 11, 26, tzinfo=UTC)


def extract() -> Catalog:
    """Return every text that the code looks up, without translations."""
    template = _empty(None)
    sources = [(path, "python") for path in sorted(SOURCES.rglob("*.py"))]
    for path, method in [*sources, *((path, "jinja2") for path in sorted(TEMPLATES.glob("*.html")))]:
        found = extract_from_file(
            method, path, keywords=_KEYWORDS, comment_tags=["Translators:"], strip_comment_tags=True
        )
        for line, message, comments, context in found:
            name = path.relative_to(ROOT).as_posix()
            template.add(message, None, [(name, line)], auto_comments=comments, context=context)
    return template


def read(language: str, folder: Path = LOCALES) -> Catalog:
    """Return the catalog of a language; an empty one for a new language."""
    path = folder / f"{language}.po"
    if not path.exists():
        return _empty(Locale.parse(language))
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def write(catalog: Catalog, language: str, folder: Path = LOCALES) -> None:
    """Write the catalog of a language as text that changes only where its messages do."""
    text = io.BytesIO()
    write_po(text, catalog, width=100, ignore_obsolete=True, include_lineno=False, sort_output=False)
    (folder / f"{language}.po").write_bytes(text.getvalue())


def update(language: str, template: Catalog, folder: Path = LOCALES) -> int:
    """Update the catalog of a language and return how many of its texts have no translation."""
    catalog = read(language, folder)
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    write(catalog, language, folder)
    return sum(1 for message in catalog if message.id and not all(_strings(message.string)))


def _strings(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return string if isinstance(string, tuple) else (string,)


def _empty(locale: Locale | None) -> Catalog:
    comment = "# Texts of Token Bridge. Renew with `make catalogs`."
    catalog = Catalog(
        locale=locale,
        project="token-bridge",
        version="1",
        header_comment=comment,
        creation_date=_DATE,
        revision_date=_DATE,
        fuzzy=False,
    )
    # In place of Babel's sample addresses.
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    return catalog


def main(new: list[str], folder: Path = LOCALES) -> None:
    """Update every catalog, and begin those of new languages."""
    template = extract()
    for language in sorted({path.stem for path in folder.glob("*.po")} | set(new)):
        missing = update(language, template, folder)
        print(f"{language}: {missing} without a translation" if missing else f"{language}: complete")


if __name__ == "__main__":
    main(sys.argv[1:])
