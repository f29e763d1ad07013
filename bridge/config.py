"""The settings, read once from the environment and `.env`."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from bridge.domain.engine.database_urls import normalize
from bridge.domain.errors import BadSetting
from bridge.domain.ops.proxies import Network, read_networks
from bridge.domain.stores.pasted_text import clean_pasted

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: everything the service writes by default lies below it, in `instance/`."""

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_SECRET_CHARACTERS = 32
_TOKEN_CHARACTERS = 16
_SECRETS = frozenset({"BRIDGE_SECRET_KEY"})
"""Settings that are used unchanged: a secret already in use must not change."""
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_ROUTES = frozenset(
    ["admin", "account", "connect", "healthz", "metrics", "readyz", "static", "v1", "webhooks", "widget"]
)
"""First segments of our own paths: a public URL with one of them would be ambiguous."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, validated; `docs/reference/settings.md` describes each one."""

    database_url: str
    secret_key: str = field(repr=False)
    public_url: str
    bind: str
    threads: int
    workers: int
    scheduler: bool
    admin_email: str
    admin_password: str = field(repr=False)
    log_level: str
    log_format: str
    audit: bool = True
    request_seconds: int = 20
    listen_fd: int | None = None
    trusted_proxies: tuple[Network, ...] = ()
    """The networks whose X-Forwarded headers are used."""
    metrics_token: str = field(default="", repr=False)
    """The token that scrapers of `/metrics` send; where it is empty, they get no figures of stores."""
    metrics_directory: Path | None = None
    """Where the processes on this database share their metrics; None for processes that count for themselves."""
    is_public_url_set: bool = False
    """True if `public_url` was set, not derived from the listen address."""
    installation: str = ""
    """Distinguishes this installation from one with a copy of its database; empty if none is stored."""

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The address to listen on."""
        host, _, port = self.bind.rpartition(":")
        return host, int(port)


def load_config(environ: Mapping[str, str] | None = None, *, root: Path = ROOT) -> Config:
    """Return the settings from `.env` below `root` and the environment, which takes precedence.

    Raises `BadSetting` with the name of the variable. Creates the secret key if none
    is set, and stores it in `instance/`.
    """
    given: dict[str, str] = {key: value or "" for key, value in dotenv_values(root / ".env").items()}
    given.update(os.environ if environ is None else environ)
    given = {name: value if name in _SECRETS else clean_pasted(value) for name, value in given.items()}
    instance = root / "instance"
    bind = _bind(given.get("BRIDGE_BIND") or "127.0.0.1:8000")
    database_url = _database_url(given.get("BRIDGE_DATABASE_URL"), instance)
    return Config(
        database_url=database_url,
        secret_key=_secret_key(given.get("BRIDGE_SECRET_KEY"), instance),
        public_url=_public_url(given.get("BRIDGE_PUBLIC_URL") or f"http://{_reachable(bind)}"),
        bind=bind,
        threads=_number(given, "BRIDGE_THREADS", default=64, low=1, high=256),
        workers=_number(given, "BRIDGE_WORKERS", default=1, low=1, high=64),
        scheduler=_choice(given, "BRIDGE_SCHEDULER", default="on", choices=("on", "off")) == "on",
        audit=_choice(given, "BRIDGE_AUDIT", default="nightly", choices=("nightly", "off")) == "nightly",
        admin_email=given.get("BRIDGE_ADMIN_EMAIL") or "admin@localhost",
        admin_password=given.get("BRIDGE_ADMIN_PASSWORD") or "",
        log_level=_choice(given, "BRIDGE_LOG_LEVEL", default="INFO", choices=_LEVELS),
        log_format=_choice(given, "BRIDGE_LOG_FORMAT", default="text", choices=("text", "json")),
        request_seconds=_number(given, "BRIDGE_REQUEST_SECONDS", default=20, low=1, high=300),
        listen_fd=_number(given, "BRIDGE_LISTEN_FD", default=0, low=0, high=1_000_000) or None,
        trusted_proxies=_networks(given.get("BRIDGE_TRUSTED_PROXIES") or ""),
        metrics_token=_metrics_token(given.get("BRIDGE_METRICS_TOKEN") or ""),
        metrics_directory=_metrics_directory(given.get("BRIDGE_METRICS_DIR"), instance, database_url),
        is_public_url_set=bool(given.get("BRIDGE_PUBLIC_URL")),
        installation=_installation(given, instance),
    )


def _database_url(given: str | None, instance: Path) -> str:
    if not given:
        return f"sqlite:///{instance / 'bridge.sqlite3'}"
    return normalize(given)


def _metrics_token(given: str) -> str:
    if given and (len(given) < _TOKEN_CHARACTERS or not given.isascii() or not given.isprintable() or " " in given):
        raise BadSetting(f"BRIDGE_METRICS_TOKEN must have at least {_TOKEN_CHARACTERS} ASCII characters and no space")
    return given


def _metrics_directory(given: str | None, instance: Path, database_url: str) -> Path:
    """Return a directory for each database: services on different ones may run in one checkout."""
    return Path(given or instance / "metrics").absolute() / sha256(database_url.encode()).hexdigest()[:16]


def _networks(given: str) -> tuple[Network, ...]:
    try:
        return read_networks(given)
    except ValueError as error:
        raise BadSetting(f"BRIDGE_TRUSTED_PROXIES: {error}; separate several by commas") from error


def _secret_key(given: str | None, instance: Path) -> str:
    if given:
        if len(given) < _SECRET_CHARACTERS:
            raise BadSetting(f"BRIDGE_SECRET_KEY must have at least {_SECRET_CHARACTERS} characters")
        return given
    try:
        return _kept(instance, "secret-key", secrets.token_urlsafe(48))
    except OSError as error:
        raise BadSetting(f"BRIDGE_SECRET_KEY is not set, and none can be stored in {instance}: {error}") from error


def _installation(given: Mapping[str, str], instance: Path) -> str:
    """Return the mark of this installation, kept beside the secret key; empty where that comes from the environment."""
    if given.get("BRIDGE_SECRET_KEY"):
        return ""
    try:
        return _kept(instance, "installation-id", secrets.token_hex(16))[:64]
    except OSError:
        return ""


def _kept(instance: Path, name: str, new: str) -> str:
    """Return what a file of `instance/` holds; the file is written with `new` where it is missing."""
    path = instance / name
    instance.mkdir(parents=True, exist_ok=True)
    # First written under another name: if two processes start at once, one file wins and both read it.
    draft = instance / f"{name}.{os.getpid()}"
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _bind(given: str) -> str:
    host, _, port = given.rpartition(":")
    if not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise BadSetting("BRIDGE_BIND must be an address and a port such as 127.0.0.1:8000")
    return given


def _reachable(bind: str) -> str:
    """Return the address under which this machine reaches the service; one that means "every address" is none."""
    for every, own in (("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")):
        if bind.startswith(every):
            return own + bind[len(every) :]
    return bind


def _public_url(given: str) -> str:
    try:
        parts = urlsplit(given)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise BadSetting(f"BRIDGE_PUBLIC_URL is not an address: {error}") from error
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or not given.isprintable():
        raise BadSetting("BRIDGE_PUBLIC_URL must be an address such as https://bridge.example.com")
    if parts.username is not None or " " in given:
        raise BadSetting("BRIDGE_PUBLIC_URL must have no user, password or space in it")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path) or set(path.split("/")) & {".", ".."}:
        raise BadSetting(
            "BRIDGE_PUBLIC_URL has a path with characters other than letters, digits, dots, dashes and underscores,"
            " or with an empty segment"
        )
    first = path.removeprefix("/").partition("/")[0]
    if first in _ROUTES:
        raise BadSetting(
            f"BRIDGE_PUBLIC_URL must not have a path that begins with /{first}, which is one of the"
            " service's own: give the address of its root, such as https://bridge.example.com"
        )
    return parts._replace(scheme=parts.scheme, path=path, query="", fragment="").geturl()


def _number(given: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    value = given.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise BadSetting(f"{name} must be a whole number from {low} to {high}")
    return int(value)


def _choice(given: Mapping[str, str], name: str, *, default: str, choices: tuple[str, ...]) -> str:
    value = given.get(name) or default
    for choice in choices:
        if value.casefold() == choice.casefold():
            return choice
    raise BadSetting(f"{name} must be one of {', '.join(choices)}")
