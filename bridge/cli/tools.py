"""What every command needs: the parts of the installation, and errors told in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from bridge.config import Config
from bridge.domain.errors import BridgeError
from bridge.services import installation
from bridge.services.vault import Vault
from bridge.storage.database import Database

_NAME = "bridge.cli"


@dataclass(frozen=True, slots=True)
class Tools:
    """The settings, the database they name, and what opens its secrets."""

    config: Config
    database: Database
    vault: Vault


def install(app: Flask, tools: Tools) -> None:
    """Keep the tools where commands find them."""
    app.extensions[_NAME] = tools


def tools() -> Tools:
    """The tools of the app the command was given, whatever state its database is in."""
    return cast(Tools, current_app.extensions[_NAME])


def prepared() -> Tools:
    """The tools, with the database created or brought forward first."""
    found = tools()
    installation.prepare(found.database)
    return found


class Command(click.Command):
    """A command that runs in the app's context and ends with a sentence where the service says no."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a `BridgeError` becomes its sentence and exit status 1."""
        try:
            return with_appcontext(super().invoke)(ctx)
        except BridgeError as error:
            raise click.ClickException(sentence_of(error)) from error


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def sentence_of(error: BridgeError) -> str:
    """What somebody at a terminal is told: the bad fields where there are any, else the error's own sentence."""
    if error.fields:
        return "\n".join(f"{field.field}: {field.message}" for field in error.fields)
    return error.detail


def utcnow() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def local(moment: datetime | None) -> str:
    """A moment as the terminal shows it: UTC to the second, a dash for none."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
