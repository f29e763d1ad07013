"""Read a CSV file of a bulk change as spreadsheets write it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from bridge.domain.admin.bulk_changes import COLUMNS, MAX_ROWS, REQUIRED, BulkRow, read_row
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.stores.stores import Store
from bridge.services.accounts.opening_files import bounded_lines, encoding_of, quote_fault, read_header


def read_file(body: bytes, store: Store, *, default_reason: str) -> list[BulkRow]:
    """Return the rows of a file; a row with an invalid cell has an error.

    Raises `InvalidRequest` if the file itself cannot be read: encoding, header,
    quotes, no rows or too many.
    """
    encoding = encoding_of(io.BytesIO(body))
    rows: list[BulkRow] = []
    seen: dict[int, int] = {}
    try:
        lines = iter(bounded_lines(io.TextIOWrapper(io.BytesIO(body), encoding=encoding, newline="")))
        columns, separator = read_header(next(lines, ""), COLUMNS, REQUIRED)
        for line, cells in _read_cells(lines, separator):
            if len(rows) == MAX_ROWS:
                message = f"is one row too many: split the file into parts of {MAX_ROWS:,} rows"
                raise InvalidRequest(fields=[FieldError(f"line {line}", message)])
            rows.append(_without_duplicate(_read_row(columns, cells, line, store, default_reason), seen))
    except UnicodeDecodeError as error:
        raise InvalidRequest(fields=[FieldError("file", f"is not text in {error.encoding}")]) from error
    if not rows:
        raise InvalidRequest(fields=[FieldError("file", "has no rows below its header")])
    return rows


def _read_cells(lines: Iterator[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                # The header is line 1.
                yield reader.line_num + 1, cells
    except csv.Error as error:
        raise InvalidRequest(fields=[FieldError(f"line {reader.line_num + 1}", quote_fault(error))]) from error


def _read_row(columns: list[str], cells: list[str], line: int, store: Store, default_reason: str) -> BulkRow:
    row = read_row(
        dict(zip(columns, cells, strict=False)),
        line=line,
        default_reason=default_reason,
        needs_reason=store.require_reason,
    )
    if any(cell.strip() for cell in cells[len(columns) :]):
        error = f"has {len(cells)} columns and the header has {len(columns)}: put double quotes around the cells"
        return row._replace(error=error)
    return row


def _without_duplicate(row: BulkRow, seen: dict[int, int]) -> BulkRow:
    """Return the row with an error if its user is in an earlier one: adding twice is rarely meant."""
    if row.user_id is None:
        return row
    before = seen.setdefault(row.user_id, row.position)
    if before == row.position or row.error:
        return row
    return row._replace(error=f"user_id {row.user_id} is already in line {before}")
