"""Commands for stores: connect a shop, list stores, check a connection."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from bridge.cli import access_keys, addresses, connect_codes, store_changes
from bridge.cli.base import ACTOR, Group, address, created, local, prepared, utcnow
from bridge.domain.errors import InvalidRequest, ShopUnreachable
from bridge.domain.metering.limits import WEEKDAYS
from bridge.domain.shop.authorization import RestKeys
from bridge.domain.shop.issues import Code, Issue
from bridge.domain.shop.monitor import HealthSnapshot, states
from bridge.domain.shop.subscriptions import TOPICS
from bridge.domain.stores.pasted_text import clean_credential
from bridge.domain.stores.stores import Store
from bridge.domain.stores.zones import ZoneSource
from bridge.rendering import documents, issues, zones
from bridge.rendering.stores import store_document
from bridge.runtime import Runtime
from bridge.services.ops import clock
from bridge.services.ops.addresses import ServiceAddress, check_delivery, is_local_trial
from bridge.services.shop import authorization, backfill, inbox, monitor, shop_keys, site_lookup, subscriptions
from bridge.services.shop.monitor import MonitorContext
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.stores.settings import HISTORY_ANSWERS, Connected, NewStore
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection

Found = tuple[str, tuple[str, ...], str]
"""One problem: its code, the webhook topics it concerns, and its message."""


@click.group("stores", cls=Group)
def group() -> None:
    """Connect shops, and check and change their stores."""


for _command in (
    access_keys.command,
    connect_codes.command,
    store_changes.rename,
    store_changes.move,
    store_changes.remove,
):
    group.add_command(_command)


@group.command("add")
@click.argument("slug")
@click.option("--url", required=True, help="The shop's address, such as https://shop.example.com.")
@click.option("--name", default="", help="The name shown on pages. Default: the shop's name.")
@click.option(
    "--timezone",
    "time_zone",
    default="",
    help="The store's time zone, such as Europe/Paris or +05:30. Default: the shop's.",
)
@click.option(
    "--week-start",
    type=click.Choice(WEEKDAYS),
    default="monday",
    show_default=True,
    metavar="DAY",
    help="The day on which weekly limits reset.",
)
@click.option("--consumer-key", help="The shop's REST key, used to read orders and repair webhooks.")
@click.option("--consumer-secret", help="The REST key's secret.")
@click.option("--webhook-secret", help="The secret that signs the shop's webhooks. Default: a new one.")
@click.option(
    "--history",
    type=click.Choice(HISTORY_ANSWERS),
    default="ask",
    show_default=True,
    help="What to do with orders placed before now: grant, skip, or decide later (ask).",
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
    """Connect a shop as the store SLUG and print its secrets. They are shown only once."""
    runtime = created()
    given = settings.check_new(
        NewStore(
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
    )
    given = replace(given, name=name, time_zone=time_zone and given.time_zone)
    with runtime.database.reading() as connection:
        settings.check_free(connection, slug)
        settings.check_not_connected(connection, given.url)
    where = addresses.warn(runtime, given.url, is_for_machines=as_json)
    site = None if name and time_zone else site_lookup.look_up_site(given.url)

    def connect(connection: Connection) -> Connected:
        settings.check_not_connected(connection, given.url)
        wanted = site_lookup.from_site(given, site)
        return settings.add_store(connection, wanted, vault_=runtime.vault, actor=ACTOR, now=utcnow())

    connected = in_transaction(runtime.database.transaction, connect)
    shown = {
        "store": connected.store.slug,
        "webhook_url": f"{where.url}{subscriptions.PATH}{connected.store.slug}",
        "webhook_secret": connected.webhook_secret,
        "access_key": connected.access_key,
    }
    if as_json:
        click.echo(json.dumps(shown))
        return
    click.echo("\n".join(_connected_lines(connected.store, shown, given, site_lookup.zone_source_of(given, site))))


def _connected_lines(store: Store, shown: dict[str, str], given: NewStore, zone_source: ZoneSource | None) -> list[str]:
    lines = [f"{store.name} is connected as {store.slug}. Copy these values now: they are shown only once."]
    for label, key in (
        ("webhook URL", "webhook_url"),
        ("webhook secret", "webhook_secret"),
        ("access key", "access_key"),
    ):
        lines.append(f"  {label:<15} {shown[key]}")
    lines += [
        f"In WooCommerce, Settings, Advanced, Webhooks, add one webhook with API version v3 for each of these"
        f" {len(TOPICS)} topics, all with this URL and secret. If the store has REST keys, run instead: flask webhooks"
        f" install {store.slug}",
        *(f"  {topic}" for topic in TOPICS),
    ]
    if zone_source is not None:
        lines.append(zones.describe(zone_source))
    if given.consumer_key:
        lines.append(f"The REST keys were stored without a test. Test them: flask stores check {store.slug}")
    if store.history == "ask":
        lines.append(_question(store))
    return lines


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(as_json: bool) -> None:
    """List all stores."""
    runtime = prepared()
    with runtime.database.reading() as connection:
        found = settings.list_stores(connection)
    if as_json:
        click.echo(json.dumps([store_document(store) for store in found]))
        return
    if not found:
        click.echo("No shop is connected yet. Connect one: flask stores add SLUG --url URL")
    for store in found:
        click.echo(f"{store.slug:<20} {store.name:<30} {store.url}  ({store.time_zone})")


@group.command("keys")
@click.argument("slug")
@click.option("--consumer-key", required=True, help="The shop's REST key.")
@click.option("--consumer-secret", required=True, help="The REST key's secret.")
@click.option(
    "--untested", is_flag=True, help="Store the keys without testing them, for example while the shop is down."
)
def keys(slug: str, consumer_key: str, consumer_secret: str, untested: bool) -> None:
    """Set or replace the REST keys of the store SLUG.

    The keys are tested first. If they cannot read and write in the shop, the
    store keeps its current keys.
    """
    runtime = prepared()
    typed = RestKeys(clean_credential(consumer_key), clean_credential(consumer_secret))
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
        other = authorization.store_of_key(connection, typed.consumer_key, vault_=runtime.vault)
    if fault := typed.mix_up:
        raise InvalidRequest(f"{fault} {_kept(store)}")
    if not untested:
        try:
            authorization.check_keys(Shops(runtime.vault), store.url, typed)
        except ShopUnreachable as error:
            whose = f" This is the key of the store {other.slug}." if other and other.id != store.id else ""
            raise InvalidRequest(f"{error.detail}.{whose} {_kept(store)}") from error
    in_transaction(
        runtime.database.transaction,
        lambda connection: shop_keys.set_keys(
            connection,
            store,
            consumer_key=typed.consumer_key,
            consumer_secret=typed.consumer_secret,
            vault_=runtime.vault,
            actor=ACTOR,
            now=utcnow(),
        ),
    )
    how = "They were not tested" if untested else f"{store.url} accepted them: they can read and write"
    click.echo(f"The REST keys of {store.name} were replaced. {how}. Check the connection: flask stores check {slug}")


def _kept(store: Store) -> str:
    return f"Nothing was changed: the store {store.slug} keeps its current keys."


@group.command("history")
@click.argument("slug")
@click.argument("answer", type=click.Choice(["grant", "skip"]))
def history(slug: str, answer: str) -> None:
    """Grant the orders placed before the store SLUG was connected, or skip them.

    To grant them, the running service reads all orders of the shop in the
    background. Tokens already granted stay.
    """
    runtime = prepared()
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
    in_transaction(
        runtime.database.transaction,
        lambda connection: settings.answer_history(connection, store, answer, actor=ACTOR, now=utcnow()),
    )
    if answer == "grant":
        click.echo(
            "The running service starts to grant past orders within seconds, in the background."
            f" Show the progress: flask stores check {slug}\nIf no service is running: flask reconcile {slug}"
        )
    else:
        click.echo("Orders placed before the shop was connected are not granted.")


@group.command("accept-source")
@click.argument("slug")
@click.argument("url")
def accept_source(slug: str, url: str) -> None:
    """Accept deliveries from the site URL as deliveries of the store SLUG.

    The scheduler then processes the waiting deliveries of that site.
    """
    runtime = prepared()

    def accept(connection: Connection) -> int:
        return inbox.accept_source(connection, settings.get_store(connection, slug), url, actor=ACTOR, now=utcnow())

    count = in_transaction(runtime.database.transaction, accept)
    click.echo(f"Deliveries from {url} are accepted. {count} waiting deliveries are processed now.")


@group.command("check")
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(slug: str, as_json: bool) -> None:
    """Check the connection of the store SLUG. Exit with status 1 if there is a problem.

    Prints the cause and the remedy of each problem.
    """
    runtime = prepared()
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
        progress = backfill.progress_of(connection, store.id)
    where = address(runtime)
    # The running service's address counts: deliveries arrive there, regardless of this command's environment.
    monitoring = MonitorContext(
        runtime.database.transaction,
        Shops(runtime.vault),
        where.recorded_url or where.url,
        installation=runtime.config.installation,
    )
    seen, faults = monitor.look(monitoring, store, now=utcnow())
    found = [
        *((issue.code.value, issue.topics, issues.describe_with_command(issue, slug=slug)) for issue in faults),
        *_address_faults(where, faults, store),
        *_host_clock_faults(runtime),
    ]
    if as_json:
        click.echo(json.dumps(_document(store, seen, found)))
    else:
        for line in _lines(store, seen, [sentence for _, _, sentence in found], progress):
            click.echo(line)
    if found:
        sys.exit(1)


def _host_clock_faults(runtime: Runtime) -> list[Found]:
    """Return the problem of this host's clock, compared with the database and all shops."""
    with runtime.database.reading() as connection:
        checked = clock.check(connection, now=utcnow())
    return [("host_clock", (), checked.sentence)] if checked.sentence else []


