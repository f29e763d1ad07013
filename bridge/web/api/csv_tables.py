"""Tables on the way out: CSV, sent while it is read."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from flask import Response, request

from bridge.runtime import runtime
from bridge.storage.engine.database import Connection

Rows = Callable[[Connection], Iterator[Sequence[str | int]]]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv() -> bool:
    """Return whether the caller asked for a table: `?format=csv`, or it accepts text/csv before JSON."""
    if "format" in request.args:
        return request.args["format"] == "csv"
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def csv_response(rows: Rows, *, name: str) -> Response:
    """The rows as a CSV file of that name, sent as they are read, in constant memory."""
    database = runtime().database

    def lines() -> Iterator[str]:
        with database.reading() as connection:
            for row in rows(connection):
                line = io.StringIO()
                csv.writer(line).writerow([_safe(value) for value in row])
                yield line.getvalue()

    response = Response(lines(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _safe(value: str | int) -> str | int:
    """The value as it may stand in a table: a text that a spreadsheet would run as a formula is quoted."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
