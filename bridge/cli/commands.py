"""The list of commands."""

from __future__ import annotations

from flask import Flask

from bridge.cli import (
    accounts,
    admins,
    audit,
    backups,
    deliveries,
    demo,
    packages,
    prune,
    reconcile,
    serve,
    stores,
    webhooks,
)

COMMANDS = (
    serve.command,
    demo.command,
    stores.group,
    webhooks.group,
    packages.group,
    reconcile.command,
    deliveries.group,
    accounts.group,
    audit.command,
    prune.command,
    admins.group,
    backups.save,
    backups.restore,
)


def install(app: Flask) -> None:
    """Give the app its commands."""
    for command in COMMANDS:
        app.cli.add_command(command)
