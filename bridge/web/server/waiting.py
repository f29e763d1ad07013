"""The time a request may wait for the database, over all the transactions it opens."""

from __future__ import annotations

from flask import Flask, g

from bridge.services.transactions import begin_waiting, end_waiting


def install(app: Flask) -> None:
    """Limit the time each request waits for the database in all its transactions; beyond it, respond 503."""
    app.before_request(_begin)
    app.teardown_request(_end)


def _begin() -> None:
    g.waiting = begin_waiting()


def _end(_error: BaseException | None) -> None:
    waiting = g.pop("waiting", None)
    if waiting is not None:
        end_waiting(waiting)
