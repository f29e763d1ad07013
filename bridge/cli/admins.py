"""Commands for admins: the people who may sign in to the admin pages."""

from __future__ import annotations

import json

import click

from bridge.cli.base import Group, created, local, prepared, utcnow
from bridge.rendering import documents
from bridge.services.admin import admins
from bridge.services.transactions import in_transaction


@click.group("admins", cls=Group)
def group() -> None:
    """Manage the people who may sign in to the admin pages."""


@group.command("add")
@click.argument("email")
def add(email: str) -> None:
    """Add an admin and print their password. It is shown only once."""
    password = in_transaction(
        created().database.transaction, lambda connection: admins.add_admin(connection, email, None, now=utcnow())
    )
    click.echo(f"{email} signs in with the password {password} (shown only once)")


@group.command("reset-password")
@click.argument("email")
def reset_password(email: str) -> None:
    """Set a new password for an admin, print it once, and end their sessions."""
    password = in_transaction(
        prepared().database.transaction,
        lambda connection: admins.reset_password(connection, email, None, now=utcnow()),
    )
    click.echo(f"{email} signs in with the password {password} (shown only once)")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(as_json: bool) -> None:
    """List the admins."""
    with prepared().database.reading() as connection:
        found = admins.list_admins(connection)
    if as_json:
        listed = [
            {
                "email": admin.email,
                "created_at": documents.format_timestamp(admin.created_at),
                "last_signed_in_at": documents.format_timestamp(admin.last_seen_at),
            }
            for admin in found
        ]
        click.echo(json.dumps(listed))
        return
    for admin in found:
        click.echo(f"{admin.email:<40} added {local(admin.created_at)}  last sign-in {local(admin.last_seen_at)}")
    if not found:
        click.echo("There is no admin yet. Add one: flask admins add EMAIL")


@group.command("remove")
@click.argument("email")
def remove(email: str) -> None:
    """Remove an admin and end their sessions. The last admin cannot be removed."""
    removed = in_transaction(prepared().database.transaction, lambda connection: admins.remove_admin(connection, email))
    click.echo(f"{removed.email} can no longer sign in.")
