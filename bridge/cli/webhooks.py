"""Commands for the webhooks in the shops."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from bridge.cli import addresses
from bridge.cli.base import Group, prepared, utcnow
from bridge.domain.shop.subscriptions import Action
from bridge.services.shop import subscriptions
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings

_WORDS = {Action.KEEP: "kept", Action.CREATE: "created", Action.DELETE: "deleted"}


@click.group("webhooks", cls=Group)
def group() -> None:
    """Create or repair the webhooks with which a shop sends its orders."""


@group.command("install")
@click.argument("slug")
@click.option("--dry-run", is_flag=True, help="Show what would be done, without doing it.")
@click.option("--force", is_flag=True, help="Install the webhooks even if the shop cannot reach the public URL.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def install(slug: str, dry_run: bool, force: bool, as_json: bool) -> None:
    """Create the webhooks in the shop SLUG, or repair them.

    Every topic gets one active webhook with the store's secret. Webhooks of this
    service that are paused, disabled or have another delivery URL are recreated;
    other webhooks are not changed. Refuses a public URL that differs from the
    running service's or that the shop cannot reach.
    """
    runtime = prepared()
    with runtime.database.reading() as connection:
        store = settings.get_store(connection, slug)
    where = addresses.require(runtime, store.url, is_forced=force or dry_run, is_for_machines=as_json)
    target, steps = subscriptions.install(
        runtime.database.transaction,
        Shops(runtime.vault),
        store,
        public_url=where.url,
        installation=runtime.config.installation,
        is_dry=dry_run,
        now=utcnow(),
    )
    if as_json:
        listed = [asdict(step) for step in steps]
        click.echo(json.dumps({"store": slug, "url": target.address.url, "dry_run": dry_run, "steps": listed}))
        return
    for step in steps:
        number = f" {step.webhook_id}" if step.webhook_id else ""
        verb = f"would be {_WORDS[step.action]}" if dry_run else _WORDS[step.action]
        click.echo(f"{step.topic:<18} {verb}{number} ({step.why})")
    count = len(subscriptions.changes_of(steps))
    click.echo(f"{count} changes {'would be ' if dry_run else ''}made; the webhooks deliver to {target.address.url}")
