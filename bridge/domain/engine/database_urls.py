"""Database URLs, in the form that the driver reads."""

from __future__ import annotations

import re
from urllib.parse import unquote

from bridge.domain.errors import BadSetting

_DRIVER = "postgresql+psycopg://"
_SHORT = ("postgres://", "postgresql://", "postgresql+psycopg2://", "postgresql+psycopg_async://")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:,/?#@\s]+)(?::(\d{1,5}))?")
_PORT = "5432"
_FORM = "postgresql+psycopg://user:password@host1:5432,host2:5432/name"


def normalize(url: str) -> str:
    """Return the URL as SQLAlchemy takes it; raises `BadSetting` with a sentence if it cannot be used.

    Several PostgreSQL servers may stand between `@` and `/`, separated by
    commas, or each in a `host=` of its own. Of several, the one that takes
    writes is used, unless `target_session_attrs` says otherwise.
    """
    for short in _SHORT:
        if url.startswith(short):
            url = _DRIVER + url[len(short) :]
    if not url.startswith(("sqlite:///", _DRIVER)):
        raise BadSetting("BRIDGE_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://")
    return _with_hosts(url) if url.startswith(_DRIVER) else url


def _with_hosts(url: str) -> str:
    rest, _, query = url[len(_DRIVER) :].partition("?")
    authority, _, name = rest.partition("/")
    login, at, given = authority.rpartition("@")
    options = [option for option in query.split("&") if option]
    named = [unquote(option[len("host=") :]) for option in options if option.startswith("host=")]
    hosts = given.split(",") if "," in given else [host for names in named for host in names.split(",")]
    if len(hosts) < 2:
        if given:
            _host_and_port(given)
        return url
    others = [option for option in options if not option.startswith("host=")]
    ports = [option for option in others if option.startswith("port=")]
    pairs = [(host, "") if ports else _host_and_port(host) for host in hosts]
    listed = ["host=" + ",".join(host for host, _ in pairs)]
    listed += [] if ports else ["port=" + ",".join(port for _, port in pairs)]
    if not any(option.startswith("target_session_attrs=") for option in others):
        others.append("target_session_attrs=read-write")
    return f"{_DRIVER}{login}{at}/{name}?{'&'.join(listed + others)}"


def _host_and_port(given: str) -> tuple[str, str]:
    if given.startswith("/"):
        return given, _PORT
    found = _HOST.fullmatch(given)
    if found is None or (found[2] and not 1 <= int(found[2]) <= 65535):
        raise BadSetting(f"BRIDGE_DATABASE_URL names a server that cannot be one: {given!r}; write {_FORM}")
    return found[1].strip("[]"), found[2] or _PORT
