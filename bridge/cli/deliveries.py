"""Commands for the inbox: the deliveries of the shops, and their state."""

from __future__ import annotations

import json
from typing import Any

import click

from bridge.cli.base import Group, local, prepared, utcnow
from bridge.domain.errors import UnknownDelivery
from bridge.domain.shop.inbox import Delivery, State
from bridge.rendering import documents
from bridge.services.shop import inbox, processing
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction

_SHOWN = 20
_MOST = 1000


@click.group("deliveries", cls=Group)
def group() -> None:
    """Show the webhook deliveries of the shops, or process them again."""


@group.command("list")
@click.option("--store", help="Only deliveries of the store with this slug.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only deliveries in this state.")
@click.option("--before", type=int, metavar="ID", help="Only deliveries older than this one.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=_SHOWN, show_default=True, help="How many to list.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_(store: str | None, state: str | None, before: int | None, limit: int, as_json: bool) -> None:
    """List deliveries, newest first."""
    runtime = prepared()
    with runtime.database.reading() as connection:
        slugs = {known.id: known.slug for known in settings.list_stores(connection)}
        found = inbox.list_deliveries(
            connection,
            store_id=settings.get_store(connection, store).id if store else None,
            state=State(state) if state else None,
            before=before,
            limit=limit,
        )
    if as_json:
        click.echo(json.dumps([_document(delivery, slugs) for delivery in found]))
        return
    if not found:
        click.echo("No deliveries.", err=True)
    for delivery in found:
        click.echo(
            f"{delivery.id}  {local(delivery.received_at)}  {slugs[delivery.store_id]}  {delivery.topic or '-'}"
            f"  {delivery.resource_id or '-'}  {delivery.shown_state}  {delivery.outcome}{_repeats(delivery)}"
        )


@group.command("show")
@click.argument("delivery_id", metavar="ID", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(delivery_id: int, as_json: bool) -> None:
    """Print one delivery: its details, then its body as it was received."""
    runtime = prepared()
    with runtime.database.reading() as connection:
        slugs = {known.id: known.slug for known in settings.list_stores(connection)}
        delivery = inbox.find_delivery(connection, delivery_id)
    if delivery is None:
        raise UnknownDelivery(f"there is no delivery {delivery_id}")
    body = delivery.body.decode("utf-8", "replace")
    if as_json:
        click.echo(json.dumps({**_document(delivery, slugs), "body": body}))
        return
    for name, value in _document(delivery, slugs).items():
        click.echo(f"{name}: {'-' if value in (None, '') else value}")
    click.echo()
    click.echo(body)


@group.command("replay")
@click.argument("delivery_ids", metavar="ID...", type=int, nargs=-1, required=True)
def replay(delivery_ids: tuple[int, ...]) -> None:
    """Process deliveries again, whatever their state. Nothing is granted twice."""
    runtime = prepared()
    transaction = runtime.database.transaction
    failed = 0
    for delivery_id in delivery_ids:
        now = utcnow()
        if not in_transaction(
            transaction,
            lambda connection, id_=delivery_id, now=now: inbox.replay(connection, id_, now=now),  # type: ignore[misc]
        ):
            raise UnknownDelivery(f"there is no delivery {delivery_id} that can be processed")
        failed += not processing.process_stored(transaction, delivery_id, now=now, shops=Shops(runtime.vault))
        with runtime.database.reading() as connection:
            delivery = inbox.find_delivery(connection, delivery_id)
        click.echo(f"{delivery_id}  {delivery.state if delivery else '-'}  {delivery.outcome if delivery else ''}")
    if failed:
        raise click.ClickException(f"{failed} failed; the scheduler will retry them")


def _repeats(delivery: Delivery) -> str:
    return f"  (received {delivery.repeats + 1} times)" if delivery.repeats else ""


def _document(delivery: Delivery, slugs: dict[int, str]) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "store": slugs[delivery.store_id],
        "received_at": documents.format_timestamp(delivery.received_at),
        "topic": delivery.topic,
        "resource_id": delivery.resource_id,
        "source": delivery.source,
        "shop_delivery": delivery.shop_delivery,
        "webhook_id": delivery.webhook_id,
        "state": delivery.shown_state.value,
        "outcome": delivery.outcome,
        "held_for": delivery.held_for,
        "repeats": delivery.repeats,
        "repeated_at": documents.format_timestamp(delivery.repeated_at),
        "attempts": delivery.attempts,
        "processed_at": documents.format_timestamp(delivery.processed_at),
        "next_attempt_at": documents.format_timestamp(delivery.next_attempt_at),
    }
