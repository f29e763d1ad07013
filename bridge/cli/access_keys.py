"""The command for a store's access keys: list, create and revoke them."""

from __future__ import annotations

import json
from typing import Any

import click

from bridge.cli.base import ACTOR, Command, local, prepared, utcnow
from bridge.rendering import documents
from bridge.services.stores import access_keys, settings
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection


@click.command("access-keys", cls=Command)
@click.argument("slug")
@click.option("--make", is_flag=True, help="Create another key and print it; it is shown only once.")
@click.option(
    "--revoke",
    metavar="PREFIX",
    help="Revoke the key that begins with PREFIX. Requests with it are refused; this cannot be undone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(slug: str, make: bool, revoke: str | None, as_json: bool) -> None:
    """List the access keys of the store SLUG and when each was last used.

    Keys of linked sites are not included.
    """
    transaction = prepared().database.transaction

    def act(connection: Connection) -> dict[str, Any]:
        store = settings.get_store(connection, slug)
        done: dict[str, Any] = {}
        if revoke is not None:
            done["revoked"] = access_keys.revoke(
                connection, store, access_keys.find(connection, store, revoke).id, actor=ACTOR, now=utcnow()
            ).prefix
        if make:
            done["access_key"] = access_keys.make(connection, store, actor=ACTOR, now=utcnow())
        done["items"] = access_keys.list_keys(connection, store)
        return done

    done = in_transaction(transaction, act)
    if as_json:
        items = [
            {
                "prefix": key.prefix,
                "name": key.name,
                "created_at": documents.format_timestamp(key.created_at),
                "last_used_at": documents.format_timestamp(key.last_used_at),
                "expires_at": documents.format_timestamp(key.expires_at),
            }
            for key in done["items"]
        ]
        click.echo(json.dumps(done | {"items": items}))
        return
    if revoke is not None:
        click.echo(f"{done['revoked']}… was revoked.")
    if make:
        click.echo(f"The new access key, shown only once: {done['access_key']}")
    for key in done["items"]:
        name = f"  {key.name}" if key.name else ""
        end = f"  expires {local(key.expires_at)}" if key.expires_at else ""
        click.echo(f"{key.prefix}…  created {local(key.created_at)}  last used {local(key.last_used_at)}{end}{name}")
    if not done["items"]:
        click.echo(f"The store has no access key. Create one: flask stores access-keys {slug} --make")
