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
    """Return a socket bound to the address of the settings; raises `BadSetting` when it cannot be had.

    It does not listen yet: callers are refused, not kept waiting, while the
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
    """Accept connections on a bound socket; raises `BadSetting` when another process was faster."""
    listener.setblocking(False)
    _drop_stalled(listener, config.request_seconds)
    try:
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        raise _refusal(error, config) from error


def listen_on(config: Config) -> socket.socket:
    """Return a socket that listens on the address of the settings; raises `BadSetting`."""
    listener = bind(config)
    listen(listener, config)
    return listener


def hand_over(listener: socket.socket) -> None:
    """Let the program that replaces this one inherit the socket."""
    listener.set_inheritable(True)
    os.environ[LISTEN_FD] = str(listener.fileno())


def inherited_socket(config: Config) -> socket.socket | None:
    """Return the listening socket this process was started with; None without one."""
    if config.listen_fd is None:
        return None
    try:
        listener = socket.socket(fileno=config.listen_fd)
    except OSError as error:
        raise BadSetting(f"{LISTEN_FD} names no open socket: {error.strerror}") from error
    listener.setblocking(False)
    _drop_stalled(listener, config.request_seconds)
    return listener


def _drop_stalled(listener: socket.socket, seconds: int) -> None:
    """Let the system end connections whose reader has taken nothing for so long; accepted ones inherit this."""
    # Only Linux has it. Elsewhere a reader who stops keeps its connection, but no thread.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)


def _refusal(error: OSError, config: Config) -> BadSetting:
    host, port = config.host_and_port
    if error.errno == errno.EADDRINUSE:
        return BadSetting(
            f"port {port} of {host.strip('[]')} is taken already, perhaps by this service started before:"
            " stop that, or choose another port with PORT=8001 or BRIDGE_BIND"
        )
    return BadSetting(f"BRIDGE_BIND: the service may not listen on {config.bind}: {error.strerror}")
