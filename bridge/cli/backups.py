"""Commands for copies of the embedded database."""

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
    """Write a consistent copy of the embedded database to FILE, which must be new, while the service runs."""
    found = prepared()
    backups.save(found.database, file)
    click.echo(f"{file} holds the database ({file.stat().st_size:,} bytes)")
    click.echo(
        "Keep BRIDGE_SECRET_KEY, or instance/secret-key, beside it: without it, the shops' secrets cannot be decrypted."
    )


@click.command("restore", cls=Command)
@click.argument("file", type=_FILE)
def restore(file: Path) -> None:
    """Put FILE, a copy made by backup, in the place of the embedded database; the service must be stopped."""
    found = runtime()
    schema_version.make_folder(found.database)
    backups.restore(found.database, file)
    schema_version.prepare(found.database)
    click.echo(f"the database is now what {file} holds")
