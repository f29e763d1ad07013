"""Commands for admins: who may sign in to the pages."""

from __future__ import annotations

import click

from bridge.cli.tools import Group, created, prepared, utcnow
from bridge.services import admins
from bridge.services.transactions import in_transaction


@click.group("admins", cls=Group)
def group() -> None:
    """The people who may sign in to the admin pages."""


@group.command("add")
@click.argument("email")
def add(email: str) -> None:
    """Let somebody sign in; prints the password, this once."""
    password = in_transaction(
        created().database.transaction, lambda connection: admins.add_admin(connection, email, None, now=utcnow())
    )
    click.echo(f"{email} signs in with the password {password} (shown this once)")


@group.command("reset-password")
@click.argument("email")
def reset_password(email: str) -> None:
    """Give somebody a new password and end every session; prints the password, this once."""
    password = in_transaction(
        prepared().database.transaction,
        lambda connection: admins.reset_password(connection, email, None, now=utcnow()),
    )
    click.echo(f"{email} signs in with the password {password} (shown this once)")
