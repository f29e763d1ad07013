"""PgBouncer in transaction mode, in front of a PostgreSQL of the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.support import postgres
from tests.support.postgres import Cluster
from tests.support.standby import until

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 200
default_pool_size = {connections}
server_round_robin = 1
server_reset_query =
logfile = {folder}/log
"""


def find_pgbouncer() -> str | None:
    """Return the path of the program, where it is installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def pooler(cluster: Cluster, name: str, *, connections: int = 3) -> Iterator[str]:
    """Yield the URL of a database behind a pooler, which gives each transaction the next of its connections."""
    identity = postgres._identity()
    folder = Path(tempfile.mkdtemp(prefix="bridge-pooler-", dir=postgres._open_temp_folder()))
    # The pooler takes its server's user from the client, which is `postgres` here.
    port = postgres._free_port()
    settings = folder / "pgbouncer.ini"
    text = _SETTINGS.format(server_port=cluster.port, port=port, folder=folder, connections=connections)
    settings.write_text(text.replace("* = host", f"{name} = user=postgres host"))
    if identity:
        for path in (folder, settings):
            os.chown(path, identity["user"], identity["group"])
    process = subprocess.Popen(
        [find_pgbouncer(), str(settings)], cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **identity
    )
    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/{name}"
    try:
        until(lambda: _answers(url))
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url.replace("+psycopg", "")).close()
    except psycopg.OperationalError:
        return False
    return True
