"""Tables as files that a spreadsheet of the buyer's language opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from flask import Response

from bridge.runtime import runtime
from bridge.storage.engine.database import Connection
from bridge.web.api.csv_tables import safe
from bridge.web.i18n.formatting import Language

BOM = "\ufeff"
"""Spreadsheets read a file without it in an encoding of their own."""
_COMMA = frozenset({Language.ENGLISH, Language.JAPANESE})
"""The languages whose spreadsheets separate by commas; the others write decimals with them."""

Rows = Callable[[Connection], Iterator[Sequence[str | int]]]


def separator(language: Language) -> str:
    """Return the separator of columns in the spreadsheets of a language."""
    return "," if language in _COMMA else ";"


def file_of(rows: Rows, *, name: str, language: Language) -> Response:
    """Return rows as a file of this name, sent while they are read."""
    database = runtime().database

    def lines() -> Iterator[str]:
        yield BOM
        with database.reading() as connection:
            for row in rows(connection):
                line = io.StringIO()
                csv.writer(line, delimiter=separator(language)).writerow([safe(value) for value in row])
                yield line.getvalue()

    response = Response(lines(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response
