"""Commands for stores: connecting a shop, and listing those that are connected."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from bridge.cli import access_keys
from bridge.cli.tools import Group, local, prepared, utcnow
from bridge.domain.limits import WEEKDAYS
from bridge.domain.stores import Store
from bridge.domain.watchdog import Fault, Sighting, standings
from bridge.services import answers, stores, watchdog
from bridge.services.shops import Shops
from bridge.services.stores import HISTORY_ANSWERS, NewStore
from bridge.services.transactions import in_transaction
from bridge.services.watchdog import Post


@click.group("stores", cls=Group)
def group() -> None:
    """The shops this service grants tokens for."""


group.add_command(access_keys.command)


@group.command("add")
@click.argument("slug")
@click.option("--url", required=True, help="The shop's address, such as https://shop.example.com.")
@click.option("--name", default="", help="What pages call the shop; its host name where none is given.")
@click.option("--timezone", "time_zone", default="UTC", show_default=True, help="The zone its days begin in.")
@click.option("--week-start", type=click.Choice(WEEKDAYS), default="monday", show_default=True, metavar="DAY")
@click.option("--consumer-key", help="The shop's REST key; with it the service can ask the shop.")
@click.option("--consumer-secret", help="The REST key's secret.")
@click.option("--webhook-secret", help="What the shop signs its webhooks with; made here where none is given.")
@click.option(
    "--history",
    type=click.Choice(HISTORY_ANSWERS),
    default="ask",
    show_default=True,
    help="What becomes of orders placed before now: grant them, skip them, or answer later.",
)
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
    history: str,
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
        history=history,
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
    if history == "ask":
        click.echo(_question(connected.store))


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


@group.command("keys")
@click.argument("slug")
@click.option("--consumer-key", required=True, help="The shop's REST key.")
@click.option("--consumer-secret", required=True, help="The REST key's secret.")
def keys(slug: str, consumer_key: str, consumer_secret: str) -> None:
    """Give the store SLUG its shop's REST keys, in place of those it has."""
    tools = prepared()
    with tools.database.reading() as connection:
        store = stores.get_store(connection, slug)
    in_transaction(
        tools.database.transaction,
        lambda connection: stores.set_keys(
            connection, store, consumer_key=consumer_key, consumer_secret=consumer_secret, vault_=tools.vault
        ),
    )
    click.echo(f"{store.name} is asked with these keys from now on; see how it goes with: flask stores check {slug}")


@group.command("history")
@click.argument("slug")
@click.argument("answer", type=click.Choice(["grant", "skip"]))
def history(slug: str, answer: str) -> None:
    """Grant the orders placed before SLUG was connected, or skip them.

    To grant them, the next reconciliation reads the shop from its first order.
    What was granted already stays as it is.
    """
    tools = prepared()
    with tools.database.reading() as connection:
        store = stores.get_store(connection, slug)
    in_transaction(tools.database.transaction, lambda connection: stores.answer_history(connection, store, answer))
    if answer == "grant":
        click.echo(f"Past orders are granted by the next reconciliation, or now with: flask reconcile {slug}")
    else:
        click.echo("Orders placed before the shop was connected grant nothing.")


@group.command("check")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(slug: str, as_json: bool) -> None:
    """Say how it goes with the shop SLUG: exit status 1 and a sentence for each thing that is wrong."""
    tools = prepared()
    with tools.database.reading() as connection:
        store = stores.get_store(connection, slug)
    post = Post(tools.database.transaction, Shops(tools.vault), tools.config.public_url)
    seen, faults = watchdog.look(post, store, now=utcnow())
    if as_json:
        click.echo(json.dumps(_document(store, seen, faults)))
    else:
        for line in _lines(store, seen, faults):
            click.echo(line)
    if faults:
        sys.exit(1)


def _question(store: Store) -> str:
    return (
        "Orders placed before now are not granted until you say so:"
        f" flask stores history {store.slug} grant, or: flask stores history {store.slug} skip"
    )


def _lines(store: Store, seen: Sighting, faults: tuple[Fault, ...]) -> list[str]:
    state = "no keys" if not seen.has_keys else "unreachable" if seen.shop_fault else "reachable"
    offset = seen.clock_offset_seconds
    lines = [
        f"REST           {state}",
        f"clock          {'-' if offset is None else f'{offset:+d} s'}",
        f"last delivery  {local(seen.last_delivery_at)}",
        f"packages       {seen.packages}",
        f"past orders    {'not granted until you answer' if store.history == 'ask' else store.history}",
    ]
    if seen.webhooks is not None:
        lines.append("webhooks")
        for topic, found in standings(seen.webhooks, seen.address).items():
            lines.append(f"  {topic:<18} {', '.join(sorted(found)) or 'missing'}")
    if store.history == "ask":
        lines.append(_question(store))
    lines += [f"FAULT {fault.sentence}" for fault in faults]
    return lines if faults else [*lines, "all is well"]


def _document(store: Store, seen: Sighting, faults: tuple[Fault, ...]) -> dict[str, Any]:
    listed = None if seen.webhooks is None else standings(seen.webhooks, seen.address)
    return {
        "store": store.slug,
        "rest": {
            "keys": seen.has_keys,
            "readable": seen.has_keys and not seen.shop_fault,
            "writable": seen.has_keys and not seen.shop_fault and not seen.write_fault,
        },
        "webhooks": None if listed is None else {topic: sorted(found) for topic, found in listed.items()},
        "clock_offset_seconds": seen.clock_offset_seconds,
        "last_delivery_at": answers.instant(seen.last_delivery_at),
        "packages": seen.packages,
        "history": store.history,
        "faults": [
            {"code": fault.code.value, "topics": list(fault.topics), "sentence": fault.sentence} for fault in faults
        ],
    }
