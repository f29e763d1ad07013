"""The socket that the service listens on."""

from __future__ import annotations

import errno
import os
import socket

from bridge.config import Config
from bridge.domain.errors import BadSetting

LISTEN_FD = "BRIDGE_LISTEN_FD"
"""The environment variable that names an inherited listening socket."""


def bind(config: Config) -> socket.socket:
    """Return a socket bound to the address in the settings; raises `BadSetting` if that fails.

    It does not listen yet, so that callers are refused and do not wait while the
    database is prepared.
    """
    host, port = config.host_and_port
    host = host.strip("[]")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _refusal(error, config) from error
    return listener


def listen(listener: socket.socket, config: Config) -> None:
    """Accept connections on a bound socket; raises `BadSetting` if another process already does."""
    listener.setblocking(False)
    _drop_stalled(listener, config.request_seconds)
    try:
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        raise _refusal(error, config) from error


def listen_on(config: Config) -> socket.socket:
    """Return a socket that listens on the address in the settings; raises `BadSetting` if that fails."""
    listener = bind(config)
    listen(listener, config)
    return listener


def hand_over(listener: socket.socket) -> None:
    """Let the program that replaces this one inherit the socket."""
    listener.set_inheritable(True)
    os.environ[LISTEN_FD] = str(listener.fileno())


def inherited_socket(config: Config) -> socket.socket | None:
    """Return the listening socket that this process inherited; None if there is none."""
    if config.listen_fd is None:
        return None
    try:
        listener = socket.socket(fileno=config.listen_fd)
    except OSError as error:
        raise BadSetting(f"{LISTEN_FD} is not the number of an open socket: {error.strerror}") from error
    listener.setblocking(False)
    _drop_stalled(listener, config.request_seconds)
    return listener


def _drop_stalled(listener: socket.socket, seconds: int) -> None:
    """Let the system close connections whose client reads nothing for this many seconds."""
    # Accepted connections inherit the option. Only Linux has it: elsewhere a client that stops reading keeps its
    # connection, but no thread.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)


def _refusal(error: OSError, config: Config) -> BadSetting:
    host, port = config.host_and_port
    if error.errno == errno.EADDRINUSE:
        return BadSetting(
            f"port {port} of {host.strip('[]')} is already in use, perhaps by another copy of this service:"
            " stop it, or choose another port with PORT=8001 or BRIDGE_BIND"
        )
    return BadSetting(f"BRIDGE_BIND: the service cannot listen on {config.bind}: {error.strerror}")
