"""The command that starts the service."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable

import click

from bridge.cli import listening
from bridge.cli.base import Command, utcnow
from bridge.config import ROOT, Config
from bridge.runtime import runtime
from bridge.services.admin import admins
from bridge.services.ops import addresses, schema_version
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Database


@click.command("serve", cls=Command)
def command() -> None:
    """Start the service. Creates or migrates the database and adds the first admin if needed."""
    config = runtime().config
    listener = listening.bind(config)
    database = Database(config.database_url)
    schema_version.prepare(database)
    start(config, database, listener)


def start(config: Config, database: Database, listener: socket.socket, *, notes: Iterable[str] = ()) -> None:
    """Replace this process by the web server on this socket; does not return. The database is prepared."""
    now = utcnow()
    in_transaction(database.transaction, lambda connection: addresses.record(connection, config.public_url, now=now))
    password = in_transaction(
        database.transaction,
        lambda connection: admins.ensure_first_admin(
            connection, config.admin_email, config.admin_password or None, now
        ),
    )
    database.close()
    listening.listen(listener, config)
    for line in (*_addresses(config), *notes):
        click.echo(line)
    if password is not None:
        click.echo(f"  sign in     {config.admin_email} with the password {password} (shown only once)")
    click.echo("Press Ctrl-C to stop.")
    sys.stdout.flush()
    os.chdir(ROOT)
    listening.hand_over(listener)
    command = [sys.executable, "-m", "bridge.cli.web_server"]
    os.execv(command[0], command)  # noqa: S606 -- our own interpreter


def _addresses(config: Config) -> list[str]:
    url = config.public_url
    return [
        f"Token Bridge listens on http://{config.bind}",
        f"  admin       {url}/admin",
        f"  webhooks    {url}/webhooks/woocommerce/{{store}}",
        f"  API         {url}/v1 (described at {url}/v1/docs)",
    ]
