"""In process: group commit with many callers, compared with the engine's own single-row debits."""

from __future__ import annotations

import re
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.funded_store import Prepared, prepare, verify
from bench.over_http import Row
from bridge.domain.accounts.accounts import Profile
from bridge.domain.metering.commands import SpendRequest
from bridge.domain.metering.idempotency import Answer
from bridge.domain.stores.principals import Caller
from bridge.services.metering.batcher import GroupCommit
from bridge.services.metering.execute import spend_many
from tests.support.postgres import Cluster

CALLERS = 128
SECONDS = 3
ROUNDS = 5
"""How often both sides are measured in turn; the median ratio counts, which ignores disturbed rounds."""

_DEBIT = """
create table bench_balances (id int primary key, balance bigint not null check (balance >= 0));
create table bench_entries (id bigserial primary key, account int, amount bigint, balance bigint, at timestamptz);
insert into bench_balances values (1, 1000000000000);
create function bench_debit(account int, amount bigint) returns bigint language plpgsql as $$
declare left_over bigint;
begin
  update bench_balances set balance = balance - amount where id = account and balance >= amount
    returning balance into left_over;
  insert into bench_entries (account, amount, balance, at) values (account, amount, left_over, now());
  return left_over;
end $$;
"""


def measure_postgresql(cluster: Cluster) -> Row:
    """Measure `spend_many` on one hot account with 128 callers against pgbench's single-row debit on one cluster."""
    prepared = prepare(cluster.create_database("bench_in_process"), users=1)
    rounds = []
    for _ in range(ROUNDS):
        debits = _pgbench(cluster, "bench_in_process")
        per_second, p99 = _drive(prepared)
        rounds.append((per_second / debits, p99))
    state = verify(prepared)
    prepared.database.close()
    ratio, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
    name = f"postgresql: spend_many, hot account, {CALLERS} callers / pgbench debit function"
    return Row(name, ratio, p99, state, ">= 4")


def measure_sqlite(folder: Path) -> list[Row]:
    """Measure the same on SQLite, against spends in commits of their own and against the bare driver's debits.

    The second ratio depends on the disk: where a disk confirms writes at once,
    a group commit cannot win over a debit of two rows.
    """
    prepared = prepare(f"sqlite:///{folder / 'bench.sqlite3'}", users=1)
    raw = folder / "raw.sqlite3"
    rounds = []
    for _ in range(ROUNDS):
        debits, alone = _single_commits(raw), _one_by_one(prepared)
        per_second, p99 = _drive(prepared)
        rounds.append((per_second / alone, per_second / debits, p99))
    state = verify(prepared)
    prepared.database.close()
    over_alone, over_debits, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
    name = f"sqlite: spend_many, hot account, {CALLERS} callers"
    return [
        Row(f"{name} / one commit each", over_alone, p99, state, ">= 4"),
        Row(f"{name} / raw debits, one commit each", over_debits, p99, state),
    ]


def _one_by_one(prepared: Prepared) -> float:
    """Return the spends a second of one caller with one transaction each."""
    caller = Caller(prepared.store_id, "bench")
    count, prefix, end = 0, uuid.uuid4().hex, time.perf_counter() + 2
    while time.perf_counter() < end:
        key = f"{prefix}-{count}"
        ask = SpendRequest(caller=caller, key=key, fingerprint=key, who=Profile(1), module="chat", tokens=1)
        with prepared.database.transaction() as connection:
            spend_many(connection, [ask], now=datetime.now(UTC))
        count += 1
    return count / 2


def _drive(prepared: Prepared) -> tuple[float, float]:
    """Return answers a second and the 99th percentile in milliseconds, each caller waiting for its answer."""
    commit = GroupCommit(prepared.database, clock=lambda: datetime.now(UTC))
    caller = Caller(prepared.store_id, "bench")
    prefix = uuid.uuid4().hex
    times: list[list[float]] = [[] for _ in range(CALLERS)]
    end = time.perf_counter() + SECONDS

    def call(worker: int) -> None:
        number = 0
        while (began := time.perf_counter()) < end:
            key = f"{prefix}-{worker}-{number}"
            ask = SpendRequest(caller=caller, key=key, fingerprint=key, who=Profile(1), module="chat", tokens=1)
            if type(commit.spend(ask)) is not Answer:
                raise RuntimeError("a funded spend was refused")
            times[worker].append(time.perf_counter() - began)
            number += 1

    began = time.perf_counter()
    _together(call)
    elapsed = time.perf_counter() - began
    commit.close()
    every = sorted(moment for column in times for moment in column)
    return len(every) / elapsed, every[int(len(every) * 0.99)] * 1000


def _together(call: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=call, args=(worker,)) for worker in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _pgbench(cluster: Cluster, database: str) -> float:
    """Return the debits a second of a server-side function on one row, with as many clients."""
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write("select bench_debit(1, 1);\n")
        script.flush()
        Path(script.name).chmod(0o644)
        address = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres", database]
        psql = [str(cluster.bindir / "psql"), "-q", *address[:-1], "-d", database]
        dropped = "set client_min_messages = error; drop table if exists bench_balances, bench_entries cascade"
        subprocess.run([*psql, "-c", dropped], check=True)
        subprocess.run([*psql, "-c", "drop function if exists bench_debit"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(psql, input=_DEBIT, text=True, check=True)
        command = [str(cluster.bindir / "pgbench"), "-n", "-M", "prepared", "-c", str(CALLERS), "-j", "2"]
        done = subprocess.run(
            [*command, "-T", str(SECONDS), "-f", script.name, *address],
            capture_output=True,
            text=True,
            check=True,
        )
        subprocess.run([*psql, "-c", "drop table bench_balances, bench_entries"], check=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stdout)
    return float(found.group(1))


def _single_commits(path: Path) -> float:
    """Return the debits a second of the bare driver, with one durable commit each."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "pragma journal_mode=wal",
        "pragma synchronous=full",
        "create table balances (id integer primary key, balance integer check (balance >= 0))",
        "create table entries (id integer primary key, account integer, amount integer)",
        "insert into balances values (1, 1000000000)",
    ):
        connection.execute(statement)
    count, end = 0, time.perf_counter() + 2
    while time.perf_counter() < end:
        connection.execute("begin immediate")
        connection.execute("update balances set balance = balance - 1 where id = 1 and balance >= 1")
        connection.execute("insert into entries (account, amount) values (1, 1)")
        connection.execute("commit")
        count += 1
    connection.close()
    return count / 2
