"""The command for a store's access keys: listing them, making another, withdrawing one."""

from __future__ import annotations

import json
from typing import Any

import click

from bridge.cli.base import Command, prepared, utcnow
from bridge.rendering import documents
from bridge.services.stores import access_keys, settings
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection


@click.command("access-keys", cls=Command)
@click.argument("slug")
@click.option("--make", is_flag=True, help="Create another key and print it, only once.")
@click.option(
    "--revoke", metavar="PREFIX", help="Revoke the key that begins so, for good: requests with it are refused."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(slug: str, make: bool, revoke: str | None, as_json: bool) -> None:
    """List the access keys of the store SLUG, those of its linked sites aside, and which of them are in use."""
    transaction = prepared().database.transaction

    def act(connection: Connection) -> dict[str, Any]:
        store = settings.get_store(connection, slug)
        done: dict[str, Any] = {}
        if revoke is not None:
            done["revoked"] = access_keys.revoke(
                connection, store, access_keys.find(connection, store, revoke).id, actor="a command"
            ).prefix
        if make:
            done["access_key"] = access_keys.make(connection, store, now=utcnow())
        done["items"] = [
            {
                "prefix": key.prefix,
                "created_at": documents.format_timestamp(key.created_at),
                "last_used_at": documents.format_timestamp(key.last_used_at),
            }
            for key in access_keys.list_keys(connection, store)
        ]
        return done

    done = in_transaction(transaction, act)
    if as_json:
        click.echo(json.dumps(done))
        return
    if revoke is not None:
        click.echo(f"{done['revoked']}… was revoked.")
    if make:
        click.echo(f"The new access key, shown only once: {done['access_key']}")
    for key in done["items"]:
        click.echo(f"{key['prefix']}…  made {key['created_at']}  used {key['last_used_at'] or '-'}")
    if not done["items"]:
        click.echo(f"There is none: flask stores access-keys {slug} --make")
