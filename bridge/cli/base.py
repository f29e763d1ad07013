"""The base of every command: a prepared database, error messages, and times for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
from flask.cli import with_appcontext

from bridge.domain.errors import BridgeError
from bridge.runtime import Runtime, runtime
from bridge.services.ops import addresses, schema_version
from bridge.services.ops.addresses import ServiceAddress

_LONGEST_SENTENCE = 200

ACTOR = "command line"
"""The actor of changes that a command makes, in the ledger and the audit log."""


def prepared() -> Runtime:
    """Return the runtime with the database migrated; raises `BadSetting` if there is no database."""
    found = runtime()
    schema_version.bring_forward(found.database)
    return found


def created() -> Runtime:
    """Return the runtime with the database created or migrated, for commands that start an installation."""
    found = runtime()
    schema_version.prepare(found.database)
    return found


def address(found: Runtime) -> ServiceAddress:
    """Return the public URL: the one that the service recorded, unless another one is set explicitly."""
    with found.database.reading() as connection:
        config = found.config
        return addresses.service_address(connection, config.public_url, is_set=config.is_public_url_set)


class Command(click.Command):
    """A command that runs in the app context and shows a `BridgeError` as a message."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a `BridgeError` becomes its message and exit status 1."""
        try:
            return with_appcontext(super().invoke)(ctx)
        except BridgeError as error:
            raise click.ClickException(sentence_of(error)) from error

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the whole first sentence, for the list of commands; click would cut it at the end of the line."""
        return super().get_short_help_str(_LONGEST_SENTENCE)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def sentence_of(error: BridgeError) -> str:
    """Return the message for a terminal: the invalid fields if there are any, otherwise the error's detail."""
    if error.fields:
        return "\n".join(f"{field.field}: {field.message}" for field in error.fields)
    return error.detail


def utcnow() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def local(moment: datetime | None) -> str:
    """Return a time for the terminal, in UTC to the second; a dash for None."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
