"""Commands for accounts: import opening balances."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from bridge.cli.base import Group, prepared, utcnow
from bridge.domain.accounts.opening_balances import Opening
from bridge.domain.errors import BalanceOutOfRange
from bridge.domain.stores.stores import Store
from bridge.runtime import Runtime
from bridge.services.accounts import opening_balances
from bridge.services.accounts.opening_balances import Imported
from bridge.services.accounts.opening_files import read_file
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction


@click.group("accounts", cls=Group)
def group() -> None:
    """Import the balances of users."""


@group.command("import")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would be imported, without writing anything.")
def import_(slug: str, file: Path, dry_run: bool) -> None:
    """Import opening balances into the store SLUG from a CSV file.

    The first line of the file names the columns: user_id and balance, and
    optionally email, name and roles, in any order. Separate columns by commas,
    semicolons or tabs, and several roles by |. Each row is imported only once:
    importing the file again adds only new rows.
    """
    runtime = prepared()
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
    # The whole file is read before anything is written: if a row is invalid, nothing is imported.
    count = sum(1 for _ in read_file(file))
    total = Imported()
    with click.progressbar(length=count, label="Importing", hidden=dry_run) as bar:
        rows = read_file(file)
        while batch := list(islice(rows, opening_balances.BATCH)):
            try:
                total += _preview(runtime, store, batch) if dry_run else _post(runtime, store, batch)
            except BalanceOutOfRange as error:
                done = f"{total.posted:,} balances before it were imported"
                raise BalanceOutOfRange(f"{error.detail}; {done}. Correct the row and import the file again") from error
            bar.update(len(batch))
    for line in _report(total, count, is_dry=dry_run):
        click.echo(line)


def _report(total: Imported, count: int, *, is_dry: bool) -> list[str]:
    verb = "would be imported" if is_dry else "imported"
    lines = [
        f"{total.posted} balances {verb}, {total.tokens} tokens; {total.known} of {count} rows were already imported"
    ]
    if not count:
        return ["The file has no rows after its header."]
    if total.changed:
        lines.append(
            f"{total.changed} of those have a different balance in the file, which is ignored:"
            " correct it on the credits page"
        )
    if total.empty:
        lines.append(f"{total.empty} rows have a balance of 0: only the user's email, name and roles are stored")
    missing = total.known + total.empty
    lines += [f"  {reason}" for reason in total.reasons]
    if missing > len(total.reasons):
        lines.append(f"  and {missing - len(total.reasons)} more rows that were not added")
    return lines


def _post(runtime: Runtime, store: Store, batch: list[Opening]) -> Imported:
    return in_transaction(
        runtime.database.transaction, lambda connection: opening_balances.post(connection, store, batch, now=utcnow())
    )


def _preview(runtime: Runtime, store: Store, batch: list[Opening]) -> Imported:
    with runtime.database.reading() as connection:
        return opening_balances.preview(connection, store, batch)
