"""Token Bridge: puts the parts together."""

from __future__ import annotations

import atexit

from flask import Flask

from bridge.config import Config, load_config
from bridge.group_commit import GroupCommit
from bridge.logs import configure_logs
from bridge.services.vault import Vault
from bridge.storage.database import Database
from bridge.web import BLUEPRINTS, errors
from bridge.web.context import Parts, utcnow


def create_app(config: Config | None = None) -> Flask:
    """The web service, ready to answer; settings come from the environment where none are given."""
    config = config or load_config()
    configure_logs(config)
    database = Database(config.database_url, pool_size=config.threads + 2)
    group_commit = GroupCommit(database, clock=utcnow)
    atexit.register(group_commit.close)
    app = Flask(__name__)
    app.secret_key = config.secret_key
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["bridge"] = Parts(config, database, Vault(config.secret_key), group_commit)
    errors.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
