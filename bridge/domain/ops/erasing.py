"""Texts of erased persons: what is searched for in free texts, and what replaces it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

ERASED = "[erased]"
_SHORTEST_NAME = 3


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


def replaced(value: Any, terms: Iterable[str]) -> Any:
    """Return a text, or the texts of a JSON value, with each of the terms replaced, whatever its case."""
    pattern = _pattern(terms)
    return value if pattern is None else _walk(value, pattern)


def _pattern(terms: Iterable[str]) -> re.Pattern[str] | None:
    parts = "|".join(re.escape(term) for term in terms)
    return re.compile(rf"(?<!\w)(?:{parts})(?!\w)", re.IGNORECASE) if parts else None


def _walk(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(ERASED, value)
    if isinstance(value, list):
        return [_walk(item, pattern) for item in value]
    if isinstance(value, dict):
        return {_walk(name, pattern): _walk(item, pattern) for name, item in value.items()}
    return value
