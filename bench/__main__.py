"""`python -m bench`: every benchmark in one run, as a table of ratios.

Nothing is said in absolute numbers: they would tell of the machine. Each ratio
compares two things measured one after the other on the same one.
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
from bridge.garbage import look_seldom
from tests.support.postgres import Cluster, find_bindir, start_cluster


def main() -> int:
    """Run what was asked for and print the table; 1 where the books did not balance afterwards."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks, as ratios taken in one run.")
    parser.add_argument("--only", choices=("http", "process", "reconcile", "growth"), help="one part of them")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="one engine")
    growth.add_options(parser)
    wanted = parser.parse_args()
    # As the service does: what runs here in process is measured as it would run there.
    look_seldom()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=_instance()))
    rows: list[Row] = []
    try:
        if wanted.engine != "postgresql":
            rows += _sqlite(folder, wanted.only)
        if wanted.engine != "sqlite":
            rows += _postgresql(wanted.only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if wanted.only != "growth":
        _print(rows)
    grown = _growth(wanted) if wanted.only in (None, "growth") else []
    is_right = all(row.is_right for row in grown) or not wanted.check
    return 0 if all(row.audit == "ok" for row in rows) and is_right else 1


def _growth(wanted: argparse.Namespace) -> list[growth.Growth]:
    engines = growth.ENGINES if wanted.engine is None else (wanted.engine,)
    rows = growth.measure(engines, small=wanted.small, large=wanted.large)
    growth.show(rows)
    return rows


def _instance() -> Path:
    folder = Path(__file__).resolve().parent.parent / "instance"
    folder.mkdir(exist_ok=True)
    return folder


def _sqlite(folder: Path, only: str | None) -> list[Row]:
    rows = []
    if only in (None, "http"):
        rows += over_http.measure("sqlite", f"sqlite:///{folder / 'http.sqlite3'}")
    if only in (None, "process"):
        rows += in_process.measure_sqlite(folder)
    if only in (None, "reconcile"):
        rows += reconciling.measure_sqlite(folder)
    return rows


def _postgresql(only: str | None) -> list[Row]:
    if find_bindir() is None:
        print("PostgreSQL is not installed here: its half is left out", file=sys.stderr)
        return []
    rows = []
    if only in (None, "http"):
        with _cluster() as cluster:
            rows += over_http.measure("postgresql", cluster.create_database("bench_http"))
    if only in (None, "process"):
        with _cluster() as cluster:
            rows.append(in_process.measure_postgresql(cluster))
    if only in (None, "reconcile"):
        with _cluster() as cluster:
            rows += reconciling.measure_postgresql(cluster)
    return rows


@contextlib.contextmanager
def _cluster() -> Iterator[Cluster]:
    """A server for one part: the next one is not to pay for the vacuuming and the checkpoints of this one."""
    cluster = start_cluster(durable=True)
    try:
        yield cluster
    finally:
        cluster.stop()


def _print(rows: list[Row]) -> None:
    width = max((len(row.name) for row in rows), default=10)
    print(f"{'measured':<{width}}  {'ratio':>7}  {'goal':>8}  {'p99 ms':>8}  audit")
    for row in rows:
        print(f"{row.name:<{width}}  {row.ratio:>7.2f}  {row.goal:>8}  {row.p99_ms:>8.1f}  {row.audit}")


sys.exit(main())
