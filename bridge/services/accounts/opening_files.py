"""Read a file of opening balances as spreadsheets write it: encoding, separator and header."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bridge.domain.accounts.opening_balances import COLUMNS, REQUIRED, Opening, read_row
from bridge.domain.errors import FieldError, InvalidRequest

MAX_FAULTS = 20
"""Reading stops after this many errors, which a person must correct."""
MAX_ROWS = 1_000_000
MAX_LINE = 10_000
"""The most characters of one line, without quoted line breaks."""

_CHUNK = 2**16
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_SEPARATORS = ",;\t|"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_file(path: Path) -> Iterator[Opening]:
    """Return the opening balances of a CSV file, row by row; the file is never held in memory.

    Raises `InvalidRequest` with every error, up to `MAX_FAULTS`, by line and column.
    Therefore read the file to its end before writing anything.
    """
    try:
        with path.open("rb") as raw:
            encoding = encoding_of(raw)
        with path.open(encoding=encoding, newline="") as lines:
            yield from read(bounded_lines(lines))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error


def read(given: Iterable[str], *, most_rows: int = MAX_ROWS) -> Iterator[Opening]:
    """Return the opening balances in the lines of a CSV file with a header line; raises as `read_file` does."""
    lines = iter(given)
    first = next(lines, "")
    columns, separator = read_header(first, COLUMNS, REQUIRED)
    faults: list[FieldError] = []
    seen: dict[int, int] = {}
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for cells in reader:
            # The header is line 1, and a quoted cell may span several.
            line = reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            found = _read_cells(columns, cells, line, seen)
            if len(seen) > most_rows:
                found = [
                    FieldError(f"line {line}", f"is one row too many: split the file into parts of {most_rows:,} rows")
                ]
            if isinstance(found, Opening):
                yield found
            else:
                faults += found
            if len(faults) >= MAX_FAULTS:
                break
    except csv.Error as error:
        faults.append(FieldError(f"line {reader.line_num + 1}", quote_fault(error)))
    except UnicodeDecodeError as error:
        faults.append(FieldError(f"line {reader.line_num + 2}", f"is not text in {error.encoding}"))
    if faults:
        raise InvalidRequest(fields=faults[:MAX_FAULTS])


def _read_cells(columns: list[str], cells: list[str], line: int, seen: dict[int, int]) -> Opening | list[FieldError]:
    extra = [cell for cell in cells[len(columns) :] if cell.strip()]
    if len(cells) < len(columns) or extra:
        return [
            FieldError(
                f"line {line}",
                f"has {len(cells)} columns and the header has {len(columns)}: put cells that contain"
                " the separator in double quotes",
            )
        ]
    found = read_row(dict(zip(columns, cells, strict=False)), line=line)
    if not isinstance(found, Opening):
        return found
    before = seen.setdefault(found.user_id, line)
    if before != line:
        return [FieldError(f"line {line}, column user_id", f"is {found.user_id}, which line {before} already has")]
    return found


def read_header(first: str, known: Sequence[str], required: Sequence[str]) -> tuple[list[str], str]:
    """Return the columns of the header line, and their separator; raises `InvalidRequest` unless they fit."""
    separator = max(_SEPARATORS, key=first.count)
    try:
        cells = next(csv.reader([first], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise InvalidRequest(fields=[FieldError("line 1", quote_fault(error))]) from error
    columns = ["_".join(cell.strip(" \t\r\n\ufeff\u200b\xa0").casefold().split()) for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    _check_columns(columns, known, required)
    return columns, separator


def _check_columns(columns: list[str], known: Sequence[str], required: Sequence[str]) -> None:
    if not columns:
        message = f"must be the header {','.join(known)}; it is empty"
        raise InvalidRequest(fields=[FieldError("line 1", message)])
    missing = [name for name in required if name not in columns]
    unknown = [name for name in columns if name not in known]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problems = []
    if missing:
        problems.append(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    if unknown:
        named = ", ".join(f"column {columns.index(name) + 1} {name[:40]!r}" for name in unknown[:5])
        problems.append(f"{named} {'is' if len(unknown) == 1 else 'are'} not known")
    if twice:
        problems.append(f"{', '.join(twice)} appears twice")
    if problems:
        message = f"must be the header {','.join(known)} in any order: {'; '.join(problems)}"
        raise InvalidRequest(fields=[FieldError("line 1", message)])


def encoding_of(raw: IO[bytes]) -> str:
    """Return the encoding of a file, read to its end once: marked, UTF-16 by its zero bytes, UTF-8, or Windows-1252."""
    start = raw.read(_CHUNK)
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            return encoding
    even, odd = start[0:2000:2].count(0), start[1:2000:2].count(0)
    pairs = max(1, len(start[:2000]) // 2)
    if odd > pairs // 2 > even or even > pairs // 2 > odd:
        return "utf-16-le" if odd > even else "utf-16-be"
    return _scan(raw, start)


def _scan(raw: IO[bytes], chunk: bytes) -> str:
    """UTF-8 or Windows-1252, whichever the whole file is; a file that is UTF-8 but for a few bytes is refused."""
    scan = _Scan()
    while chunk:
        scan.read(chunk)
        chunk = raw.read(_CHUNK)
    scan.read(b"", is_end=True)
    if scan.bad_line is None:
        return "utf-8"
    if not scan.is_cp1252 or scan.sequences > scan.odd_bytes:
        message = "has bytes that are not UTF-8: save the file as CSV UTF-8"
        raise InvalidRequest(fields=[FieldError(f"line {scan.bad_line}", message)])
    return "cp1252"


@dataclass(slots=True)
class _Scan:
    """The state of detecting a file's encoding: its first line that is not UTF-8, and how much looks like UTF-8."""

    line: int = 1
    bad_line: int | None = None
    is_cp1252: bool = True
    sequences: int = 0
    odd_bytes: int = 0
    utf8: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def read(self, chunk: bytes, *, is_end: bool = False) -> None:
        """Scan the next part of the file; raises `InvalidRequest` for a NUL byte, which no text contains."""
        if 0 in chunk:
            line = self.line + chunk[: chunk.index(0)].count(b"\n")
            raise InvalidRequest(fields=[FieldError(f"line {line}", "has a NUL byte: this is not a CSV file")])
        if self.bad_line is None:
            try:
                self.utf8.decode(chunk, final=is_end)
            except UnicodeDecodeError as error:
                self.bad_line = self.line + chunk[: max(0, error.start)].count(b"\n")
        found = sum(map(len, _UTF8.findall(chunk)))
        self.sequences += found
        self.odd_bytes += len(_HIGH.findall(chunk)) - found
        self.is_cp1252 = self.is_cp1252 and not _NOT_CP1252.search(chunk)
        self.line += chunk.count(b"\n")


def bounded_lines(lines: IO[str]) -> Iterator[str]:
    """Yield the lines of a file, none longer than `MAX_LINE`, so that an endless line is never read whole."""
    number = 0
    while line := lines.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise InvalidRequest(fields=[FieldError(f"line {number}", f"has more than {MAX_LINE:,} characters")])
        if "\0" in line:
            raise InvalidRequest(fields=[FieldError(f"line {number}", "has a NUL character: this is not a CSV file")])
        yield line


def quote_fault(error: csv.Error) -> str:
    """Return an error of the CSV reader as a sentence."""
    words = str(error)
    if "end of data" in words:
        return "has a double quote that is never closed, on this line or an earlier one"
    if "expected after" in words:
        return "has text after a closing double quote: write a double quote inside a cell twice"
    if "field larger" in words:
        return "has a cell that is too long: a double quote may be missing at its end"
    return f"cannot be read: {words}"
