"""A cache in this process for values of a database; dropped with the database's engine.

A cached value either never changes, or is checked in the transaction that uses it,
in a way that is cheaper than reading it again.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect

from bridge.storage.engine.database import Database

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Cached values, separate for each database; safe to use from any thread.

    If more than `most` values would be cached, all are dropped; they are read again
    when they are needed.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # The dialect identifies a database: all its connections share one.
        self._of: WeakKeyDictionary[Dialect, dict[K, V]] = WeakKeyDictionary()

    def of(self, place: Connection | Database) -> dict[K, V]:
        """Return the cached values of the database behind a connection."""
        dialect = place.engine.dialect if isinstance(place, Database) else place.dialect
        found = self._of.get(dialect)
        if found is None:
            found = self._of.setdefault(dialect, {})
        return found

    def keep(self, connection: Connection, fresh: Mapping[K, V]) -> None:
        """Cache more values; a value with the same key is replaced."""
        known = self.of(connection)
        if len(known) + len(fresh) > self.most:
            known.clear()
        known.update(fresh)

    def forget(self, connection: Connection) -> None:
        """Drop all cached values of a database."""
        self.of(connection).clear()
