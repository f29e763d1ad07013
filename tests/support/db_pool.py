"""PostgreSQL databases that tests share one after the other: emptied in milliseconds instead of recreated."""

from __future__ import annotations

import contextlib
import time

import psycopg
from psycopg import sql

from tests.support import kept_connections
from tests.support.postgres import Cluster

USES = 200
"""After this many tests a database has too many dead rows and is replaced."""
_OTHERS = "from pg_stat_activity where datname = current_database() and pid not in (pg_backend_pid(), {kept})"
_TABLES = """
    select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
    and relname <> 'alembic_version' order by relname
"""
_SEQUENCES = "select sequencename, coalesce(last_value, 1), last_value is not null from pg_sequences"
_KEPT = "select relname from pg_class where relkind = 'r' and relnamespace = to_regnamespace('kept') order by relname"
_SHAPE = """
    select concat_ws(' ',
        (select count(*) || ' ' || max(oid) || ' ' || sum(relchecks) from pg_class),
        (select count(*) || ' ' || count(*) filter (where attnotnull) || ' ' || count(*) filter (where attisdropped)
            from pg_attribute),
        (select count(*) || ' ' || max(oid) || ' ' || count(*) filter (where convalidated) from pg_constraint),
        (select count(*) || ' ' || max(oid) || ' ' || count(*) filter (where tgenabled = 'O') from pg_trigger),
        (select count(*) || ' ' || max(oid) from pg_proc where pronamespace = 'public'::regnamespace),
        (select count(*) || ' ' || max(oid) from pg_rewrite),
        (select count(*) || ' ' || count(*) filter (where indisvalid) from pg_index),
        (select count(*) from pg_db_role_setting),
        (select version_num from alembic_version)
    )
"""
"""Changes when anything in a database except its rows changes; a recreated object has a higher id."""


def keep_rows(connection: psycopg.Connection[tuple[str, ...]]) -> None:
    """Make all rows that a template has now come back when a copy of it is emptied."""
    tables = [row[0] for row in connection.execute(_TABLES)]
    some = sql.SQL("select 1 from {} limit 1")
    full = [table for table in tables if connection.execute(some.format(sql.Identifier(table))).fetchone()]
    copies = [sql.SQL("create table kept.{0} as table public.{0}").format(sql.Identifier(table)) for table in full]
    connection.execute(sql.SQL("; ").join([sql.SQL("create schema kept"), *copies]))


class DatabasePool:
    """Copies of one template, each used by one test at a time and then made like the template again.

    A database whose schema a test has changed (a constraint dropped, a trigger
    added, a setting left) is dropped and not used again.
    """

    def __init__(self, cluster: Cluster, template: str) -> None:
        self._cluster = cluster
        self._template = template
        self._made = 0
        self._idle: list[str] = []
        self._uses: dict[str, int] = {}
        self._shapes: dict[str, str] = {}
        # Kept open: a new connection spends more time on the catalog than on emptying the tables.
        self._statement: sql.Composed | None = None
        self._connections: dict[str, psycopg.Connection[tuple[str, ...]]] = {}

    def take(self) -> str:
        """Return the name of a database that is like the template."""
        if self._idle:
            return self._idle.pop()
        self._made += 1
        name = f"{self._template.removeprefix('template_')}_{self._made}"
        self._cluster.create_database(name, template=self._template)
        self._uses[name] = 0
        self._connections[name] = self._connect(name)
        self._shapes[name] = _shape_of(self._connections[name])
        if self._statement is None:
            self._statement = _emptying(self._connections[name])
        kept_connections.keep_connections_of(self._cluster.url(name))
        return name

    def give_back(self, name: str) -> None:
        """Empty a database for the next test, or drop it."""
        self._uses[name] += 1
        with contextlib.suppress(psycopg.Error):
            if self._uses[name] < USES and self._empty(name):
                self._idle.append(name)
                return
        kept_connections.forget_connections_of(self._cluster.url(name))
        self._connections.pop(name).close()
        self._cluster.drop_database(name)

    def close(self) -> None:
        """Close every connection; the databases end with their server."""
        for name, connection in self._connections.items():
            kept_connections.forget_connections_of(self._cluster.url(name))
            connection.close()

    def _empty(self, name: str) -> bool:
        """Empty the database; return whether its schema is unchanged."""
        connection = self._connections[name]
        if (
            not _is_left_alone(connection, kept_connections.list_pids(self._cluster.url(name)))
            or _shape_of(connection) != self._shapes[name]
        ):
            return False
        assert self._statement is not None
        connection.execute(self._statement)
        return True

    def _connect(self, name: str) -> psycopg.Connection[tuple[str, ...]]:
        url = self._cluster.url(name).replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, options="-c lock_timeout=2s")


def _emptying(connection: psycopg.Connection[tuple[str, ...]]) -> sql.Composed:
    """Return the statement that makes a copy of the template like this new one."""
    tables = [sql.Identifier(row[0]) for row in connection.execute(_TABLES)]
    deletes = [sql.SQL("delete from {}").format(table) for table in tables]
    kept = [sql.Identifier(row[0]) for row in connection.execute(_KEPT)]
    inserts = [sql.SQL("insert into public.{0} overriding system value table kept.{0}").format(name) for name in kept]
    sequences = [map(sql.Literal, row) for row in connection.execute(_SEQUENCES)]
    restarts = [sql.SQL("select setval({}, {}, {})").format(*values) for values in sequences]
    # As a replica it skips foreign keys, and triggers that forbid deletes.
    steps = [sql.SQL("begin"), sql.SQL("set local session_replication_role = replica"), *deletes, *inserts, *restarts]
    return sql.SQL("; ").join([*steps, sql.SQL("commit")])


def _is_left_alone(connection: psycopg.Connection[tuple[str, ...]], kept: list[int]) -> bool:
    """Terminate all other connections but those kept, and return whether they are gone."""
    others = _OTHERS.format(kept=", ".join(map(str, [0, *kept])))
    for _ in range(100):
        if connection.execute(f"select count(pg_terminate_backend(pid)) {others}").fetchall() == [(0,)]:
            return True
        time.sleep(0.01)
    return False


def _shape_of(connection: psycopg.Connection[tuple[str, ...]]) -> str:
    ((found,),) = connection.execute(_SHAPE).fetchall()
    return found
