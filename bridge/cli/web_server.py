"""gunicorn's settings and hooks, read by its master process, which never imports the app.

Used as `gunicorn --config python:bridge.cli.web_server`; `flask serve` starts
it so. Everything heavy happens in the workers, after the fork.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from bridge.config import ROOT, load_config
from bridge.garbage import look_seldom
from bridge.logs import JsonFormatter

_config = load_config()
_MEMORY = Path("/dev/shm")  # noqa: S108 -- no file is opened there by name


def _heartbeat_folder() -> str:
    """Where workers show that they are alive, many times a minute: in memory where there is such a folder."""
    if os.access(_MEMORY, os.W_OK):
        return str(_MEMORY)
    (ROOT / "instance").mkdir(exist_ok=True)
    return str(ROOT / "instance")


wsgi_app = "app:create_app()"
chdir = str(ROOT)
bind = [_config.bind]
worker_class = "gthread"
workers = _config.workers
threads = _config.threads
timeout = 60
graceful_timeout = 30
keepalive = 15
loglevel = _config.log_level.lower()
worker_tmp_dir = _heartbeat_folder()
# Its socket would lie in the home directory, and nothing is written outside the checkout.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Write the server's own log as the settings say, and let Ctrl-C end it as gently as SIGTERM."""
    if _config.log_format == "json":
        for handler in server.log.error_log.handlers:
            handler.setFormatter(JsonFormatter())
    # Its own answer to Ctrl-C cuts off the requests that are being answered; a second Ctrl-C still does.
    server.handle_int = server.handle_term


def post_worker_init(worker: Any) -> None:
    """Begin what lives in a worker, now that it is forked and has imported the app: its scheduler."""
    # A terminal sends Ctrl-C to every process; the master tells the workers when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look_seldom()
    if _config.scheduler:
        worker.wsgi.extensions["bridge.scheduler"].start()


def worker_exit(_server: Any, worker: Any) -> None:
    """End what lives in a worker: jobs finish their item, everyone who waits for a commit is answered."""
    parts = getattr(getattr(worker, "wsgi", None), "extensions", {})
    if "bridge.scheduler" in parts:
        parts["bridge.scheduler"].stop()
    if "bridge" in parts:
        parts["bridge"].group_commit.close()
        parts["bridge"].database.close()
