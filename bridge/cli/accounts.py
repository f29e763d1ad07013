"""Commands for accounts: importing what users had before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from bridge.cli.tools import Group, Tools, prepared, utcnow
from bridge.domain.errors import InvalidRequest
from bridge.domain.opening import Opening
from bridge.domain.stores import Store
from bridge.services import opening, stores
from bridge.services.opening import Imported
from bridge.services.transactions import in_transaction


@click.group("accounts", cls=Group)
def group() -> None:
    """The users who hold tokens."""


@group.command("import")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be imported, and write nothing.")
def import_(slug: str, file: Path, dry_run: bool) -> None:
    """Import opening balances into the store SLUG from a CSV file.

    The file's columns are user_id,email,name,roles,balance; several roles are
    separated by |. Each row is imported once: importing a file again adds only
    what is new in it.
    """
    tools = prepared()
    with tools.database.reading() as connection:
        store = stores.get_store(connection, slug)
    # The whole file is read before anything is written: a file with a fault imports nothing.
    count = sum(1 for _ in _rows(file))
    total = Imported()
    with click.progressbar(length=count, label="Importing", hidden=dry_run) as bar:
        rows = _rows(file)
        while batch := list(islice(rows, opening.BATCH)):
            total += _preview(tools, store, batch) if dry_run else _post(tools, store, batch)
            bar.update(len(batch))
    verb = "would be imported" if dry_run else "imported"
    click.echo(
        f"{total.posted} balances {verb}, {total.tokens} tokens; {total.known} of {count} rows were imported before"
    )


def _rows(file: Path) -> Iterator[Opening]:
    try:
        # Spreadsheets put a mark before the first letter of a UTF-8 file.
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield from opening.read(lines)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error}") from error


def _post(tools: Tools, store: Store, batch: list[Opening]) -> Imported:
    return in_transaction(
        tools.database.transaction, lambda connection: opening.post(connection, store, batch, now=utcnow())
    )


def _preview(tools: Tools, store: Store, batch: list[Opening]) -> Imported:
    with tools.database.reading() as connection:
        return opening.preview(connection, store, batch)
