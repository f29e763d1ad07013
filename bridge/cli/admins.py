"""Commands for admins: the people who may sign in to the admin pages."""

from __future__ import annotations

import json

import click

from bridge.cli.base import ACTOR, Group, created, local, prepared, utcnow
from bridge.domain.admin.admins import Role
from bridge.rendering import documents
from bridge.services.admin import admins, invitations
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection


@click.group("admins", cls=Group)
def group() -> None:
    """Manage the people who may sign in to the admin pages."""


@group.command("add")
@click.argument("email")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default="owner",
    show_default=True,
    help="What the admin may do.",
)
@click.option("--store", "slug", help="Give the role in this store only.")
def add(email: str, role: str, slug: str | None) -> None:
    """Add an admin and print their password. It is shown only once."""

    def act(connection: Connection) -> str:
        now = utcnow()
        if slug is None:
            return admins.add_admin(connection, email, None, role=Role(role), actor=ACTOR, now=now)
        store = settings.get_store(connection, slug)
        password = admins.add_admin(connection, email, None, role=None, actor=ACTOR, now=now)
        added = invitations.get_by_email(connection, email)
        invitations.set_role(connection, added.id, Role(role), store_id=store.id, actor=ACTOR, now=now)
        return password

    password = in_transaction(created().database.transaction, act)
    click.echo(f"{email} signs in with the password {password} (shown only once)")


@group.command("reset-password")
@click.argument("email")
@click.option("--remove-second-factor", is_flag=True, help="Also remove the second factor, if the device is lost.")
def reset_password(email: str, remove_second_factor: bool) -> None:
    """Set a new password for an admin, print it once, and end their sessions."""
    password = in_transaction(
        prepared().database.transaction,
        lambda connection: admins.reset_password(
            connection, email, None, removes_second_factor=remove_second_factor, actor=ACTOR, now=utcnow()
        ),
    )
    click.echo(f"{email} signs in with the password {password} (shown only once)")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(as_json: bool) -> None:
    """List the admins."""
    with prepared().database.reading() as connection:
        found = admins.list_admins(connection)
        slugs = {store.id: store.slug for store in settings.list_stores(connection)}
    if as_json:
        listed = [
            {
                "email": admin.email,
                "role": admin.admin.role,
                "stores": {slugs[id_]: role for id_, role in admin.admin.stores.items() if id_ in slugs},
                "created_at": documents.format_timestamp(admin.created_at),
                "last_signed_in_at": documents.format_timestamp(admin.last_seen_at),
            }
            for admin in found
        ]
        click.echo(json.dumps(listed))
        return
    for admin in found:
        roles = [admin.admin.role.value] if admin.admin.role else []
        roles += [f"{role.value} of {slugs[id_]}" for id_, role in admin.admin.stores.items() if id_ in slugs]
        times = f"added {local(admin.created_at)}  last sign-in {local(admin.last_seen_at)}"
        click.echo(f"{admin.email:<40} {', '.join(roles) or 'no role':<20} {times}")
    if not found:
        click.echo("There is no admin yet. Add one: flask admins add EMAIL")


@group.command("remove")
@click.argument("email")
def remove(email: str) -> None:
    """Remove an admin and end their sessions. The last admin cannot be removed."""
    removed = in_transaction(
        prepared().database.transaction,
        lambda connection: admins.remove_admin(connection, email, actor=ACTOR, now=utcnow()),
    )
    click.echo(f"{removed.email} can no longer sign in.")
