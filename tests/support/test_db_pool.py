"""Tests that a used database is like a new one for the next test, or is dropped."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.db_pool import DatabasePool


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


def test_open_connections_are_terminated(cluster, mine):
    name = mine.take()
    left = psycopg.connect(cluster.url(name).replace("+psycopg", ""))
    left.execute("lock table admins")
    mine.give_back(name)

    assert mine.take() == name
    with pytest.raises(psycopg.OperationalError):
        left.execute("select 1")
    left.close()


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
