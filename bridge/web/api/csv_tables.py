"""CSV responses, sent while the rows are read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from flask import Response, request

from bridge.runtime import runtime
from bridge.storage.engine.database import Connection

Rows = Callable[[Connection], Iterator[Sequence[str | int]]]

# A spreadsheet ignores white space before a formula, and some accept its full-width signs.
_FORMULA = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def wants_csv() -> bool:
    """Return whether the caller wants CSV: `?format=csv`, or it prefers text/csv to JSON."""
    if "format" in request.args:
        return request.args["format"] == "csv"
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def csv_response(rows: Rows, *, name: str) -> Response:
    """Return the rows as a CSV file of this name, sent as they are read, in constant memory."""
    database = runtime().database

    def lines() -> Iterator[str]:
        with database.reading() as connection:
            for row in rows(connection):
                line = io.StringIO()
                csv.writer(line).writerow([safe(value) for value in row])
                yield line.getvalue()

    response = Response(lines(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def safe(value: str | int) -> str | int:
    """Return the value for a table; a text that a spreadsheet would run as a formula is quoted."""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value
