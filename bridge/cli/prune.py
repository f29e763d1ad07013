"""The command that deletes expired rows, also if the scheduler refused to."""

from __future__ import annotations

import sys

import click

from bridge.cli.base import Command, prepared, utcnow
from bridge.domain.stores.stores import Store
from bridge.services.ops import clock, prune_guard
from bridge.services.stores import settings
from bridge.services.transactions import in_transaction
from bridge.storage.engine.database import Connection
from schedulers import jobs
from schedulers.context import JobContext


@click.command("prune", cls=Command)
@click.option(
    "--force", is_flag=True, help="Trust the clock of this host, and delete the rows that have expired by it."
)
def command(force: bool) -> None:
    """Delete expired idempotency keys, deliveries, events and usage counts.

    The scheduler does this every hour. If the clock looks wrong, or far more
    rows than usual would be deleted, the command prints the reason and exits
    with status 1. Check the clock of this host, then use --force.
    """
    database = prepared().database
    if force:
        for store in in_transaction(database.transaction, _trust_the_clock):
            click.echo(
                f"{store.slug}: it was connected while the clock was ahead; orders placed from now on are granted"
            )
    outcome = jobs.prune(JobContext(database, utcnow), is_recorded=True, is_forced=force)
    click.echo(outcome if outcome.startswith(prune_guard.REFUSED) else f"{outcome} deleted")
    if outcome.startswith(prune_guard.REFUSED):
        sys.exit(1)


def _trust_the_clock(connection: Connection) -> list[Store]:
    clock.accept(connection)
    return settings.correct_boundaries(connection, now=utcnow())
