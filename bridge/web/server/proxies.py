"""The X-Forwarded headers: used from trusted proxies, and removed from all other requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flask import Flask

from bridge.domain.ops.proxies import Network, client_address, is_trusted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HEADERS = ("FOR", "PROTO", "HOST", "PORT", "PREFIX")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?", re.ASCII)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+", re.ASCII)
_PORTS = {"http": "80", "https": "443"}


class TrustedProxies:
    """Passes the address, scheme and host of the client to the app if a trusted proxy states them."""

    def __init__(self, app: WSGIApplication, networks: Sequence[Network]) -> None:
        self._app = app
        self._networks = networks

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request with the app."""
        named = {name: environ.pop(f"HTTP_X_FORWARDED_{name}", "") for name in _HEADERS}
        environ.pop("HTTP_FORWARDED", None)
        peer = environ.get("REMOTE_ADDR", "")
        if self._networks and is_trusted(peer, self._networks):
            environ["REMOTE_ADDR"] = client_address(peer, named["FOR"], self._networks)
            _apply(environ, {name: value.rpartition(",")[2].strip() for name, value in named.items()})
        return self._app(environ, start_response)


def install(app: Flask, networks: Sequence[Network]) -> None:
    """Read forwarded headers before anything else of the app; without networks they are only removed."""
    app.wsgi_app = TrustedProxies(app.wsgi_app, networks)  # type: ignore[method-assign]


def _apply(environ: WSGIEnvironment, last: dict[str, str]) -> None:
    """Apply the values of the nearest proxy; an invalid value is ignored."""
    scheme = last["PROTO"].casefold()
    if scheme in _PORTS:
        environ["wsgi.url_scheme"] = scheme
        environ["SERVER_PORT"] = _PORTS[scheme]
    if _HOST.fullmatch(last["HOST"]):
        environ["HTTP_HOST"] = last["HOST"]
    if re.fullmatch(r"[0-9]{1,5}", last["PORT"], re.ASCII):
        environ["SERVER_PORT"] = last["PORT"]
        host = re.sub(r":[0-9]+$", "", environ.get("HTTP_HOST", ""))
        is_default = last["PORT"] == _PORTS.get(environ["wsgi.url_scheme"])
        if host:
            environ["HTTP_HOST"] = host if is_default else f"{host}:{last['PORT']}"
    if _PREFIX.fullmatch(last["PREFIX"].rstrip("/")):
        prefix = last["PREFIX"].rstrip("/")
        environ["SCRIPT_NAME"] = prefix
        path = environ.get("PATH_INFO", "")
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path[len(prefix) :] or "/"
