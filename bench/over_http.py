"""Over HTTP: answers a second of the service, absolute and as a share of its own empty route.

With an earlier checkout, both services run at the same time on
databases of their own, and each workload is sent to one and then to the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.funded_store import SECRET
from bench.load import Load, send
from bench.requests import DELIVERIES, EMPTY, UNCHANGED, with_versions, workloads
from bench.server import ROOT, python_of, serving

SECONDS = 4.0
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

    `per_second` and `p50_ms` are 0 where nothing was sent over HTTP.
    """

    name: str
    ratio: float
    p99_ms: float
    audit: str
    goal: str = ""
    per_second: float = 0.0
    p50_ms: float = 0.0


@dataclass(frozen=True)
class _Side:
    """A measured checkout and its database."""

    label: str
    checkout: Path
    url: str


def measure(
    engine: str, url_of: Callable[[str], str], *, seconds: float = SECONDS, before: Path | None = None
) -> list[Row]:
    """Return the rows of one engine; `url_of` creates an empty database by name, `before` is an earlier checkout."""
    sides = [_Side("", ROOT, url_of("http"))]
    if before is not None:
        sides.insert(0, _Side("before", before.resolve(), url_of("http_before")))
    requests = [workloads(*_prepare(side), seconds=seconds) for side in sides]
    with contextlib.ExitStack() as running:
        ports = [running.enter_context(serving(side.url, checkout=side.checkout)) for side in sides]
        for port, sent in zip(ports, requests, strict=True):
            send(port, sent[EMPTY], connections=CONNECTIONS, seconds=1.0)
        loads: list[dict[str, Load]] = [{} for _ in sides]
        for name in requests[0]:
            for port, sent, measured in zip(ports, requests, loads, strict=True):
                ready = with_versions(port, sent[name]) if name == UNCHANGED else sent[name]
                measured[name] = send(port, ready, connections=CONNECTIONS, seconds=seconds)
    rows: list[Row] = []
    for side, sent, measured in zip(sides, requests, loads, strict=True):
        rows += _rows(engine, side, measured, len(sent[DELIVERIES]))
    if before is not None:
        rows += _comparison(engine, *loads)
    return rows


def _rows(engine: str, side: _Side, loads: dict[str, Load], deliveries: int) -> list[Row]:
    audit = _audit(side)
    label = f"{engine} {side.label}".strip()
    return [
        Row(
            f"{label}: {name}" if name == EMPTY else f"{label}: {name} / {EMPTY}",
            load.per_second / loads[EMPTY].per_second,
            load.p99_ms,
            _state(load, audit, repeats=name == DELIVERIES and load.requests > deliveries),
            per_second=load.per_second,
            p50_ms=load.p50_ms,
        )
        for name, load in loads.items()
    ]


def _comparison(engine: str, before: dict[str, Load], after: dict[str, Load]) -> list[Row]:
    return [
        Row(
            f"{engine}: {name}, now / before",
            after[name].per_second / before[name].per_second,
            after[name].p99_ms,
            "ok",
            per_second=after[name].per_second,
            p50_ms=after[name].p50_ms,
        )
        for name in after
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
