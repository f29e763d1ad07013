"""Growth: what the same work costs beside few rows and beside many, measured in turn in one run.

    python -m bench.growth --small 1000 --large 100000 --check

prints for each piece of work its cost beside a small and a large database, and
how many times the second is the first. With `--check` the exit status is 1 where a
page grows more than threefold, or a piece of a job by more than half.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import growth_works
from bench.growth_works import Books, Work
from bridge.garbage import collect_rarely
from tests.support.postgres import Cluster, find_bindir, start_cluster

Prepare = Callable[..., Books]
"""Makes a database at a URL, with so many accounts."""

ENGINES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Growth:
    """One line of the table: a cost beside few and beside many rows, and the factor that is still right."""

    name: str
    unit: str
    small: float
    large: float
    most: float | None

    @property
    def factor(self) -> float:
        """How many times the cost beside few rows is paid beside many."""
        return self.large / self.small if self.small else float("inf")

    @property
    def is_right(self) -> bool:
        """Return whether the cost grows no more than it may."""
        return self.most is None or self.factor <= self.most


def measure(
    engines: Sequence[str], *, small: int, large: int, rounds: int = 3, least_pieces: int = 3_000, spends: int = 400
) -> list[Growth]:
    """Measure every work on these engines, beside two databases of so many accounts each."""
    prepare = partial(growth_works.prepare, least_pieces=least_pieces, spends=spends)
    found = []
    for engine in engines:
        if engine == "postgresql" and find_bindir() is None:
            print("PostgreSQL is not installed here: its half is left out", file=sys.stderr)
            continue
        with _two_books(engine, prepare, small, large) as (few, many):
            for work in growth_works.WORKS:
                if work.engine in (None, engine):
                    found.append(_compare(engine, work, few, many, rounds=rounds))
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


def _compare(engine: str, work: Work, few: Books, many: Books, *, rounds: int) -> Growth:
    """The best of several rounds, small and large in turn: what disturbs a machine only ever adds."""
    costs: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds if work.repeats else 1):
        for books, found in zip((few, many), costs, strict=True):
            found.append(work.cost(books))
    return Growth(f"{engine}: {work.name}", work.unit, min(costs[0]), min(costs[1]), work.most)


@contextlib.contextmanager
def _two_books(engine: str, prepare: Prepare, small: int, large: int) -> Iterator[tuple[Books, Books]]:
    if engine == "sqlite":
        instance = Path(__file__).resolve().parent.parent / "instance"
        instance.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="growth-", dir=instance))
        try:
            with _prepared(prepare, [(f"sqlite:///{folder}/{size}.sqlite3", size) for size in (small, large)]) as books:
                yield books
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    cluster: Cluster = start_cluster(durable=True)
    try:
        with _prepared(
            prepare, [(cluster.create_database(f"growth_{size}"), size) for size in (small, large)]
        ) as books:
            yield books
    finally:
        cluster.stop()


@contextlib.contextmanager
def _prepared(prepare: Prepare, wanted: Sequence[tuple[str, int]]) -> Iterator[tuple[Books, Books]]:
    few, many = (prepare(url, accounts=size) for url, size in wanted)
    try:
        yield few, many
    finally:
        for database in (few.database, many.database):
            database.close()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument("--small", type=int, default=1_000, help="accounts of the small database")
    parser.add_argument("--large", type=int, default=100_000, help="accounts of the large database")
    parser.add_argument("--check", action="store_true", help="exit status 1 where something grows too much")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measures that were asked for; 1 with `--check` where something grows too much."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="What work costs beside many rows.")
    parser.add_argument("--engine", choices=ENGINES, help="one engine")
    parser.add_argument("--rounds", type=int, default=3, help="how often each page is measured")
    add_options(parser)
    wanted = parser.parse_args(arguments)
    collect_rarely()
    engines = ENGINES if wanted.engine is None else (wanted.engine,)
    rows = measure(engines, small=wanted.small, large=wanted.large, rounds=wanted.rounds)
    show(rows)
    return int(wanted.check and not all(row.is_right for row in rows))


if __name__ == "__main__":
    sys.exit(main())
