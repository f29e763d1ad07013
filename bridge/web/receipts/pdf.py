"""Set a receipt on pages as PDF; the same texts make the same bytes."""

from __future__ import annotations

import functools
import io
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.web.receipts.document import Heading, ReceiptText, Row, Sum

_FONT = "Receipt"
_PAGES = {"A4": (595.28, 841.89), "letter": (612.0, 792.0)}
_LETTER_COUNTRIES = frozenset({"US", "CA", "MX"})
_MARGIN, _FOOT = 56.0, 72.0
_TITLE, _TEXT, _SMALL = 22.0, 9.5, 8.0
_LEADING = 1.4
_GAP = 14.0
"""Points between two columns."""
_BLACK, _GREY, _LIGHT = 0.1, 0.4, 0.8
_MISSING = "\ufffd"
_MOST_CHARACTERS = 300
"""How many characters of one text are set."""
_LOCK = threading.Lock()
"""One document at a time: the library registers fonts for the whole process."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A text on a page; `x` is its right end if `is_right`."""

    x: float
    y: float
    text: str
    size: float = _TEXT
    gray: float = _BLACK
    is_right: bool = False
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    """A horizontal line on a page."""

    left: float
    right: float
    y: float
    gray: float = _LIGHT


@dataclass(frozen=True, slots=True)
class _Columns:
    """The right ends of the columns with numbers, and the width that is left for names."""

    item_width: float
    ends: Mapping[str, float]


@dataclass(slots=True)
class _Pages:
    """Pages that are filled from top to bottom; `y` is the place of the next line."""

    width: float
    height: float
    pages: list[list[_Mark | _Rule]] = field(default_factory=lambda: [[]])
    y: float = 0.0

    def __post_init__(self) -> None:
        self.y = self.height - _MARGIN

    @property
    def right(self) -> float:
        """Return the right edge of the content."""
        return self.width - _MARGIN

    def add(self, mark: _Mark | _Rule) -> None:
        """Add something to the page."""
        self.pages[-1].append(mark)

    def has_room(self, height: float) -> bool:
        """Return whether so much fits above the foot of the page."""
        return self.y - height >= _FOOT

    def turn(self) -> None:
        """Begin a page."""
        self.pages.append([])
        self.y = self.height - _MARGIN


def render(text: ReceiptText) -> bytes:
    """Return a receipt as a PDF file."""
    with _LOCK:
        _face()
        pages = _Pages(*_PAGES["letter" if text.country in _LETTER_COUNTRIES else "A4"])
        _head(pages, text)
        _table(pages, text)
        width = max((_width(clean(each.value), _TEXT) for each in (*text.sums, *text.tokens)), default=0.0)
        _sums(pages, text.sums, width)
        _sums(pages, text.tokens, width)
        is_missing = any(_MISSING in mark.text for page in pages.pages for mark in page if isinstance(mark, _Mark))
        for note in (*text.notes, *([text.missing] if is_missing else [])):
            _note(pages, note)
        return _drawn(pages, text)


def clean(text: str) -> str:
    """Return a text in one line with letters of the font only; a run of others is one replacement character."""
    found: list[str] = []
    glyphs = _face().charToGlyph
    for letter in unicodedata.normalize("NFC", text[:_MOST_CHARACTERS]):
        kind = unicodedata.category(letter)
        if (kind == "Zs" and letter not in "\u00a0\u202f") or kind == "Cc":
            found.append(" ")
        elif (kind in {"Cf", "Mn", "Me"} and ord(letter) not in glyphs) or kind == "Cf":
            # Marks of direction and joiners print nothing; neither does an accent that the font does not have.
            continue
        elif ord(letter) in glyphs:
            found.append(letter)
        elif found[-1:] != [_MISSING]:
            found.append(_MISSING)
    return " ".join("".join(found).split(" ")).strip()


