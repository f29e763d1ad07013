"""The command that starts the service."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterable

import click

from bridge.cli.tools import Command, tools, utcnow
from bridge.config import ROOT, Config
from bridge.domain.errors import BadSetting
from bridge.services import addresses, admins, installation
from bridge.services.transactions import in_transaction
from bridge.storage.database import Database


@click.command("serve", cls=Command)
def command() -> None:
    """Start the service: its database created or brought forward, its first admin made, its addresses printed."""
    config = tools().config
    check_port(config)
    database = Database(config.database_url)
    installation.prepare(database)
    start(config, database)


def check_port(config: Config) -> None:
    """Raise `BadSetting` where somebody listens there already, or nobody may."""
    host, port = config.host_and_port
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise BadSetting(
                    f"port {port} of {host} is taken already, perhaps by this service started before:"
                    " stop that, or choose another port with PORT=8001 or BRIDGE_BIND"
                ) from error
            raise BadSetting(f"BRIDGE_BIND: nobody may listen on {config.bind}: {error.strerror}") from error


def start(config: Config, database: Database, *, notes: Iterable[str] = ()) -> None:
    """Become the web server, on a database that is prepared; does not return."""
    now = utcnow()
    in_transaction(database.transaction, lambda connection: addresses.record(connection, config.public_url, now=now))
    password = in_transaction(
        database.transaction,
        lambda connection: admins.ensure_first_admin(
            connection, config.admin_email, config.admin_password or None, now
        ),
    )
    database.close()
    for line in (*_addresses(config), *notes):
        click.echo(line)
    if password is not None:
        click.echo(f"  sign in     {config.admin_email} with the password {password} (shown this once)")
    click.echo("Ctrl-C stops it.")
    sys.stdout.flush()
    os.chdir(ROOT)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:bridge.cli.web_server"]
    os.execv(command[0], command)  # noqa: S606 -- our own interpreter


def _addresses(config: Config) -> list[str]:
    url = config.public_url
    return [
        f"Token Bridge listens on http://{config.bind}",
        f"  admin       {url}/admin",
        f"  webhooks    {url}/webhooks/woocommerce/{{store}}",
        f"  API         {url}/v1 (described at {url}/v1/docs)",
    ]
