"""Records what a process does, in metrics of the Prometheus library."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.domain.errors import BridgeError, Unavailable
from bridge.domain.metering.commands import (
    AnyRequest,
    CaptureRequest,
    HoldRequest,
    RefundRequest,
    ReleaseRequest,
    SpendRequest,
)
from bridge.domain.shop.subscriptions import TOPICS
from bridge.metrics import definitions
from bridge.metrics.definitions import DEFINITIONS, Definition, Kind
from bridge.metrics.process_files import ProcessFiles
from bridge.services.metering.execute import Reply

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

SAMPLE_SECONDS = 5
"""How often each process notes its memory and its threads."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUESTS: dict[type, str] = {
    SpendRequest: "spend",
    HoldRequest: "hold",
    CaptureRequest: "capture",
    ReleaseRequest: "release",
    RefundRequest: "refund",
}
_STATM = Path("/proc/self/statm")


class Metrics:
    """The metrics of one process; safe to use from any thread.

    `files` are those in which the process shares its values with others; without
    them it counts for itself.
    """

    def __init__(self, files: ProcessFiles | None = None) -> None:
        # The library reads the environment when it is imported: a process joins its directory first.
        import prometheus_client

        self.files = files
        self.registry: CollectorRegistry = prometheus_client.CollectorRegistry()
        self._metrics = {
            definition: _made(definition, prometheus_client, self.registry)
            for definition in DEFINITIONS
            if definition.kind is not Kind.SCRAPED
        }
        # Finding a metric by its labels costs as much as counting does.
        self._requests: dict[tuple[str, str, int], Any] = {}
        self._write_wait = self._metrics[definitions.WRITE_WAIT]

    def note_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a response; `route` is the template of the address, empty where none matched."""
        key = (route, method if method in _METHODS else "OTHER", status // 100)
        found = self._requests.get(key)
        if found is None:
            found = self._metrics[definitions.REQUESTS].labels(route or "none", key[1], f"{key[2]}xx")
            self._requests[key] = found
        found.observe(seconds)

    def note_batch(self, requests: Sequence[AnyRequest], outcome: Sequence[Reply] | Exception, seconds: float) -> None:
        """Count a batch of decisions that was committed, or that failed as a whole."""
        if isinstance(outcome, Exception):
            result = "unavailable" if isinstance(outcome, Unavailable) else "failed"
            tally = Tally((_REQUESTS[type(request)], result) for request in requests)
        else:
            tally = Tally(
                (_REQUESTS[type(request)], _result(reply)) for request, reply in zip(requests, outcome, strict=True)
            )
            self._metrics[definitions.BATCH_SIZE].observe(len(requests))
            self._metrics[definitions.BATCH_SECONDS].observe(seconds)
        for labels, count in tally.items():
            self._metrics[definitions.DECISIONS].labels(*labels).inc(count)

    def note_delivery(self, topic: str, result: str) -> None:
        """Count a delivery that came in; `result` is a word of ours."""
        known = topic if topic in TOPICS else "action" if topic.startswith("action.") else "other"
        self._metrics[definitions.DELIVERIES].labels(known, result).inc()

    def note_processed(self, is_done: bool) -> None:
        """Count an attempt to process a delivery."""
        self._metrics[definitions.PROCESSED].labels("done" if is_done else "failed").inc()

    def note_job(self, job: str, seconds: float, *, is_ok: bool) -> None:
        """Count a run of a job."""
        self._metrics[definitions.JOBS].labels(job, "ok" if is_ok else "failed").observe(seconds)
        if is_ok:
            self._metrics[definitions.JOB_SUCCESS].labels(job).set_to_current_time()

    def note_outage(self, cause: str) -> None:
        """Count a caller who found the database unusable."""
        self._metrics[definitions.OUTAGES].labels(cause).inc()

    def note_write_wait(self, seconds: float) -> None:
        """Count the wait of a writing transaction."""
        self._write_wait.observe(seconds)

    def note_threads(self, *, threads: int, in_flight: int) -> None:
        """Note how many threads answer requests, and how many requests are worked on or wait."""
        self._metrics[definitions.THREADS].set(threads)
        self._metrics[definitions.THREADS_IN_USE].set(min(threads, in_flight))
        self._metrics[definitions.REQUESTS_WAITING].set(max(0, in_flight - threads))

    def note_process(self, kind: str) -> None:
        """Note that this process runs, and its memory where the system shows it."""
        self._metrics[definitions.PROCESSES].labels(kind).set(1)
        if _STATM.exists():
            pages = int(_STATM.read_text().split()[1])
            self._metrics[definitions.MEMORY].labels(kind).set(pages * os.sysconf("SC_PAGE_SIZE"))
