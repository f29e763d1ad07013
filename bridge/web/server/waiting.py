"""The time a request may wait for the database, over all the transactions it opens."""

from __future__ import annotations

from flask import Flask, g

from bridge.services.transactions import begin_waiting, end_waiting


def install(app: Flask) -> None:
    """Give every request a budget: what waited its share is answered 503, however many transactions it opens."""
    app.before_request(_begin)
    app.teardown_request(_end)


def _begin() -> None:
    g.waiting = begin_waiting()


def _end(_error: BaseException | None) -> None:
    waiting = g.pop("waiting", None)
    if waiting is not None:
        end_waiting(waiting)
