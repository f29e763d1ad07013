"""Growth: the cost of the same operation with few rows and with many, measured in turn in one run.

    python -m bench.growth --small 1000 --large 100000 --check

prints the cost of each operation with a small and with a large database, and
the second divided by the first. With `--check` the exit status is 1 where a
page grows more than threefold, or a part of a job by more than half.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import console_operations, console_pages, growth_operations
from bench.growth_operations import GrowthDatabase, Operation
from bridge.garbage import collect_rarely
from tests.support.postgres import Cluster, find_bindir, start_cluster

Prepare = Callable[..., GrowthDatabase]
"""A function that creates a database at a URL with this many accounts."""

ENGINES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Growth:
    """One line of the table: the cost with few and with many rows, and the largest factor allowed."""

    name: str
    unit: str
    small: float
    large: float
    most: float | None
    enough: float = 0.0
    """A cost with many rows up to this is right, whatever the factor."""

    @property
    def factor(self) -> float:
        """Return the cost with many rows divided by the cost with few."""
        return self.large / self.small if self.small else float("inf")

    @property
    def is_right(self) -> bool:
        """Return whether the cost grows no more than allowed."""
        return self.most is None or self.factor <= self.most or self.large <= self.enough


def measure(
    engines: Sequence[str], *, small: int, large: int, rounds: int = 3, least_pieces: int = 3_000, spends: int = 400
) -> list[Growth]:
    """Measure every operation on these engines, with two databases of these numbers of accounts each."""
    prepare = partial(growth_operations.prepare, least_pieces=least_pieces, spends=spends)
    return _measure(engines, prepare, growth_operations.OPERATIONS, small=small, large=large, rounds=rounds)


def measure_console(engines: Sequence[str], *, small: int, large: int, rounds: int = 1) -> list[Growth]:
    """Measure the pages of the console in the same way; a page that is quick enough may grow by any factor."""
    operations = (*console_operations.OPERATIONS, *console_pages.OPERATIONS)
    rows = _measure(engines, console_operations.prepare, operations, small=small, large=large, rounds=rounds)
    return [replace(row, enough=console_operations.ENOUGH_MS) for row in rows]


def _measure(
    engines: Sequence[str], prepare: Prepare, operations: Sequence[Operation], *, small: int, large: int, rounds: int
) -> list[Growth]:
    found = []
    for engine in engines:
        if engine == "postgresql" and find_bindir() is None:
            print("PostgreSQL is not installed here: its half is left out", file=sys.stderr)
            continue
        with _two_databases(engine, prepare, small, large) as (few, many):
            for operation in operations:
                if operation.engine in (None, engine):
                    found.append(_compare(engine, operation, few, many, rounds=rounds))
    return found


def show(rows: Sequence[Growth]) -> None:
    """Print the table."""
    width = max((len(row.name) for row in rows), default=10)
    print(f"{'growth':<{width}}  {'unit':>6}  {'small':>9}  {'large':>9}  {'factor':>7}  {'at most':>7}")
    for row in rows:
        most = "" if row.most is None else f"{row.most:g}"
        mark = "" if row.is_right else "  RED"
        print(
            f"{row.name:<{width}}  {row.unit:>6}  {row.small:>9.3f}  {row.large:>9.3f}  {row.factor:>7.2f}"
            f"  {most:>7}{mark}"
        )


def _compare(engine: str, operation: Operation, few: GrowthDatabase, many: GrowthDatabase, *, rounds: int) -> Growth:
    """Return the best of several rounds, small and large in turn: a disturbance can only add time."""
    costs: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds if operation.repeats else 1):
        for database, found in zip((few, many), costs, strict=True):
            found.append(operation.cost(database))
    return Growth(f"{engine}: {operation.name}", operation.unit, min(costs[0]), min(costs[1]), operation.most)


@contextlib.contextmanager
def _two_databases(
    engine: str, prepare: Prepare, small: int, large: int
) -> Iterator[tuple[GrowthDatabase, GrowthDatabase]]:
    if engine == "sqlite":
        # A large one takes gigabytes: TMPDIR chooses where, as it does for PostgreSQL.
        folder = Path(tempfile.mkdtemp(prefix="growth-"))
        try:
            with _prepared(prepare, [(f"sqlite:///{folder}/{size}.sqlite3", size) for size in (small, large)]) as pair:
                yield pair
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    cluster: Cluster = start_cluster(durable=True)
    try:
        with _prepared(prepare, [(cluster.create_database(f"growth_{size}"), size) for size in (small, large)]) as pair:
            yield pair
    finally:
        cluster.stop()


@contextlib.contextmanager
def _prepared(
    prepare: Prepare, databases: Sequence[tuple[str, int]]
) -> Iterator[tuple[GrowthDatabase, GrowthDatabase]]:
    few, many = (prepare(url, accounts=size) for url, size in databases)
    try:
        yield few, many
    finally:
        for grown in (few, many):
            grown.close()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument("--small", type=int, default=1_000, help="accounts of the small database")
    parser.add_argument("--large", type=int, default=100_000, help="accounts of the large database")
    parser.add_argument("--check", action="store_true", help="exit status 1 where something grows too much")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested measurements; return 1 with `--check` where a cost grows too much."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="What work costs beside many rows.")
    parser.add_argument("--engine", choices=ENGINES, help="one engine")
    parser.add_argument("--rounds", type=int, default=3, help="how often each page is measured")
    add_options(parser)
    options = parser.parse_args(arguments)
    collect_rarely()
    engines = ENGINES if options.engine is None else (options.engine,)
    rows = measure(engines, small=options.small, large=options.large, rounds=options.rounds)
    show(rows)
    return int(options.check and not all(row.is_right for row in rows))


if __name__ == "__main__":
    sys.exit(main())
