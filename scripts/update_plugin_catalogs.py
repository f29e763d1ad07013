"""Update the translation catalogs of the WordPress plugin: the template, each language, and what WordPress loads.

Usage: .venv/bin/python scripts/update_plugin_catalogs.py [--check]
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PLUGIN = Path(__file__).resolve().parent.parent / "wordpress" / "token-bridge"
LANGUAGES = PLUGIN / "languages"
DOMAIN = "token-bridge"
SCRIPTS = ("blocks/usage/editor.js",)

_CALL = re.compile(r"(?<![\w>])(?:__|esc_html__|esc_attr__)\( '((?:[^'\\]|\\.)*)', 'token-bridge' \)")


_VOLATILE = tuple(
    f'"{name}:'
    for name in (
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Generated-By",
        "Report-Msgid-Bugs-To",
        "Last-Translator",
        "Language-Team",
    )
)
"""Header fields with dates, or with people that there are not."""


_ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in compiled catalogs, so that equal texts give equal files."""


def texts_of(source: str) -> Iterator[tuple[str, str, int]]:
    """Yield each text of a source with its comment for translators and its line."""
    for found in _CALL.finditer(source):
        before = source[: found.start()].splitlines()
        comment = re.search(r"/\* translators: (.*?) \*/", "\n".join(before[-2:]))
        yield (
            re.sub(r"\\(['\\])", r"\1", found.group(1)),
            comment.group(1) if comment else "",
            source.count("\n", 0, found.start()) + 1,
        )


def extract() -> Catalog:
    """Return the template: every text of the plugin, in the order of its files."""
    catalog = Catalog(project="Token Bridge", version="0.1.0", charset="utf-8", fuzzy=False)
    for path in sorted([*PLUGIN.rglob("*.php"), *PLUGIN.rglob("*.js")]):
        name = path.relative_to(PLUGIN).as_posix()
        for text, comment, _line in texts_of(path.read_text(encoding="utf-8")):
            catalog.add(text, locations=[(name, None)], auto_comments=[comment] if comment else [])
    return catalog


def script_catalog(catalog: Catalog, script: str, language: str) -> str:
    """Return the translations of one script, as WordPress loads them."""
    texts = {text for text, _comment, _line in texts_of((PLUGIN / script).read_text(encoding="utf-8"))}
    messages = {text: [str(catalog[text].string)] for text in sorted(texts) if text in catalog}
    meta = {"domain": DOMAIN, "lang": language, "plural-forms": str(catalog.plural_forms)}
    document = {"domain": DOMAIN, "locale_data": {DOMAIN: {"": meta, **messages}}}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def missing(catalog: Catalog) -> list[str]:
    """Return the texts without a translation, and those whose placeholders differ."""
    return [str(message.id) for message in catalog if message.id and not _is_complete(message)]


def _is_complete(message: Message) -> bool:
    signs = re.compile(r"%(?:\d\$)?[sd]")
    return bool(message.string) and sorted(signs.findall(str(message.id))) == sorted(signs.findall(str(message.string)))


def rendered(catalog: Catalog) -> bytes:
    """Return a catalog as the text of its file, without dates."""
    catalog.header_comment = (
        "# Token Bridge, the WordPress plugin.\n# This file is distributed under the license of the plugin."
    )
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=110, omit_header=False, sort_by_file=False, include_lineno=False)
    lines = buffer.getvalue().decode().splitlines()
    return ("\n".join(line for line in lines if not line.startswith(_VOLATILE)).rstrip() + "\n").encode()


def compile_for_wordpress(catalog: Catalog) -> bytes:
    """Return a compiled catalog that WordPress reads.

    WordPress takes the address of the hash table for the end of the tables before it; Babel writes no hash table and 0.
    """
    catalog.creation_date = catalog.revision_date = _ALWAYS
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    compiled = buffer.getvalue()
    count, translations_at = struct.unpack_from("<I", compiled, 8)[0], struct.unpack_from("<I", compiled, 16)[0]
    return compiled[:24] + struct.pack("<I", translations_at + count * 8) + compiled[28:]


def files() -> dict[Path, bytes]:
    """Return the contents that each file of the folder should have."""
    template = extract()
    found = {LANGUAGES / f"{DOMAIN}.pot": rendered(template)}
    for path in sorted(LANGUAGES.glob(f"{DOMAIN}-*.po")):
        language = path.stem.removeprefix(f"{DOMAIN}-")
        with path.open("rb") as file:
            catalog = read_po(file, locale=language, domain=DOMAIN)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        found[path] = rendered(catalog)
        found[path.with_suffix(".mo")] = compile_for_wordpress(catalog)
        for script in SCRIPTS:
            name = f"{path.stem}-{hashlib.md5(script.encode(), usedforsecurity=False).hexdigest()}.json"
            found[LANGUAGES / name] = script_catalog(catalog, script, language).encode()
    return found


def main() -> None:
    """Write the files, or name those that are not up to date."""
    wanted = files()
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_bytes() != content]
    if "--check" in sys.argv[1:]:
        print("\n".join(path.name for path in stale))
        sys.exit(bool(stale))
    LANGUAGES.mkdir(exist_ok=True)
    for path in stale:
        path.write_bytes(wanted[path])
        print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
