"""The command that audits balances, orders and spends."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from bridge.cli.base import Command, prepared, utcnow
from bridge.domain.ops.audit import Fault
from bridge.services.ops import audit, nightly_audit
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Database

_LISTED = 1000
"""The most faults listed in the JSON object; its `count` is the number of all faults."""


@click.command("audit", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Check that balances, orders and spends agree. Exit with status 1 if they do not.

    Prints one line for each fault and repairs nothing. The service may keep
    running: the data is read in parts, each in one consistent state. A terminal
    shows the progress. Ctrl-C stops the audit.
    """
    database = prepared().database
    listed: list[Fault] = []
    count = 0
    for fault in _list_faults(database):
        count += 1
        if not as_json:
            click.echo(f"{fault.check}: {fault.sentence}")
        elif count <= _LISTED:
            listed.append(fault)
    with database.reading() as connection:
        extent = audit.extent(connection)
    if as_json:
        click.echo(json.dumps({**asdict(extent), "count": count, "faults": [asdict(fault) for fault in listed]}))
    else:
        checked = f"{extent.accounts} accounts, {extent.entries} entries checked"
        click.echo(f"the books do not balance: {count} faults, {checked}" if count else f"books balance: {checked}")
    if count:
        sys.exit(1)
    in_transaction(database.transaction, lambda connection: nightly_audit.withdraw(connection, now=utcnow()))


def _list_faults(database: Database) -> Iterator[Fault]:
    """Yield every fault as it is found; each part is read in its own transaction."""
    with database.reading() as connection:
        parts = audit.list_parts(connection, now=utcnow())
    for number, part in enumerate(parts, start=1):
        _show(f"check {number} of {len(parts)}: {part.check}")
        with database.reading() as connection:
            for fault in audit.check_part(connection, part):
                _show("")
                yield fault
    _show("")


def _show(progress: str) -> None:
    """Write the progress over the last line of a terminal; write nothing if there is no terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{progress}", err=True, nl=False)