@functools.cache
def _face() -> Any:
    """Return the font's face; the library is loaded with the first receipt, and not by each command."""
    from fontpkg_noto_sans import ROOT
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    font = TTFont(_FONT, str(ROOT / "files" / "NotoSans[wdth,wght].ttf"))
    pdfmetrics.registerFont(font)
    return font.face


def _width(text: str, size: float) -> float:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    width: float = stringWidth(text, _FONT, size)
    return width


def _wrapped(text: str, size: float, width: float) -> Iterator[str]:
    """Yield the lines of a text; a word that is longer than a line is broken."""
    line = ""
    for word in clean(text).split(" "):
        longer = f"{line} {word}" if line else word
        if _width(longer, size) <= width:
            line = longer
            continue
        if line:
            yield line
        while _width(word, size) > width:
            fitting = next((n for n in range(len(word), 1, -1) if _width(word[:n], size) <= width), 1)
            yield word[:fitting]
            word = word[fitting:]
        line = word
    if line:
        yield line


def _head(pages: _Pages, text: ReceiptText) -> None:
    pages.y -= _TITLE
    pages.add(_Mark(_MARGIN, pages.y, clean(text.title), _TITLE, is_bold=True))
    (first, *_) = [*_wrapped(text.subtitle, 11, pages.width / 2), ""]
    pages.add(_Mark(pages.right, pages.y, first, 11, is_right=True))
    pages.y -= 30
    middle = _MARGIN + (pages.width - 2 * _MARGIN) / 2 + _GAP / 2
    top = pages.y
    left = _block(pages, _MARGIN, top, text.seller_label, text.seller, middle - _GAP - _MARGIN)
    right = _block(pages, middle, top, text.buyer_label, text.buyer, pages.right - middle)
    pages.y = min(left, right) - 8
    for label, value in text.facts:
        lines = list(_wrapped(f"{label}: {value}", _TEXT, pages.right - _MARGIN))
        for line in lines[:2]:
            pages.y -= _TEXT * _LEADING
            pages.add(_Mark(_MARGIN, pages.y, line))
    pages.y -= 22


def _block(pages: _Pages, x: float, y: float, label: str, lines: Sequence[str], width: float) -> float:
    """Set an address, and return the place below it."""
    if not lines:
        return y
    pages.add(_Mark(x, y, clean(label), _SMALL, _GREY))
    is_first = True
    for text in lines[:14]:
        for line in list(_wrapped(text, _TEXT, width))[:3]:
            y -= _TEXT * _LEADING
            pages.add(_Mark(x, y, line, is_bold=is_first))
        is_first = False
    return y - 10


def _columns(pages: _Pages, heading: Heading, rows: Sequence[Row]) -> _Columns:
    end, ends = pages.right, dict[str, float]()
    for name in ("amount", "tokens", "rate", "quantity"):
        if title := getattr(heading, name):
            ends[name] = end
            widths = (_width(clean(getattr(row, name)), _TEXT) for row in rows)
            end -= max(_width(clean(title), _SMALL), *widths, 0.0) + _GAP
    # In the order of reading, from the left.
    return _Columns(max(end - _MARGIN, 90.0), dict(reversed(ends.items())))


def _table(pages: _Pages, text: ReceiptText) -> None:
    columns = _columns(pages, text.heading, text.rows)
    _table_head(pages, text.heading, columns)
    for row in text.rows:
        names = list(_wrapped(row.item, _TEXT, columns.item_width))[:4] or [""]
        details = list(_wrapped(row.detail, _SMALL, columns.item_width))[:2]
        height = len(names) * _TEXT * _LEADING + len(details) * _SMALL * _LEADING + 9
        if not pages.has_room(height):
            pages.turn()
            _table_head(pages, text.heading, columns)
        first = pages.y - _TEXT * _LEADING
        for name in names:
            pages.y -= _TEXT * _LEADING
            pages.add(_Mark(_MARGIN, pages.y, name))
        for column, end in columns.ends.items():
            pages.add(_Mark(end, first, clean(getattr(row, column)), is_right=True))
        for detail in details:
            pages.y -= _SMALL * _LEADING
            pages.add(_Mark(_MARGIN, pages.y, detail, _SMALL, _GREY))
        pages.y -= 9
        pages.add(_Rule(_MARGIN, pages.right, pages.y + 3))
    pages.y -= 8


