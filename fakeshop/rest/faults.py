"""Faults of the shop's side: the next answers go wrong in a way a real shop's do."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What goes wrong with an answer.

    `truncated` cuts the body off where it promised more, `silence` takes the
    request and says nothing, `skew` shifts the `Date`, `shrinking` takes rows
    off the front of a list as if they had left it since the page before.
    """

    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    TOO_MANY = "too_many"
    ERROR_PAGE = "error_page"
    TRUNCATED = "truncated"
    SILENCE = "silence"
    REDIRECT = "redirect"
    SKEW = "skew"
    SHRINKING = "shrinking"


@dataclass(slots=True)
class Fault:
    """One fault for the next `left` requests (None: until it is cleared) whose path holds `path`.

    `seconds` is the Retry-After, the length of a silence or the skew; `rows` how
    many are taken off a list; `location` where a redirect points.
    """

    kind: Kind
    left: int | None = 1
    path: str = ""
    seconds: int = 5
    rows: int = 1
    location: str = "http://127.0.0.1:1/elsewhere"


@dataclass(slots=True)
class Faults:
    """The faults that are still to come; the first that fits a request is used."""

    waiting: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        kind: Kind,
        *,
        times: int | None = 1,
        path: str = "",
        seconds: int = 5,
        rows: int = 1,
        location: str = "http://127.0.0.1:1/elsewhere",
    ) -> None:
        """Let the next `times` requests go wrong, of all or of those whose path holds `path`."""
        with self.lock:
            self.waiting.append(Fault(kind, times, path, seconds, rows, location))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self.lock:
            self.waiting.clear()

    def take(self, path: str) -> Fault | None:
        """The fault this request meets, used up by it; None where all is well."""
        with self.lock:
            for fault in self.waiting:
                if fault.path in path:
                    if fault.left is not None:
                        fault.left -= 1
                    if fault.left == 0:
                        self.waiting.remove(fault)
                    return fault
        return None
