"""Serve below the path of the public URL, behind a proxy that keeps or strips the path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, url_for

from bridge.domain.stores.public_address import origin_of, path_of
from bridge.runtime import runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class PublicPath:
    """Passes the app the path it is served under; requests may arrive with or without the path."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self._app = app
        self._path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request with the app; its links and redirects begin with the path."""
        asked = environ.get("PATH_INFO", "")
        if asked == self._path or asked.startswith(f"{self._path}/"):
            environ["PATH_INFO"] = asked[len(self._path) :] or "/"
        environ["SCRIPT_NAME"] = self._path
        return self._app(environ, start_response)


def install(app: Flask, public_url: str) -> None:
    """Serve the app below the public URL's path, if it has one."""
    if path := path_of(public_url):
        app.wsgi_app = PublicPath(app.wsgi_app, path)  # type: ignore[method-assign]


def external_url(endpoint: str, **values: str) -> str:
    """Return the full public URL of a route."""
    return origin_of(runtime().config.public_url) + url_for(endpoint, **values)  # type: ignore[arg-type]