def _table_head(pages: _Pages, heading: Heading, columns: _Columns) -> None:
    pages.y -= _SMALL
    pages.add(_Mark(_MARGIN, pages.y, clean(heading.item), _SMALL, _GREY))
    for name, end in columns.ends.items():
        pages.add(_Mark(end, pages.y, clean(getattr(heading, name)), _SMALL, _GREY, is_right=True))
    pages.y -= 6
    pages.add(_Rule(_MARGIN, pages.right, pages.y, _GREY))
    pages.y -= 3


def _sums(pages: _Pages, sums: Sequence[Sum], width: float) -> None:
    """Set sums below each other; `width` is that of the widest value."""
    left = min(pages.right - width - 200, pages.width / 2)
    for each in sums:
        lines = list(_wrapped(each.label, _TEXT, pages.right - width - _GAP - left))[:3] or [""]
        height = len(lines) * _TEXT * _LEADING + 3
        if not pages.has_room(height):
            pages.turn()
        pages.y -= 3
        for place, line in enumerate(lines):
            pages.y -= _TEXT * _LEADING
            pages.add(_Mark(left, pages.y, line, is_bold=each.is_strong))
            if not place:
                pages.add(_Mark(pages.right, pages.y, clean(each.value), is_right=True, is_bold=each.is_strong))
    pages.y -= 14 if sums else 0


def _note(pages: _Pages, note: str) -> None:
    lines = list(_wrapped(note, _SMALL, pages.right - _MARGIN))
    if not pages.has_room(len(lines) * _SMALL * _LEADING + 4):
        pages.turn()
    for line in lines:
        pages.y -= _SMALL * _LEADING
        pages.add(_Mark(_MARGIN, pages.y, line, _SMALL, _GREY))
    pages.y -= 4


def _drawn(pages: _Pages, text: ReceiptText) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    # Without the time and a random ID, the same receipt has the same bytes.
    canvas = Canvas(file, (pages.width, pages.height), invariant=1, pageCompression=1, lang=text.language)
    canvas.setTitle(f"{clean(text.title)} · {clean(text.subtitle)}")
    canvas.setAuthor(clean(text.seller[0]))
    canvas.setSubject(clean(text.title))
    canvas.setCreator("Token Bridge")
    footer = next(_wrapped(text.footer, _SMALL, pages.width - 2 * _MARGIN - 80), "")
    for place, marks in enumerate(pages.pages, 1):
        foot = _MARGIN - 16
        frame: list[_Mark | _Rule] = [
            _Rule(_MARGIN, pages.right, foot + 14),
            _Mark(_MARGIN, foot, footer, _SMALL, _GREY),
            _Mark(pages.right, foot, f"{place} / {len(pages.pages)}", _SMALL, _GREY, is_right=True),
        ]
        for mark in [*marks, *frame]:
            _draw(canvas, mark)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw(canvas: Any, mark: _Mark | _Rule) -> None:
    if isinstance(mark, _Rule):
        canvas.setStrokeGray(mark.gray)
        canvas.setLineWidth(0.5)
        canvas.line(mark.left, mark.y, mark.right, mark.y)
        return
    if not mark.text:
        return
    x = mark.x - _width(mark.text, mark.size) if mark.is_right else mark.x
    line = canvas.beginText(x, mark.y)
    line.setFont(_FONT, mark.size)
    line.setFillGray(mark.gray)
    canvas.saveState()
    if mark.is_bold:
        # The font has one weight: an outline makes letters heavier.
        canvas.setLineWidth(mark.size * 0.035)
        line.setStrokeGray(mark.gray)
        line.setTextRenderMode(2)
    line.textOut(mark.text)
    canvas.drawText(line)
    canvas.restoreState()
