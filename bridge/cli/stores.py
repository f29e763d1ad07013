"""Commands for stores: connecting a shop, and listing those that are connected."""

from __future__ import annotations

import json

import click

from bridge.cli.tools import Group, prepared, utcnow
from bridge.domain.limits import WEEKDAYS
from bridge.services import stores
from bridge.services.stores import NewStore
from bridge.services.transactions import in_transaction


@click.group("stores", cls=Group)
def group() -> None:
    """The shops this service grants tokens for."""


@group.command("add")
@click.argument("slug")
@click.option("--url", required=True, help="The shop's address, such as https://shop.example.com.")
@click.option("--name", default="", help="What pages call the shop; its host name where none is given.")
@click.option("--timezone", "time_zone", default="UTC", show_default=True, help="The zone its days begin in.")
@click.option("--week-start", type=click.Choice(WEEKDAYS), default="monday", show_default=True, metavar="DAY")
@click.option("--consumer-key", help="The shop's REST key; with it the service can ask the shop.")
@click.option("--consumer-secret", help="The REST key's secret.")
@click.option("--webhook-secret", help="What the shop signs its webhooks with; made here where none is given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(
    slug: str,
    url: str,
    name: str,
    time_zone: str,
    week_start: str,
    consumer_key: str | None,
    consumer_secret: str | None,
    webhook_secret: str | None,
    as_json: bool,
) -> None:
    """Connect a shop under the name SLUG and print its secrets, this once."""
    tools = prepared()
    wanted = NewStore(
        slug=slug,
        url=url,
        name=name,
        time_zone=time_zone,
        week_start=week_start,
        consumer_key=consumer_key,
        consumer_secret=consumer_secret,
        webhook_secret=webhook_secret,
    )
    connected = in_transaction(
        tools.database.transaction,
        lambda connection: stores.add_store(connection, wanted, vault_=tools.vault, now=utcnow()),
    )
    shown = {
        "store": connected.store.slug,
        "webhook_url": f"{tools.config.public_url}/webhooks/woocommerce/{connected.store.slug}",
        "webhook_secret": connected.webhook_secret,
        "access_key": connected.access_key,
    }
    if as_json:
        click.echo(json.dumps(shown))
        return
    click.echo(f"{connected.store.name} is connected as {connected.store.slug}. These are shown this once:")
    for label, key in (
        ("webhook URL", "webhook_url"),
        ("webhook secret", "webhook_secret"),
        ("access key", "access_key"),
    ):
        click.echo(f"  {label:<15} {shown[key]}")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(as_json: bool) -> None:
    """List every shop."""
    tools = prepared()
    with tools.database.reading() as connection:
        found = stores.list_stores(connection)
    if as_json:
        click.echo(json.dumps([stores.describe(store) for store in found]))
        return
    if not found:
        click.echo("No shop is connected yet: flask stores add SLUG --url URL")
    for store in found:
        click.echo(f"{store.slug:<20} {store.name:<30} {store.url}  ({store.time_zone})")
