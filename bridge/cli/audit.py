"""The command that proves the books."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from bridge.cli.tools import Command, prepared, utcnow
from bridge.domain.audit import Fault
from bridge.services import audit

_LISTED = 1000
"""The most faults in a JSON object; its `count` has them all."""


@click.command("audit", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Prove the books: exit status 1 and a line for each fault if they do not balance.

    Reads one consistent state while the service runs on; repairs nothing.
    """
    tools = prepared()
    listed: list[Fault] = []
    count = 0
    with tools.database.reading() as connection:
        for fault in audit.list_faults(connection, now=utcnow()):
            count += 1
            if not as_json:
                click.echo(f"{fault.check}: {fault.sentence}")
            elif count <= _LISTED:
                listed.append(fault)
        extent = audit.extent(connection)
    if as_json:
        click.echo(json.dumps({**asdict(extent), "count": count, "faults": [asdict(fault) for fault in listed]}))
    else:
        checked = f"{extent.accounts} accounts, {extent.entries} entries checked"
        click.echo(f"the books do not balance: {count} faults, {checked}" if count else f"books balance: {checked}")
    if count:
        sys.exit(1)
