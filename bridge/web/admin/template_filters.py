"""Filters for every template: formatted numbers, and the addresses of style sheets and scripts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, url_for
from markupsafe import Markup, escape

from bridge.domain.admin.admins import Role
from bridge.web.admin import navigation, sessions
from bridge.web.i18n.formatting import number

_STYLES = (
    "admin.css",
    "connect.css",
    "credits.css",
    "docs.css",
    "limits.css",
    "palette.css",
    "portal.css",
    "settings.css",
    "widget.css",
)


def install(app: Flask) -> None:
    """Install the filters and globals of all templates."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["number"] = number
    app.jinja_env.filters["signed"] = _signed
    app.jinja_env.filters["breakable"] = _breakable
    folder = Path(app.static_folder or "")
    names = [*_STYLES, *(f"admin/{file.name}" for file in (folder / "admin").iterdir())]
    versions = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12] for name in names}
    app.jinja_env.globals["may_use"] = sessions.may_use
    app.jinja_env.globals["build_menu"] = navigation.build_menu
    app.jinja_env.globals["may"] = lambda role: sessions.may(Role(role))
    app.jinja_env.globals["style_url"] = lambda name=_STYLES[0]: url_for("static", filename=name, v=versions[name])
    app.jinja_env.globals["script_url"] = lambda name: url_for("static", filename=name, v=versions[name])


def _signed(value: int) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _breakable(address: str) -> Markup:
    """Return an email address that a narrow column breaks before the @."""
    return escape(address).replace("@", Markup("<wbr>@"))
