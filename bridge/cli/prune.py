"""The command that deletes what is old, also where the scheduler refused to."""

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
@click.option("--force", is_flag=True, help="Trust the clock of this host, and delete what is old by it.")
def command(force: bool) -> None:
    """Delete idempotency keys, deliveries, events and the use of windows that are older than they are kept.

    The scheduler does this every hour. It refuses while the clock looks wrong,
    or where it would delete far more than usual: exit status 1 and the reason.
    Check the clock of this host first; then --force goes on.
    """
    database = prepared().database
    if force:
        for store in in_transaction(database.transaction, _trust_the_clock):
            click.echo(f"{store.slug}: orders placed from now on are new; it was connected by a clock that was ahead")
    outcome = jobs.prune(JobContext(database, utcnow), is_recorded=True, is_forced=force)
    click.echo(outcome if outcome.startswith(prune_guard.REFUSED) else f"{outcome} deleted")
    if outcome.startswith(prune_guard.REFUSED):
        sys.exit(1)


def _trust_the_clock(connection: Connection) -> list[Store]:
    clock.accept(connection)
    return settings.correct_boundaries(connection, now=utcnow())
