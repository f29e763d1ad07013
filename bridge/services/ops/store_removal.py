"""Remove a store: write a final export, then delete everything of the store in small transactions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from bridge.domain.errors import BackupFailed, StoreInUse, TryRemovalAgain, UnknownStore
from bridge.domain.stores.stores import Store
from bridge.services import secrets
from bridge.services.secrets import Vault
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection, Database
from bridge.storage.ops import removal
from bridge.storage.stores import stores as store_rows

_EXPORTS = 3
"""How often an export is started again if tokens moved meanwhile."""
_PASSES = 5


@dataclass(frozen=True, slots=True)
class Owned:
    """The size of a store: accounts, the tokens they hold together, and orders."""

    accounts: int
    tokens: int
    orders: int


def count(connection: Connection, store: Store) -> Owned:
    """Return what would be removed with a store."""
    return Owned(**removal.count_rows(connection, store.id))


def find_removing(connection: Connection, slug: str) -> int | None:
    """Return the id of a store whose removal was interrupted."""
    return store_rows.find_removing(connection, slug)


def begin(database: Database, store: Store, file: Path, *, vault_: Vault, now: Callable[[], datetime]) -> None:
    """Write the final export to a new file, then mark the store as being removed and delete its keys and secrets.

    Raises `BackupFailed` if the file cannot be written, and `StoreInUse` if tokens
    keep moving; nothing is changed then.
    """
    if file.exists():
        raise BackupFailed(f"{file} exists already; name a new file with --export")
    for _ in range(_EXPORTS):
        newest = _export(database, store, file, now=now())
        nothing = vault_.seal(secrets.new_secret())

        def mark(connection: Connection, newest: int = newest, nothing: str = nothing) -> bool:
            if removal.newest_entry(connection, store.id) != newest:
                return False
            removal.mark(connection, store.id, sealed_nothing=nothing, now=now())
            return True

        if in_transaction(database.transaction, mark):
            return
        file.unlink(missing_ok=True)
    raise StoreInUse(
        f"the store {store.slug} is in use, so a consistent export is not possible; revoke its access keys first"
    )


def finish(database: Database, store_id: int, *, progress: Callable[[int], None] = lambda _rows: None) -> None:
    """Delete everything of a marked store; safe to repeat after an interruption.

    Raises `TryRemovalAgain` if an unfinished request keeps adding rows.
    """
    for _ in range(_PASSES):
        _delete_rows(database, store_id, progress)
        if in_transaction(database.transaction, partial(_delete_store, store_id=store_id)):
            return
    raise TryRemovalAgain()


def check_removable(connection: Connection, slug: str) -> None:
    """Raise `UnknownStore` if there is neither a store with this slug nor one that is being removed."""
    if store_rows.find(connection, slug) is None and find_removing(connection, slug) is None:
        raise UnknownStore(f"there is no store named {slug}")


def _delete_rows(database: Database, store_id: int, progress: Callable[[int], None]) -> None:
    after = 0
    while True:
        with database.reading() as connection:
            ids = removal.account_ids(connection, store_id, after=after)
        if not ids:
            break
        for table in removal.account_tables():
            _drain(database, partial(removal.delete_of_accounts, table=table, ids=ids), progress)
        after = ids[-1]
    for table in removal.other_tables():
        _drain(database, partial(removal.delete_of_store, table=table, store_id=store_id), progress)


def _drain(database: Database, act: Callable[[Connection], int], progress: Callable[[int], None]) -> None:
    while deleted := in_transaction(database.transaction, act):
        progress(deleted)


def _delete_store(connection: Connection, *, store_id: int) -> bool:
    store_rows.lock_row(connection, store_id)
    if any(removal.delete_of_store(connection, table, store_id) for table in removal.other_tables()):
        return False
    store_rows.delete_row(connection, store_id)
    return True


def _export(database: Database, store: Store, file: Path, *, now: datetime) -> int:
    """Write a store's rows as of one moment; the id of the newest ledger entry at that moment."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out, database.reading() as connection:
            newest = removal.newest_entry(connection, store.id)
            _write(out, connection, store, now=now)
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, file)
    except OSError as error:
        raise BackupFailed(f"the export cannot be written to {file}: {error.strerror}; nothing was removed") from error
    finally:
        draft.unlink(missing_ok=True)
    return newest


def _write(out: TextIO, connection: Connection, store: Store, *, now: datetime) -> None:
    settings = removal.settings(connection, store.id)
    out.write(f'{{"exported_at": {_json(now)},\n"store": {_json(settings)}')
    for table in removal.EXPORTED:
        out.write(f',\n"{table.name}": [')
        for number, row in enumerate(removal.rows(connection, table, store.id)):
            out.write(f"{',' if number else ''}\n{_json(row)}")
        out.write("]")
    out.write("\n}\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else repr(value)
