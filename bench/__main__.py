"""`python -m bench`: every benchmark in one run, as a table.

Each ratio compares two values measured one after the other on the same
machine. The rates beside them depend on the machine as much as on the
service; compare them only within one run. `--before PATH` also measures the service
of an earlier checkout.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import growth, in_process, over_http, reconciling
from bench.over_http import Row
from bridge.garbage import collect_rarely
from tests.support.postgres import Cluster, find_bindir, start_cluster


def main() -> int:
    """Run the requested parts and print the table; return 1 where an audit found a fault."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks, as ratios taken in one run.")
    parser.add_argument(
        "--only", choices=("http", "process", "reconcile", "growth", "console"), help="one part of them"
    )
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="one engine")
    growth.add_options(parser)
    parser.add_argument("--seconds", type=float, default=over_http.SECONDS, help="how long each load over HTTP lasts")
    parser.add_argument("--workload", default="", help="over HTTP, only the workloads with this text in their name")
    parser.add_argument("--before", type=Path, help="an earlier checkout, to be measured beside this one over HTTP")
    wanted = parser.parse_args()
    # As the service does, so that measurements in this process are comparable.
    collect_rarely()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=_instance()))
    rows: list[Row] = []
    try:
        if wanted.engine != "postgresql":
            rows += _sqlite(folder, wanted)
        if wanted.engine != "sqlite":
            rows += _postgresql(wanted)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if wanted.only not in ("growth", "console"):
        _print(rows)
    grown = _growth(wanted)
    is_right = all(row.is_right for row in grown) or not wanted.check
    return 0 if all(row.audit == "ok" for row in rows) and is_right else 1


def _growth(wanted: argparse.Namespace) -> list[growth.Growth]:
    engines = growth.ENGINES if wanted.engine is None else (wanted.engine,)
    rows: list[growth.Growth] = []
    if wanted.only in (None, "growth"):
        rows += growth.measure(engines, small=wanted.small, large=wanted.large)
    if wanted.only in (None, "console"):
        rows += growth.measure_console(engines, small=wanted.small, large=wanted.large)
    if rows:
        growth.show(rows)
    return rows


def _instance() -> Path:
    folder = Path(__file__).resolve().parent.parent / "instance"
    folder.mkdir(exist_ok=True)
    return folder


def _sqlite(folder: Path, wanted: argparse.Namespace) -> list[Row]:
    only, rows = wanted.only, []
    if only in (None, "http"):
        rows += over_http.measure(
            "sqlite",
            lambda name: f"sqlite:///{folder / name}.sqlite3",
            seconds=wanted.seconds,
            workload=wanted.workload,
            before=wanted.before,
        )
    if only in (None, "process"):
        rows += in_process.measure_sqlite(folder)
    if only in (None, "reconcile"):
        rows += reconciling.measure_sqlite(folder)
    return rows


def _postgresql(wanted: argparse.Namespace) -> list[Row]:
    if find_bindir() is None:
        print("PostgreSQL is not installed here: its half is left out", file=sys.stderr)
        return []
    only, rows = wanted.only, []
    if only in (None, "http"):
        with _cluster() as cluster:
            rows += over_http.measure(
                "postgresql",
                lambda name: cluster.create_database(f"bench_{name}"),
                seconds=wanted.seconds,
                workload=wanted.workload,
                before=wanted.before,
            )
    if only in (None, "process"):
        with _cluster() as cluster:
            rows.append(in_process.measure_postgresql(cluster))
    if only in (None, "reconcile"):
        with _cluster() as cluster:
            rows += reconciling.measure_postgresql(cluster)
    return rows


@contextlib.contextmanager
def _cluster() -> Iterator[Cluster]:
    """Start a server for one part, so that no part pays for the vacuuming and checkpoints of the one before."""
    cluster = start_cluster(durable=True)
    try:
        yield cluster
    finally:
        cluster.stop()


def _print(rows: list[Row]) -> None:
    width = max((len(row.name) for row in rows), default=10)
    headings = f"{'ratio':>7}  {'goal':>8}  {'per s':>8}  {'p50 ms':>8}  {'p99 ms':>8}  {'cpu us':>8}  audit"
    print(f"{'measured':<{width}}  {headings}")
    for row in rows:
        rate = f"{row.per_second:.0f}" if row.per_second else ""
        median = f"{row.p50_ms:.1f}" if row.p50_ms else ""
        cpu = "" if not row.cpu else f"{row.cpu:.0f}" if row.cpu > 10 else f"{row.cpu:.2f}x"
        figures = f"{row.ratio:>7.2f}  {row.goal:>8}  {rate:>8}  {median:>8}  {row.p99_ms:>8.1f}  {cpu:>8}"
        print(f"{row.name:<{width}}  {figures}  {row.audit}")


sys.exit(main())
