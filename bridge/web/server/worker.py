"""One worker process of the web server: the app, its threads and its scheduler."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable

from flask import Flask

from bridge.config import Config
from bridge.garbage import collect_rarely
from bridge.metrics.recorder import SAMPLE_SECONDS
from bridge.web.server.asgi import AsgiApp

log = logging.getLogger(__name__)

_PARENT_CHECK_SECONDS = 1.0


def build(app: Flask, config: Config) -> AsgiApp:
    """Return the application of this process; scheduler and threads start with the server, after the fork."""
    parts, scheduler = app.extensions["bridge"], app.extensions["bridge.scheduler"]
    main_process = multiprocessing.parent_process()

    def sample() -> None:
        parts.metrics.flush()
        parts.metrics.note_process("web")
        parts.metrics.note_threads(threads=config.threads, in_flight=server.in_flight)

    def start() -> None:
        # A terminal sends Ctrl-C to every process, but the main process decides when the workers stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop = asyncio.get_running_loop()
        if main_process is not None and main_process.pid is not None:
            background.append(loop.create_task(_stop_without(main_process.pid)))
        background.append(loop.create_task(_keep_sampling(sample)))
        collect_rarely()
        if config.scheduler:
            scheduler.start()

    def stop() -> None:
        # Jobs finish their item; every caller that waits for a commit gets a response.
        if config.scheduler:
            scheduler.stop()
        parts.group_commit.close()
        parts.database.close()
        parts.metrics.flush()

    background: list[asyncio.Task[None]] = []
    server = AsgiApp(
        app,
        threads=config.threads,
        seconds=config.request_seconds,
        public_url=config.public_url,
        on_answer=parts.metrics.note_request,
        on_start=start,
        on_stop=stop,
    )
    return server


async def _keep_sampling(sample: Callable[[], None]) -> None:
    while True:
        # In a thread of its own: the files of the metrics may be on a disk that is busy.
        try:
            await asyncio.to_thread(sample)
        except Exception:
            log.exception("the metrics of this process could not be noted")
        await asyncio.sleep(SAMPLE_SECONDS)


async def _stop_without(parent: int) -> None:
    """Stop this worker when its main process has ended: it would occupy the port forever."""
    while os.getppid() == parent:
        await asyncio.sleep(_PARENT_CHECK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
