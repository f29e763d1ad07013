"""A temporary MariaDB server on a socket, for WordPress."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.guarded import GuardedServer, new_folder, start_guarded

_PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb")
_SMALL = ("--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0")


@dataclass
class MariaDb:
    """A running server; its user `root` needs no password on the socket."""

    server: GuardedServer

    @property
    def socket(self) -> Path:
        """Return the socket to connect to."""
        return self.server.folder / "socket"

    def run(self, sql: str, database: str = "") -> str:
        """Run statements and return the rows, fields separated by tabs."""
        command = [_program("mariadb"), "--no-defaults", "--batch", "--skip-column-names", f"--socket={self.socket}"]
        done = subprocess.run(
            [*command, "--user=root", *([database] if database else [])],
            input=sql,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout

    def rows(self, database: str) -> dict[str, list[str]]:
        """Return every row of every table of a database, sorted."""
        tables = self.run("SHOW TABLES", database).split()
        return {table: sorted(self.run(f"SELECT * FROM `{table}`", database).splitlines()) for table in tables}


def has_mariadb() -> bool:
    """Return whether the programs are installed."""
    return all(_program(name) for name in _PROGRAMS)


def start_mariadb() -> MariaDb:
    """Start a new, empty server without a network port."""
    folder = new_folder("mariadb")
    user = ["--user=root"] if os.geteuid() == 0 else []
    where = [f"--datadir={folder}/data", "--innodb-log-file-size=16M"]
    make = ["--auth-root-authentication-method=normal", "--skip-test-db", *user]
    subprocess.run([_program("mariadb-install-db"), "--no-defaults", *where, *make], check=True, capture_output=True)
    serve = [f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-networking", "--skip-log-bin", *_SMALL]
    server = start_guarded(folder, [_program("mariadbd"), "--no-defaults", *where, *serve, *user])
    mariadb = MariaDb(server)
    server.wait_until(lambda: mariadb.socket.exists() and _answers(mariadb))
    return mariadb


def _answers(mariadb: MariaDb) -> bool:
    try:
        mariadb.run("SELECT 1")
    except AssertionError:
        return False
    return True


def _program(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin") or ""
