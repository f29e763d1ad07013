"""The parts of the running service, created once in `app.py` and passed to pages, API, commands and jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from bridge.config import Config
from bridge.metrics.recorder import Metrics
from bridge.services.admin.throttles import SignInThrottles, Throttle, unknown_id_throttle
from bridge.services.metering.batcher import GroupCommit
from bridge.services.secrets import Vault
from bridge.services.shop.plugin_connection import ShopChecks
from bridge.services.shop.rest import Shops
from bridge.storage.engine.database import Database


@dataclass(frozen=True, slots=True)
class Runtime:
    """The settings, the database they name, the vault of its secrets, and the clients of the shops.

    `group_commit`, the throttles and the metrics belong to one process: each
    worker of the web server counts for itself.
    """

    config: Config
    database: Database
    vault: Vault
    shops: Shops
    group_commit: GroupCommit
    sign_ins: SignInThrottles = field(default_factory=SignInThrottles)
    unknown_ids: Throttle = field(default_factory=unknown_id_throttle)
    shop_checks: ShopChecks = field(default_factory=ShopChecks)
    metrics: Metrics = field(default_factory=Metrics)


def runtime() -> Runtime:
    """Return the parts of the app that answers this request or runs this command."""
    return cast(Runtime, current_app.extensions["bridge"])
