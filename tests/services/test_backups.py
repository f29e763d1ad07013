"""A backup is one consistent moment of a database in use; a restore is all of it or nothing."""

import os
import sqlite3
import threading

import pytest

from bridge.domain.errors import BackupFailed
from bridge.services.ops import backups, schema_version
from bridge.storage.engine.database import Database


@pytest.fixture
def database(sqlite_template, tmp_path):
    path = tmp_path / "bridge.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


def note(database, holder):
    with database.transaction() as connection:
        connection.exec_driver_sql(f"insert into leases (name, holder, expires_at) values ('{holder}', '{holder}', 0)")
        connection.exec_driver_sql(
            f"insert into leases (name, holder, expires_at) values ('{holder}-2', '{holder}', 0)"
        )


def noted(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [name for (name,) in connection.execute("select name from leases order by name")]
    connection.close()
    return names


def test_backup_taken_while_others_write_is_consistent(database, tmp_path):
    """Each writer adds two rows in a transaction; no backup contains one of them alone."""
    done = threading.Event()

    def write():
        number = 0
        while not done.is_set():
            note(database, f"writer-{number}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = []
        for number in range(5):
            copies.append(tmp_path / f"copy-{number}.sqlite3")
            backups.save(database, copies[-1])
    finally:
        done.set()
        writer.join()

    counts = [len(noted(copy)) for copy in copies]
    assert all(count % 2 == 0 for count in counts)
    assert counts == sorted(counts)
    assert not list(tmp_path.glob("*.tmp"))
    assert not list(tmp_path.glob("copy-*-wal"))


def test_restore_puts_back_what_was_saved(database, tmp_path):
    note(database, "before")
    copy = tmp_path / "copy.sqlite3"
    backups.save(database, copy)
    note(database, "after")

    backups.restore(database, copy)
    schema_version.prepare(database)

    with database.reading() as connection:
        names = connection.exec_driver_sql("select name from leases order by name").scalars().all()
        journal = connection.exec_driver_sql("pragma journal_mode").scalar_one()
    assert names == ["before", "before-2"]
    assert journal == "wal"


def test_restore_refuses_while_the_service_runs(database, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    backups.save(database, copy)
    note(database, "kept")
    service = Database(str(database.url))
    with service.reading() as connection:
        connection.exec_driver_sql("select * from leases")

    with pytest.raises(BackupFailed, match="stop it"):
        backups.restore(database, copy)

    service.close()
    assert noted(database.url.database) == ["kept", "kept-2"]


def test_backup_overwrites_no_file(database, tmp_path):
    there = tmp_path / "precious.txt"
    there.write_text("precious")

    with pytest.raises(BackupFailed, match="already exists"):
        backups.save(database, there)

    assert there.read_text() == "precious"


def test_backup_is_readable_by_its_owner_alone(database, tmp_path):
    copy = tmp_path / "copy.sqlite3"

    backups.save(database, copy)

    assert os.stat(copy).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [None, b"", b"no database at all", b"SQLite format 3\0" + b"\0" * 5000])
def test_restore_refuses_what_is_no_copy(database, tmp_path, content):
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(BackupFailed):
        backups.restore(database, file)


def test_restore_refuses_a_copy_of_a_newer_version(database, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    backups.save(database, copy)
    connection = sqlite3.connect(copy)
    connection.execute("update alembic_version set version_num = '9999'")
    connection.commit()
    connection.close()

    with pytest.raises(BackupFailed, match="newer"):
        backups.restore(database, copy)


def test_postgresql_backup_suggests_pg_dump(tmp_path):
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")

    for act in (backups.save, backups.restore):
        with pytest.raises(BackupFailed, match="pg_dump"):
            act(database, tmp_path / "copy")
