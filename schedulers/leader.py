"""Leader election: of all schedulers on one database, one works and the others stand by."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime

from bridge.domain.errors import BridgeError
from bridge.services.ops import job_runs
from bridge.services.transactions import in_transaction, waiting_at_most
from bridge.storage.engine.database import Database

log = logging.getLogger(__name__)

RENEW_SECONDS = 4.0
STANDBY_SECONDS = 2.0
"""How often a standby tries: with the lease's duration, it takes over within 15 seconds after a leader was killed."""


class Leader:
    """Takes the lease, renews it in its own thread, and calls `on_change` when it is won or lost.

    A leader measures its lease with the monotonic clock, from before its request. If
    the database does not respond, it stops before another process may take over.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        on_change: Callable[[bool], None] = lambda leads: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._clock = clock
        self._on_change = on_change
        self._monotonic = monotonic
        self._until = float("-inf")
        self._was_leading = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def leads(self) -> bool:
        """Return whether this process leads now."""
        return self._monotonic() < self._until

    def attempt(self) -> bool:
        """Try once to take or renew the lease; return whether this process leads now."""
        asked_at = self._monotonic()
        try:
            with waiting_at_most(RENEW_SECONDS):
                won = in_transaction(
                    self._database.transaction,
                    lambda connection: job_runs.take_lead(connection, holder=self.holder, now=self._clock()),
                )
            self._until = asked_at + job_runs.LEASE_SPAN.total_seconds() if won else float("-inf")
        except BridgeError as error:
            # An earlier lease lasts until its end; the next attempt comes soon.
            log.warning("the scheduler's lease could not be requested: %s", error.detail)
        except Exception:
            log.exception("the scheduler's lease could not be requested")
        if self.leads != self._was_leading:
            self._was_leading = self.leads
            log.info("%s %s the scheduler", self.holder, "leads" if self._was_leading else "no longer leads")
            self._on_change(self._was_leading)
        return self._was_leading

    def start(self) -> None:
        """Keep trying until `stop`."""
        self._thread = threading.Thread(target=self._keep_trying, name="scheduler-lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop trying, and release the lease so that a standby takes over at once; call it when no job runs."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if not self.leads:
            return
        self._until = float("-inf")
        try:
            in_transaction(
                self._database.transaction, lambda connection: job_runs.step_down(connection, holder=self.holder)
            )
        except Exception:
            log.exception("the scheduler's lease could not be released; it expires")

    def _keep_trying(self) -> None:
        while not self._stopping.is_set():
            leads = self.attempt()
            self._stopping.wait(RENEW_SECONDS if leads else STANDBY_SECONDS)
