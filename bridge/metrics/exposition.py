"""The text that Prometheus scrapes: the values of all processes, and some counts from the database."""

from __future__ import annotations

import struct
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from platform import python_version
from typing import TYPE_CHECKING

from bridge.config import ROOT
from bridge.domain.errors import Unavailable
from bridge.metrics import definitions
from bridge.metrics.definitions import DEFINITIONS, Definition
from bridge.metrics.recorder import Metrics
from bridge.services.ops import backlog
from bridge.services.ops.backlog import Backlog
from bridge.services.transactions import waiting_at_most
from bridge.storage.engine.database import Database

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TEXT_SECONDS = 1.0
"""How long the text of a scrape is reused for further scrapes."""
BACKLOG_SECONDS = 5.0
"""How long counts from the database are reused; after an outage, how long until they are read again."""

_READ_SECONDS = 2.0
_ATTEMPTS = 5
_PUBLIC = frozenset(definition.name for definition in DEFINITIONS if definition.is_public)


class Exposition:
    """Answers scrapes of one process, one at a time; repeated scrapes are answered from memory."""

    def __init__(self, metrics: Metrics, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._texts: dict[bool, tuple[float, bytes]] = {}
        self._backlog: tuple[float, Backlog | None] | None = None

    def text(self, *, is_full: bool) -> bytes:
        """Return all metrics, or only the public ones unless `is_full`. An outage of the database raises nothing."""
        with self._lock:
            made_at, text = self._texts.get(is_full, (float("-inf"), b""))
            if time.monotonic() - made_at >= TEXT_SECONDS:
                text = self._write(is_full=is_full)
                self._texts[is_full] = (time.monotonic(), text)
            return text

    def _write(self, *, is_full: bool) -> bytes:
        from prometheus_client import generate_latest

        found = [*self._counted(), *self._scraped()]
        return generate_latest(_Shown(metric for metric in found if is_full or metric.name in _PUBLIC))

    def _counted(self) -> list[Metric]:
        """Return the values of all processes that share a directory; without one, those of this process."""
        from prometheus_client.multiprocess import MultiProcessCollector

        self._metrics.flush()
        files = self._metrics.files
        if files is None:
            return list(self._metrics.registry.collect())
        files.forget_ended()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return list(MultiProcessCollector(None, str(files.directory)).collect())  # type: ignore[no-untyped-call]
            except (FileNotFoundError, struct.error):
                # A process just started or ended, and its files appeared or disappeared.
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _scraped(self) -> Iterator[Metric]:
        yield _gauge(definitions.BUILD, [((_version(), python_version(), self._database.kind), 1)])
        found = self._read_backlog()
        yield _gauge(definitions.DATABASE_UP, [((), float(found is not None))])
        if found is None:
            return
        now = self._clock()
        yield _gauge(definitions.DELIVERIES_WAITING, [((), found.deliveries.count)])
        yield _gauge(definitions.DELIVERIES_AGE, [((), found.deliveries.age_seconds(now))])
        yield _gauge(definitions.EVENTS_WAITING, [((), found.events.count)])
        yield _gauge(definitions.EVENTS_AGE, [((), found.events.age_seconds(now))])
        yield _gauge(definitions.JOB_END, [((job,), at.timestamp()) for job, at in found.job_ends.items()])

    def _read_backlog(self) -> Backlog | None:
        """Return the waiting work in the database; None if it cannot be read."""
        if self._backlog is None or time.monotonic() - self._backlog[0] >= BACKLOG_SECONDS:
            found = None
            try:
                with waiting_at_most(_READ_SECONDS), self._database.reading() as connection:
                    found = backlog.read(connection)
            except Unavailable:
                pass
            self._backlog = (time.monotonic(), found)
        return self._backlog[1]


class _Shown:
    """Metrics in the form that the library expects."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def _gauge(definition: Definition, values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


@cache
def _version() -> str:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(document["project"]["version"])
