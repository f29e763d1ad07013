"""What every template may use: numbers as people write them, and the style sheet's address."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, url_for
from markupsafe import Markup, escape

from bridge.domain.i18n.formatting import number

_STYLE = "admin.css"


def install(app: Flask) -> None:
    """Teach the templates what they share."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["number"] = number
    app.jinja_env.filters["signed"] = _signed
    app.jinja_env.filters["breakable"] = _breakable
    version = hashlib.sha256(Path(app.static_folder or "", _STYLE).read_bytes()).hexdigest()[:12]
    app.jinja_env.globals["style_url"] = lambda: url_for("static", filename=_STYLE, v=version)


def _signed(value: int) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _breakable(address: str) -> Markup:
    """An e-mail address that a narrow column breaks before its @."""
    return escape(address).replace("@", Markup("<wbr>@"))
