"""Commands that back up and restore the SQLite database."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.base import Command, prepared
from bridge.runtime import runtime
from bridge.services.ops import backups, schema_version

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("backup", cls=Command)
@click.argument("file", type=_FILE)
def save(file: Path) -> None:
    """Write a consistent copy of the SQLite database to the new file FILE.

    The service may keep running.
    """
    found = prepared()
    backups.save(found.database, file)
    click.echo(f"{file} contains a copy of the database ({file.stat().st_size:,} bytes)")
    click.echo(
        "Keep BRIDGE_SECRET_KEY or instance/secret-key with it: without it, the shops' secrets cannot be decrypted."
    )


@click.command("restore", cls=Command)
@click.argument("file", type=_FILE)
def restore(file: Path) -> None:
    """Replace the SQLite database with FILE, a copy made by backup.

    Stop the service first.
    """
    found = runtime()
    schema_version.make_folder(found.database)
    backups.restore(found.database, file)
    schema_version.prepare(found.database)
    click.echo(f"the database was restored from {file}")
