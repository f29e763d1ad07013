"""The metrics of the service. No label names a store, a user or an address, and each has a bounded set of values."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """The type of a metric, and how its values from several processes are combined."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    LATEST = "mostrecent"
    """A gauge with the latest value of any process."""
    SUM = "livesum"
    """A gauge that is added up over the running processes."""
    SCRAPED = "scraped"
    """A gauge whose value is read for each scrape."""


class Definition(NamedTuple):
    """A metric; a public one reveals nothing about a store or its traffic."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    is_public: bool = False


REQUESTS = Definition(
    "token_bridge_http_request_duration_seconds",
    Kind.HISTOGRAM,
    "Requests, from when the body has arrived until the response is ready.",
    ("route", "method", "status"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
DECISIONS = Definition(
    "token_bridge_decisions",
    Kind.COUNTER,
    "Spends, holds, captures, releases and refunds that were decided.",
    ("request", "result"),
)
BATCH_SIZE = Definition(
    "token_bridge_batch_size",
    Kind.HISTOGRAM,
    "Decisions that were committed together.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 512),
)
BATCH_SECONDS = Definition(
    "token_bridge_batch_duration_seconds",
    Kind.HISTOGRAM,
    "A batch of decisions, from its start to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
DELIVERIES = Definition(
    "token_bridge_deliveries_received",
    Kind.COUNTER,
    "Webhook deliveries that were received.",
    ("topic", "result"),
)
PROCESSED = Definition(
    "token_bridge_deliveries_processed",
    Kind.COUNTER,
    "Attempts to process a stored delivery.",
    ("result",),
)
DELIVERIES_WAITING = Definition(
    "token_bridge_deliveries_waiting",
    Kind.SCRAPED,
    "Deliveries that are stored and not processed.",
)
DELIVERIES_AGE = Definition(
    "token_bridge_deliveries_oldest_age_seconds",
    Kind.SCRAPED,
    "Age of the oldest delivery that is not processed; 0 where none waits.",
)
EVENTS_WAITING = Definition(
    "token_bridge_events_waiting",
    Kind.SCRAPED,
    "Events that are not sent: one for each endpoint that has to receive it.",
)
EVENTS_AGE = Definition(
    "token_bridge_events_oldest_age_seconds",
    Kind.SCRAPED,
    "Age of the oldest event that is not sent; 0 where none waits.",
)
JOBS = Definition(
    "token_bridge_job_duration_seconds",
    Kind.SUMMARY,
    "Runs of the scheduler's jobs.",
    ("job", "result"),
    is_public=True,
)
JOB_SUCCESS = Definition(
    "token_bridge_job_last_success_timestamp_seconds",
    Kind.LATEST,
    "When a run of the job last ended without an error, in a process of this machine.",
    ("job",),
    is_public=True,
)
JOB_END = Definition(
    "token_bridge_job_last_run_timestamp_seconds",
    Kind.SCRAPED,
    "When a run of the job last ended, in any process.",
    ("job",),
    is_public=True,
)
DATABASE_UP = Definition(
    "token_bridge_database_up",
    Kind.SCRAPED,
    "1 where the database could be read for this scrape, else 0.",
    is_public=True,
)
OUTAGES = Definition(
    "token_bridge_database_outages",
    Kind.COUNTER,
    "Times that a caller found the database unusable.",
    ("cause",),
    is_public=True,
)
WRITE_WAIT = Definition(
    "token_bridge_database_write_wait_seconds",
    Kind.HISTOGRAM,
    "The wait of a writing transaction until it began.",
    buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
THREADS = Definition("token_bridge_threads", Kind.SUM, "Threads that answer requests.", is_public=True)
THREADS_IN_USE = Definition(
    "token_bridge_threads_in_use", Kind.SUM, "Threads that answer a request now.", is_public=True
)
REQUESTS_WAITING = Definition(
    "token_bridge_requests_waiting", Kind.SUM, "Requests that wait for a thread.", is_public=True
)
PROCESSES = Definition("token_bridge_processes", Kind.SUM, "Processes that run.", ("kind",), is_public=True)
MEMORY = Definition(
    "token_bridge_resident_memory_bytes", Kind.SUM, "Resident memory of the processes.", ("kind",), is_public=True
)
BUILD = Definition(
    "token_bridge_build_info",
    Kind.SCRAPED,
    "1, with the version, the Python that runs it and the kind of database.",
    ("version", "python", "database"),
    is_public=True,
)

DEFINITIONS = tuple(value for value in list(globals().values()) if isinstance(value, Definition))
