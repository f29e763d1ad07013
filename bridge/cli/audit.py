"""The command that audits the books."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from bridge.cli.base import Command, prepared, utcnow
from bridge.domain.ops.audit import Fault
from bridge.services.ops import audit
from bridge.storage.engine.database import Database

_LISTED = 1000
"""The most faults in a JSON object; its `count` has them all."""


@click.command("audit", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Prove the books: exit status 1 and a line for each fault if they do not balance.

    Reads the books in parts, each in one consistent state, while the service
    runs on; repairs nothing. A terminal shows how far it is. Ctrl-C stops it.
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


def _list_faults(database: Database) -> Iterator[Fault]:
    """Every fault as it is found, each part of the books in a transaction of its own."""
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
    """Write the progress over the last line of a terminal; nothing where the output is no terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{progress}", err=True, nl=False)