def _address_faults(where: ServiceAddress, faults: Sequence[Issue], store: Store) -> list[Found]:
    """Return the problems of the public URL that the monitor does not report."""
    found: list[Found] = []
    if where.mismatch:
        found.append(("address_differs", (), where.mismatch))
    unreachable = check_delivery(where.recorded_url or where.url, shop_url=store.url)
    is_known = any(fault.code is Code.ADDRESS_LOCAL for fault in faults)
    if unreachable and not is_known and not is_local_trial(store.url):
        found.append(("address_unreachable", (), unreachable.rstrip(".")))
    return found


def _question(store: Store) -> str:
    return (
        "Orders placed before now wait for your decision:"
        f" flask stores history {store.slug} grant, or: flask stores history {store.slug} skip"
    )


def _past_orders(store: Store, progress: tuple[int, int] | None) -> str:
    if store.history == "ask":
        return "wait for your decision"
    if progress is None:
        return store.history
    return f"being granted: {progress[0]:,}{f' of {progress[1]:,}' if progress[1] else ''} read so far"


def _lines(store: Store, seen: HealthSnapshot, sentences: Sequence[str], progress: tuple[int, int] | None) -> list[str]:
    state = "no keys" if not seen.has_keys else "unreachable" if seen.shop_fault else "reachable"
    offset = seen.clock_offset_seconds
    lines = [
        f"REST           {state}",
        f"clock          {'-' if offset is None else f'{offset:+d} s'}",
        f"last delivery  {local(seen.last_delivery_at)}",
        f"packages       {seen.packages}",
        f"past orders    {_past_orders(store, progress)}",
    ]
    if seen.webhooks is not None:
        lines.append("webhooks")
        for topic, found in states(seen.webhooks, seen.address).items():
            lines.append(f"  {topic:<18} {', '.join(sorted(found)) or 'missing'}")
    if store.history == "ask":
        lines.append(_question(store))
    lines += [f"FAULT {sentence}" for sentence in sentences]
    return lines if sentences else [*lines, "no problems found"]


def _document(store: Store, seen: HealthSnapshot, found: Sequence[Found]) -> dict[str, Any]:
    listed = None if seen.webhooks is None else states(seen.webhooks, seen.address)
    return {
        "store": store.slug,
        "rest": {
            "keys": seen.has_keys,
            "readable": seen.has_keys and not seen.shop_fault,
            "writable": seen.has_keys and not seen.shop_fault and not seen.write_fault,
        },
        "webhooks": None if listed is None else {topic: sorted(found) for topic, found in listed.items()},
        "clock_offset_seconds": seen.clock_offset_seconds,
        "last_delivery_at": documents.format_timestamp(seen.last_delivery_at),
        "packages": seen.packages,
        "history": store.history,
        "faults": [{"code": code, "topics": list(topics), "sentence": sentence} for code, topics, sentence in found],
    }
