"""Record the work of a process as metrics of the Prometheus library."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.domain.errors import Unavailable
from bridge.domain.metering.commands import (
    AnyRequest,
    CaptureRequest,
    HoldRequest,
    RefundRequest,
    ReleaseRequest,
    SpendRequest,
)
from bridge.domain.metering.idempotency import Answer
from bridge.domain.shop.subscriptions import TOPICS
from bridge.metrics import definitions
from bridge.metrics.definitions import DEFINITIONS, Definition, Kind
from bridge.metrics.process_files import ProcessFiles
from bridge.services.metering.execute import Reply
from bridge.services.metering.refusals import RefusedRequest

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

SAMPLE_SECONDS = 1
"""How often each process flushes its counts, and records its memory and threads."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WORDS: dict[type, str] = {
    SpendRequest: "spend",
    HoldRequest: "hold",
    CaptureRequest: "capture",
    ReleaseRequest: "release",
    RefundRequest: "refund",
}
_NO_BUCKET = -1
_STATM = Path("/proc/self/statm")


class Metrics:
    """The metrics of one process; safe to use from any thread.

    Counts are added up in a dictionary, and `flush` moves the sums to the library.
    Counting with the library directly would cost ten times as much in each request,
    and its files may be on a busy disk.

    `files` are the files in which the process shares its values with others; without
    them, its metrics are its own.
    """

    def __init__(self, files: ProcessFiles | None = None) -> None:
        # The library reads the environment when it is imported, so the process joins its directory first.
        import prometheus_client

        # Series that state only when another one was created.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.files = files
        self.registry: CollectorRegistry = prometheus_client.CollectorRegistry()
        self._metrics = {
            definition.name: _made(definition, prometheus_client, self.registry)
            for definition in DEFINITIONS
            if definition.kind is not Kind.SCRAPED
        }
        self._lock = threading.Lock()
        self._counts: defaultdict[tuple[str, tuple[str, ...], int], int] = defaultdict(int)
        self._sums: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)

    def note_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a response; `route` is the template of the address, empty if no route matched."""
        method = method if method in _METHODS else "OTHER"
        self._observe(definitions.REQUESTS, seconds, route or "none", method, f"{status // 100}xx")

    def note_batch(self, requests: Sequence[AnyRequest], outcome: Sequence[Reply] | Exception, seconds: float) -> None:
        """Count a batch of decisions that was committed or failed as a whole."""
        if isinstance(outcome, Exception):
            result = "unavailable" if isinstance(outcome, Unavailable) else "failed"
            results = [result] * len(requests)
        else:
            results = [_result(reply) for reply in outcome]
            self._observe(definitions.BATCH_SIZE, len(requests))
            self._observe(definitions.BATCH_SECONDS, seconds)
        with self._lock:
            for request, result in zip(requests, results, strict=True):
                self._counts[definitions.DECISIONS.name, (_WORDS[type(request)], result), _NO_BUCKET] += 1

    def note_delivery(self, topic: str, result: str) -> None:
        """Count a received delivery; `result` is one of a few fixed words."""
        known = topic if topic in TOPICS else "action" if topic.startswith("action.") else "other"
        self._count(definitions.DELIVERIES, known, result)

    def note_processed(self, is_done: bool) -> None:
        """Count an attempt to process a delivery."""
        self._count(definitions.PROCESSED, "done" if is_done else "failed")

    def note_job(self, job: str, seconds: float, *, is_ok: bool) -> None:
        """Count a run of a job."""
        self._of(definitions.JOBS.name, job, "ok" if is_ok else "failed").observe(seconds)
        if is_ok:
            self._of(definitions.JOB_SUCCESS.name, job).set_to_current_time()

    def note_outage(self, cause: str) -> None:
        """Count an outage that a caller met."""
        self._count(definitions.OUTAGES, cause)

    def note_write_wait(self, seconds: float) -> None:
        """Count the wait of a writing transaction."""
        self._observe(definitions.WRITE_WAIT, seconds)

    def note_threads(self, *, threads: int, in_flight: int) -> None:
        """Record the number of threads, of requests in progress and of requests that wait."""
        self._of(definitions.THREADS.name).set(threads)
        self._of(definitions.THREADS_IN_USE.name).set(min(threads, in_flight))
        self._of(definitions.REQUESTS_WAITING.name).set(max(0, in_flight - threads))

    def note_process(self, kind: str) -> None:
        """Record that this process is running, and its memory if the system reports it."""
        self._of(definitions.PROCESSES.name, kind).set(1)
        if _STATM.exists():
            pages = int(_STATM.read_text().split()[1])
            self._of(definitions.MEMORY.name, kind).set(pages * os.sysconf("SC_PAGE_SIZE"))

    def flush(self) -> None:
        """Move the counts since the last flush to the library, where scrapes read them."""
        with self._lock:
            counts, self._counts = self._counts, defaultdict(int)
            sums, self._sums = self._sums, defaultdict(float)
        for (name, labels, bucket), number in counts.items():
            metric = self._of(name, *labels)
            # The library has no public way to add several observations at once.
            counter = metric if bucket == _NO_BUCKET else metric._buckets[bucket]
            counter.inc(number)
        for (name, labels), total in sums.items():
            self._of(name, *labels)._sum.inc(total)

    def _count(self, definition: Definition, *labels: str) -> None:
        with self._lock:
            self._counts[definition.name, labels, _NO_BUCKET] += 1

    def _observe(self, definition: Definition, value: float, *labels: str) -> None:
        bucket = bisect_left(definition.buckets, value)
        with self._lock:
            self._counts[definition.name, labels, bucket] += 1
            self._sums[definition.name, labels] += value

    def _of(self, name: str, *labels: str) -> Any:
        metric = self._metrics[name]
        return metric.labels(*labels) if labels else metric


def shared_metrics(directory: Path | None) -> Metrics:
    """Return metrics shared in a directory, or of this process only if that fails. Call it before other functions."""
    files = None if directory is None else ProcessFiles(directory)
    return Metrics(files if files is not None and files.join() else None)


def _made(definition: Definition, library: Any, registry: CollectorRegistry) -> Any:
    options: dict[str, Any] = {"registry": registry}
    if definition.kind is Kind.HISTOGRAM:
        return library.Histogram(
            definition.name, definition.help, definition.labels, buckets=definition.buckets, **options
        )
    if definition.kind is Kind.COUNTER:
        return library.Counter(definition.name, definition.help, definition.labels, **options)
    if definition.kind is Kind.SUMMARY:
        return library.Summary(definition.name, definition.help, definition.labels, **options)
    mode = definition.kind.value
    return library.Gauge(definition.name, definition.help, definition.labels, multiprocess_mode=mode, **options)


def _result(reply: Reply) -> str:
    if isinstance(reply, Answer):
        return "replayed" if reply.is_replay else "ok"
    return reply.reason.value if isinstance(reply, RefusedRequest) else reply.code
