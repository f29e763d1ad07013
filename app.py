"""Token Bridge: compose the application."""

from __future__ import annotations

import sys

import click
from flask import Flask
from flask.cli import NoAppException

from bridge.cli import commands
from bridge.config import Config, load_config
from bridge.domain.errors import BadSetting
from bridge.logs import configure_logs
from bridge.metrics.exposition import Exposition
from bridge.metrics.recorder import Metrics, shared_metrics
from bridge.rendering import ids
from bridge.runtime import Runtime
from bridge.services.metering.batcher import GroupCommit
from bridge.services.ops.health import Readiness
from bridge.services.secrets import Vault
from bridge.services.shop.rest import Shops
from bridge.storage.engine.database import Database
from bridge.web import BLUEPRINTS, errors, security
from bridge.web.admin import template_filters
from bridge.web.context import utcnow
from bridge.web.server import body_limits, proxies, public_path, routes, waiting, worker
from bridge.web.server.asgi import AsgiApp
from bridge.web.server.web_app import WebApp
from schedulers.schedule import timetable_for
from schedulers.ticker import Scheduler

_CONNECTIONS = 16
"""How many connections to PostgreSQL are kept for requests: the server limits them, and each request takes a moment."""


def create_app(config: Config | None = None, *, metrics: Metrics | None = None) -> Flask:
    """Return the web service, ready to answer; settings come from the environment where none are given."""
    try:
        return _put_together(config or load_config(), metrics or Metrics())
    except BadSetting as error:
        if click.get_current_context(silent=True) is None:
            raise
        if not any(not argument.startswith("-") for argument in sys.argv[1:]):
            # `flask --help` prints a sentence for this error and a traceback for every other one.
            raise NoAppException(error.detail) from error
        raise click.ClickException(error.detail) from error


def create_worker() -> AsgiApp:
    """Return what a worker process of the web server runs."""
    config = load_config()
    return worker.build(create_app(config, metrics=shared_metrics(config.metrics_directory)), config)


def _put_together(config: Config, metrics: Metrics) -> Flask:
    configure_logs(config)
    ids.use_key(config.secret_key)
    database = Database(
        config.database_url,
        pool_size=_pool_size(config),
        on_outage=metrics.note_outage,
        on_write_wait=metrics.note_write_wait,
    )
    group_commit = GroupCommit(database, clock=utcnow, on_batch=metrics.note_batch)
    app = WebApp(__name__)
    app.secret_key = config.secret_key
    app.json.sort_keys = False  # type: ignore[attr-defined]
    vault = Vault(config.secret_key)
    runtime = Runtime(config, database, vault, Shops(vault), group_commit, metrics=metrics)
    app.extensions["bridge"] = runtime
    app.extensions["bridge.readiness"] = Readiness(database, now=utcnow())
    app.extensions["bridge.exposition"] = Exposition(metrics, database, clock=utcnow)
    # Started by the worker that has it, after the fork.
    app.extensions["bridge.scheduler"] = Scheduler(
        database,
        clock=utcnow,
        timetable=timetable_for(vault, config.public_url, installation=config.installation, has_audit=config.audit),
        metrics=metrics,
    )
    commands.install(app)
    routes.install(app)
    waiting.install(app)
    errors.install(app)
    body_limits.install(app)
    security.install(app, config)
    template_filters.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    public_path.install(app, config.public_url)
    # Outermost, so that everything else sees the client's address.
    proxies.install(app, config.trusted_proxies)
    return app


def _pool_size(config: Config) -> int:
    """Return how many connections to the database are kept; two are for jobs and the group commit."""
    # On SQLite a connection is an open file: to wait for one costs a read more than to have it.
    is_embedded = config.database_url.startswith("sqlite:")
    return (config.threads if is_embedded else min(config.threads, _CONNECTIONS)) + 2
