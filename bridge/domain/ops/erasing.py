"""Texts of erased persons: what is searched for in free texts, and what replaces it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ERASED = "[erased]"
_SHORTEST_NAME = 3
_WRITTEN_OTHERWISE = '"\\/\t\r\n'
"""Letters that JSON may write in another way."""
_ANYTHING = "\0"
_ESCAPES = str.maketrans({"/": "//", "%": "/%", "_": "/_", _ANYTHING: "%"})


@dataclass(frozen=True, slots=True)
class Terms:
    """The texts to replace: `sure` ones name the person anywhere, `own` ones only in their own rows."""

    sure: tuple[str, ...]
    own: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        """Return all texts, the longest first, so that an email is replaced before a name in it."""
        return tuple(sorted({*self.sure, *self.own}, key=len, reverse=True))


def terms_of(
    *, emails: Iterable[str | None], names: Iterable[str | None], sites: Iterable[tuple[str, str]] = ()
) -> Terms:
    """Return the texts by which a person may be named; `sites` are addresses and names of linked sites.

    An email, a name of several words and an address are searched in all rows of the
    store, a single word and the name of a site only in the person's own: it may name
    others as well.
    """
    known = {name.strip() for name in names if name and len(name.strip()) >= _SHORTEST_NAME}
    sure = {email.strip() for email in emails if email and email.strip()} | {name for name in known if " " in name}
    sure |= {url.strip().rstrip("/") for url, _ in sites if url.strip()}
    own = (known - sure) | {name.strip() for _, name in sites if len(name.strip()) >= _SHORTEST_NAME}
    return Terms(tuple(sorted(sure)), tuple(sorted(own)))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of SQL's LIKE, escaped with `/`, that a text with a term matches; `is_lower` for texts in lower case.

    It may match other texts as well: `replaced` decides.
    """

    like: str
    is_lower: bool


def patterns_of(term: str) -> list[Pattern]:
    """Return patterns of which every text with this term, also as JSON writes it, matches one.

    A database may know the case of ASCII letters only, and JSON may be stored with
    other letters escaped. So these stand for anything, if enough of the term is left.
    """
    kept = [letter if letter.isascii() and letter not in _WRITTEN_OTHERWISE else _ANYTHING for letter in term]
    if sum(letter.isalnum() for letter in kept) >= _SHORTEST_NAME:
        return [Pattern(f"%{_escaped(''.join(kept).lower())}%", is_lower=True)]
    spelled = {term, term.lower(), term.upper(), term.title()}
    spelled |= {json.dumps(text)[1:-1] for text in spelled}
    return [Pattern(f"%{_escaped(text)}%", is_lower=False) for text in sorted(spelled)]


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def replaced(value: Any, terms: Iterable[str]) -> Any:
    """Return a text, or the texts of a JSON value, with each of the terms replaced, whatever its case.

    A text that is a JSON document is written as JSON again.
    """
    pattern = _pattern(terms)
    return value if pattern is None else _walk(value, pattern)


def _pattern(terms: Iterable[str]) -> re.Pattern[str] | None:
    parts = "|".join(re.escape(term) for term in terms)
    return re.compile(rf"(?<!\w)(?:{parts})(?!\w)", re.IGNORECASE) if parts else None


def _walk(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return _walk_text(value, pattern)
    if isinstance(value, list):
        return [_walk(item, pattern) for item in value]
    if isinstance(value, dict):
        return {_walk(name, pattern): _walk(item, pattern) for name, item in value.items()}
    return value


def _walk_text(text: str, pattern: re.Pattern[str]) -> str:
    if text.startswith(("{", "[")):
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict | list):
            fresh = _walk(document, pattern)
            return text if fresh == document else json.dumps(fresh, ensure_ascii=False, separators=(",", ":"))
    return pattern.sub(ERASED, text)
