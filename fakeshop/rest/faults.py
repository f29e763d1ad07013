"""Faults of the shop: the next answers fail in the ways of real shops."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The way an answer fails.

    `truncated` cuts the body short of its stated length, `silence` accepts the
    request and never answers, `skew` shifts the `Date`, `shrinking` removes rows
    from the front of a list, as if they had left it since the previous page.
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

    `seconds` is the Retry-After, the length of a silence or the skew; `rows` is the
    number of rows removed from a list; `location` is the target of a redirect.
    """

    kind: Kind
    left: int | None = 1
    path: str = ""
    seconds: int = 5
    rows: int = 1
    location: str = "http://127.0.0.1:1/elsewhere"


@dataclass(slots=True)
class Faults:
    """The faults to come; the first that matches a request is used."""

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
        """Add a fault for the next `times` requests, of all or of those whose path contains `path`."""
        with self.lock:
            self.waiting.append(Fault(kind, times, path, seconds, rows, location))

    def clear(self) -> None:
        """Remove all faults."""
        with self.lock:
            self.waiting.clear()

    def take(self, path: str) -> Fault | None:
        """Return the fault for this request and use it up; None where no fault applies."""
        with self.lock:
            for fault in self.waiting:
                if fault.path in path:
                    if fault.left is not None:
                        fault.left -= 1
                    if fault.left == 0:
                        self.waiting.remove(fault)
                    return fault
        return None
