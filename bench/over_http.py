"""Over HTTP: answers a second of the service, absolute and as a share of its own empty route, and its processor time.

With an earlier checkout, both services run at the same time on
databases of their own, and each workload is sent to one and the other in turn.
Processor time says more than the rate where other programs share the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.funded_store import SECRET
from bench.load import Load, send
from bench.requests import BATCHES, DELIVERIES, EMPTY, UNCHANGED, with_versions, workloads
from bench.server import ROOT, Serving, python_of, serving

SECONDS = 4.0
ROUNDS = 4
"""The parts of each load, in which the services take turns."""
CONNECTIONS = 64
USERS = 1000
_PREPARE = """
import json, sys
from bench.funded_store import prepare
prepared = prepare(sys.argv[1], users=int(sys.argv[2]))
print(json.dumps([prepared.access_key, prepared.users]))
prepared.database.close()
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: the comparison, the ratio, the 99th percentile, the audit.

    `per_second` and `p50_ms` are 0 where nothing was sent over HTTP. `cpu` is the
    processor time of the service for each request in microseconds, or its ratio.
    """

    name: str
    ratio: float
    p99_ms: float
    audit: str
    goal: str = ""
    per_second: float = 0.0
    p50_ms: float = 0.0
    cpu: float = 0.0


@dataclass(frozen=True)
class _Measured:
    """The load of a workload, and the processor time of the service for each request, in microseconds."""

    load: Load
    cpu: float


@dataclass(frozen=True)
class _Side:
    """A measured checkout and its database."""

    label: str
    checkout: Path
    url: str


def measure(
    engine: str,
    url_of: Callable[[str], str],
    *,
    seconds: float = SECONDS,
    workload: str = "",
    before: Path | None = None,
) -> list[Row]:
    """Return the rows of one engine.

    `url_of` creates an empty database by name, `before` is an earlier checkout. Only the
    workloads whose name contains `workload` are measured, with the empty route.
    """
    sides = [_Side("", ROOT, url_of("http"))]
    if before is not None:
        sides.insert(0, _Side("before", before.resolve(), url_of("http_before")))
    requests = [workloads(*_prepare(side), seconds=seconds) for side in sides]
    with contextlib.ExitStack() as running:
        services = [running.enter_context(serving(side.url, checkout=side.checkout)) for side in sides]
        for service, sent in zip(services, requests, strict=True):
            send(service.port, sent[EMPTY], connections=CONNECTIONS, seconds=1.0)
        loads: list[dict[str, _Measured]] = [{} for _ in sides]
        for name in requests[0]:
            if workload not in name and name != EMPTY:
                continue
            rounds: list[list[_Measured]] = [[] for _ in sides]
            # A delivery that is sent again costs less, and a batch may take a second.
            count = 1 if name in {DELIVERIES, BATCHES} else ROUNDS
            turns = list(zip(services, requests, rounds, strict=True))
            for number in range(count):
                for service, sent, measured in turns if number % 2 else reversed(turns):
                    ready = with_versions(service.port, sent[name]) if name == UNCHANGED else sent[name]
                    measured.append(_send(service, ready, seconds=seconds / count))
            for measured, load in zip(rounds, loads, strict=True):
                load[name] = _together(measured)
    rows: list[Row] = []
    for side, sent, measured in zip(sides, requests, loads, strict=True):
        rows += _rows(engine, side, measured, len(sent[DELIVERIES]))
    if before is not None:
        rows += _comparison(engine, *loads)
    return rows


def _send(service: Serving, requests: Sequence[bytes], *, seconds: float) -> _Measured:
    before = service.cpu_seconds()
    load = send(service.port, requests, connections=CONNECTIONS, seconds=seconds)
    return _Measured(load, (service.cpu_seconds() - before) / max(1, load.requests) * 1e6)


def _together(rounds: Sequence[_Measured]) -> _Measured:
    """Return the medians of some rounds, which ignore disturbed ones, and the sums of what is counted."""
    loads = [one.load for one in rounds]
    load = Load(
        requests=sum(one.requests for one in loads),
        per_second=median(one.per_second for one in loads),
        p50_ms=median(one.p50_ms for one in loads),
        p99_ms=median(one.p99_ms for one in loads),
        refused=sum(one.refused for one in loads),
        broken=sum(one.broken for one in loads),
    )
    return _Measured(load, median(one.cpu for one in rounds))


def _rows(engine: str, side: _Side, loads: dict[str, _Measured], deliveries: int) -> list[Row]:
    audit = _audit(side)
    label = f"{engine} {side.label}".strip()
    empty = loads[EMPTY].load
    return [
        Row(
            f"{label}: {name}" if name == EMPTY else f"{label}: {name} / {EMPTY}",
            one.load.per_second / empty.per_second,
            one.load.p99_ms,
            _state(one.load, audit, repeats=name == DELIVERIES and one.load.requests > deliveries),
            per_second=one.load.per_second,
            p50_ms=one.load.p50_ms,
            cpu=one.cpu,
        )
        for name, one in loads.items()
    ]


def _comparison(engine: str, before: dict[str, _Measured], after: dict[str, _Measured]) -> list[Row]:
    return [
        Row(
            f"{engine}: {name}, now / before",
            now.load.per_second / before[name].load.per_second,
            now.load.p99_ms,
            "ok",
            per_second=now.load.per_second,
            p50_ms=now.load.p50_ms,
            cpu=now.cpu / before[name].cpu,
        )
        for name, now in after.items()
    ]


def _state(load: Load, audit: str, *, repeats: bool) -> str:
    notes = [audit]
    notes += [f"{load.refused} refused"] if load.refused else []
    notes += [f"{load.broken} broken off"] if load.broken else []
    notes += ["deliveries came twice: prepare more"] if repeats else []
    return "; ".join(notes)


def _prepare(side: _Side) -> tuple[str, list[int]]:
    """Return the access key and the users of a funded store, created by the checkout's own code."""
    printed = _run(side, "-c", _PREPARE, side.url, str(USERS)).stdout
    access_key, users = json.loads(printed.strip().splitlines()[-1])
    return access_key, users


def _audit(side: _Side) -> str:
    done = _run(side, "-m", "flask", "audit", check=False)
    printed = done.stdout.strip().splitlines()
    return "ok" if done.returncode == 0 else printed[0] if printed else "the audit failed"


def _run(side: _Side, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BRIDGE_DATABASE_URL": side.url, "BRIDGE_SECRET_KEY": SECRET}
    command = [python_of(side.checkout), *arguments]
    return subprocess.run(
        command,
        cwd=side.checkout,
        env=environment,
        check=check,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
