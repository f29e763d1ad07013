"""The scheduler in its own process: `python -m schedulers`."""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import UTC, datetime

from bridge.config import load_config
from bridge.domain.errors import BridgeError
from bridge.logs import configure_logs
from bridge.metrics.recorder import SAMPLE_SECONDS, shared_metrics
from bridge.rendering import ids
from bridge.services.ops import addresses, schema_version
from bridge.services.secrets import Vault
from bridge.storage.engine.database import Database
from schedulers.schedule import timetable_for
from schedulers.ticker import Scheduler


def main() -> None:
    """Run until SIGTERM or Ctrl-C; a running job finishes its current item."""
    argparse.ArgumentParser(prog="python -m schedulers", description=__doc__).parse_args()
    config = load_config()
    configure_logs(config)
    ids.use_key(config.secret_key)
    metrics = shared_metrics(config.metrics_directory)
    database = Database(config.database_url, on_outage=metrics.note_outage, on_write_wait=metrics.note_write_wait)
    schema_version.prepare(database)
    # The signal is waited for, not handled: a handler that sets an event can deadlock with its own thread.
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with database.reading() as connection:
        address = addresses.service_address(connection, config.public_url, is_set=config.is_public_url_set)
    timetable = timetable_for(
        Vault(config.secret_key), address.url, installation=config.installation, has_audit=config.audit
    )
    scheduler = Scheduler(database, clock=lambda: datetime.now(UTC), timetable=timetable, metrics=metrics)
    scheduler.start()
    metrics.note_process("scheduler")
    while signal.sigtimedwait(stops, SAMPLE_SECONDS) is None:
        metrics.note_process("scheduler")
        metrics.flush()
    scheduler.stop()
    database.close()


if __name__ == "__main__":
    try:
        main()
    except BridgeError as error:
        sys.exit(f"Error: {error.detail}")
