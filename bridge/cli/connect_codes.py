"""The command that creates a connect code for the WordPress plugin."""

from __future__ import annotations

import json

import click

from bridge.cli.base import ACTOR, Command, address, local, prepared, utcnow
from bridge.domain.shop.connect_codes import LIFE
from bridge.rendering.documents import format_timestamp
from bridge.services.shop import connect_codes
from bridge.services.shop.connect_codes import NewCode
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection


@click.command("connect-code", cls=Command)
@click.argument("slug", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(slug: str | None, as_json: bool) -> None:
    """Create a code that connects the WordPress plugin to the store SLUG, once.

    Without SLUG, the site that uses the code becomes a new store.
    """
    runtime = prepared()
    where = address(runtime)

    def make(connection: Connection) -> NewCode:
        store = None if slug is None else settings.get_store(connection, slug)
        return connect_codes.new_code(connection, store, public_url=where.url, made_by=ACTOR, now=utcnow())

    made = in_transaction(runtime.database.transaction, make)
    if as_json:
        shown = {"code": made.code, "expires_at": format_timestamp(made.expires_at), "store": slug, "url": where.url}
        click.echo(json.dumps(shown))
        return
    minutes = int(LIFE.total_seconds()) // 60
    click.echo(
        f"{made.code}\nPaste this code in WordPress, Token Bridge, Connect. It works once, for {minutes} minutes,"
    )
    click.echo(f"until {local(made.expires_at)}. It is shown only here.")
