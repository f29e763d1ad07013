"""Commands for packages: which of a shop's products bring tokens."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from bridge.cli.tools import Group, prepared, utcnow
from bridge.services import catalog_import, stores
from bridge.services.reconciliation import open_reading
from bridge.services.shops import Shops


@click.group("packages", cls=Group)
def group() -> None:
    """The products that bring tokens."""


@group.command("import")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_(slug: str, as_json: bool) -> None:
    """Read every product of the shop SLUG, and settle the orders that waited for one.

    Amounts set by hand stay; orders already placed keep theirs.
    """
    tools = prepared()
    with tools.database.reading() as connection:
        store = stores.get_store(connection, slug)
    reading = open_reading(tools.database.transaction, Shops(tools.vault), store)
    with reading.shop, click.progressbar(length=1, label="Reading products", hidden=as_json) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        imported = catalog_import.import_products(reading, now=utcnow(), progress=progress)
    if as_json:
        click.echo(json.dumps(asdict(imported)))
        return
    click.echo(
        f"{imported.packages} packages among {imported.products} products and {imported.variations} variations;"
        f" {imported.settled} waiting orders settled"
    )
