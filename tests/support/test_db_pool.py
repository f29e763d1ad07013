"""Tests that a used database is like a new one for the next test, or is dropped."""

from __future__ import annotations

import contextlib

import psycopg
import pytest

from bridge.storage.engine.database import Database
from tests.support import kept_connections
from tests.support.db_pool import DatabasePool, keep_rows


@pytest.fixture
def mine(cluster, postgresql_template):
    """Return a pool of this test's own, which drops its databases at the end."""
    pool = DatabasePool(cluster, postgresql_template)
    pool._made = 900_000
    yield pool
    pool.close()
    for name in pool._uses:
        cluster.drop_database(name)


def execute(cluster, name, *statements):
    with psycopg.connect(cluster.url(name).replace("+psycopg", ""), autocommit=True) as connection:
        return [connection.execute(statement) for statement in statements]


ADMIN = "insert into admins (email, email_key, password_hash, created_at) values ('a', 'a', 'x', now()) returning id"


def test_rows_are_gone_and_sequences_restart(cluster, mine):
    name = mine.take()
    execute(cluster, name, ADMIN)
    mine.give_back(name)

    assert mine.take() == name
    with psycopg.connect(cluster.url(name).replace("+psycopg", "")) as connection:
        assert connection.execute("select count(*) from admins").fetchone() == (0,)
        assert connection.execute(ADMIN).fetchone() == (1,)


def test_kept_rows_come_back_and_sequences_go_on_after_them(cluster, postgresql_template):
    url = cluster.create_database("template_kept", template=postgresql_template)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(ADMIN)
        keep_rows(connection)
    pool = DatabasePool(cluster, "template_kept")
    name = pool.take()
    execute(cluster, name, ADMIN.replace("'a'", "'b'"), "update admins set email = 'c' where id = 1")
    pool.give_back(name)

    assert pool.take() == name
    with psycopg.connect(cluster.url(name).replace("+psycopg", "")) as connection:
        assert connection.execute("select id, email from admins").fetchall() == [(1, "a")]
        assert connection.execute(ADMIN.replace("'a'", "'b'")).fetchone() == (2,)
    pool.close()
    cluster.drop_database(name)
    cluster.drop_database("template_kept")


def test_open_connections_are_terminated(cluster, mine):
    name = mine.take()
    left = psycopg.connect(cluster.url(name).replace("+psycopg", ""))
    left.execute("lock table admins")
    mine.give_back(name)

    assert mine.take() == name
    with pytest.raises(psycopg.OperationalError):
        left.execute("select 1")
    left.close()


def test_next_app_gets_the_connection_of_the_last_one_as_if_it_were_new(cluster, mine):
    name = mine.take()
    first = Database(cluster.url(name))
    with first.transaction() as connection:
        # The driver prepares a statement that comes often.
        for _ in range(10):
            pid = connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
        connection.exec_driver_sql("set statement_timeout = 1234")
        connection.exec_driver_sql("create temp table leftover (id int)")
    first.close()
    mine.give_back(name)
    again = Database(cluster.url(mine.take()))

    with again.reading() as connection:
        assert connection.exec_driver_sql("select pg_backend_pid()").scalar_one() == pid
        assert connection.exec_driver_sql("show statement_timeout").scalar_one() != "1234ms"
        assert connection.exec_driver_sql("select to_regclass('leftover')").scalar_one() is None
    again.close()


def test_connection_that_is_in_a_transaction_or_lost_is_not_kept(cluster, mine):
    name = mine.take()
    pids = []
    for statement in ("begin", "select pg_terminate_backend(pg_backend_pid())"):
        database = Database(cluster.url(name))
        driver = database.engine.raw_connection().driver_connection
        pids.append(driver.info.backend_pid)
        with contextlib.suppress(psycopg.Error):
            driver.execute(statement)
        database.engine.dialect.do_close(driver)
        database.close()

    assert kept_connections.list_pids(cluster.url(name)) == []
    assert len(set(pids)) == 2


def test_connection_that_was_opened_under_other_settings_is_not_kept(cluster, mine):
    name = mine.take()
    execute(cluster, name, f"alter database {name} set default_transaction_read_only = on")
    database = Database(cluster.url(name))
    with database.reading() as connection:
        connection.exec_driver_sql("select 1")
    reset = "begin; set transaction read write; alter database {} reset default_transaction_read_only; commit"
    execute(cluster, name, reset.format(name))
    database.close()

    assert kept_connections.list_pids(cluster.url(name)) == []


@pytest.mark.parametrize(
    "change",
    [
        "alter table accounts drop constraint ck_accounts_balance",
        "alter table accounts drop constraint ck_accounts_balance, add constraint ck_accounts_balance check (true)",
        "alter table accounts alter column balance drop not null",
        "alter table accounts add column extra int",
        "create table extra (id int)",
        "drop index ix_accounts_store_id_email_key",
        "create function extra() returns int language sql as 'select 1'",
        "create view extra as select 1",
        "update alembic_version set version_num = '0001'",
    ],
)
def test_database_whose_shape_was_changed_is_not_handed_on(cluster, mine, change):
    name = mine.take()
    execute(cluster, name, change)
    mine.give_back(name)

    assert mine.take() != name
