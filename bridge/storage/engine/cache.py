"""Values of a database cached in this process; dropped with the database's last connection.

A cached value is either immutable or checked again, in the
transaction that relies on it, by something cheaper than reading it again.
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
    """Remembered values, apart for each database; safe for any number of threads.

    `most` is how many are kept before all are forgotten: no eviction, since what
    is forgotten is only read again.
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
        """Remember more, in place of what was remembered under the same keys."""
        known = self.of(connection)
        if len(known) + len(fresh) > self.most:
            known.clear()
        known.update(fresh)

    def forget(self, connection: Connection) -> None:
        """Forget all of a database."""
        self.of(connection).clear()
