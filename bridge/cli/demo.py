"""The demo command: the service with two temporary example shops."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import timedelta

import click

from bridge.cli import demo_fakeshop, listening, serve
from bridge.cli.base import Command, utcnow
from bridge.cli.demo_shop import DemoShop
from bridge.config import ROOT
from bridge.runtime import runtime
from bridge.services.ops import schema_version
from bridge.services.secrets import Vault
from bridge.storage.engine.database import Database

DAYS = 30


@click.command("demo", cls=Command)
def command() -> None:
    """Start the service with a temporary database and two example shops.

    One shop has a month of orders and usage. The other, fakeshop, runs beside
    the service, can be read through REST, and delivers a new order every few
    seconds. The database is in instance/, one for each port, and is created
    again at each start.
    """
    config = runtime().config
    listener = listening.bind(config)
    _, port = config.host_and_port
    folder = ROOT / "instance" / f"demo-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    url = f"sqlite:///{folder / 'bridge.sqlite3'}"
    config = replace(config, database_url=url)
    # The web server that replaces this process reads its settings from the environment again.
    os.environ["BRIDGE_DATABASE_URL"] = url
    database = Database(url)
    schema_version.prepare(database)
    vault = Vault(config.secret_key)
    shop = DemoShop.connect(database, vault, now=utcnow() - timedelta(days=DAYS))
    with click.progressbar(length=DAYS, label="Creating a month of orders and usage") as bar:
        for _ in shop.live(until=utcnow()):
            bar.update(1)
    bought_from = demo_fakeshop.open_shop(config)
    selling = demo_fakeshop.connect(database, vault, bought_from, public_url=config.public_url)
    notes = (
        f"  demo shop   {config.public_url}/admin/{shop.slug}/credits",
        f"  access key  {shop.access_key} (of the demo shop)",
        f"  {selling.slug}    {config.public_url}/admin/{selling.slug}/credits (sells automatically, at {selling.url})",
    )
    serve.start(config, database, listener, notes=notes)
