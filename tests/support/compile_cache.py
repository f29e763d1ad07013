"""Routes, templates and SQL statements that a test process compiles once and all its apps share."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment
from sqlalchemy import Engine, create_engine
from werkzeug.routing import Rule

from bridge.storage.engine import database

_compile = Rule.compile
_compile_template = Environment.compile
_rules: dict[tuple[Any, ...], Rule] = {}
_templates: dict[tuple[Any, ...], Any] = {}


class _Statements(dict[Any, Any]):
    """Compiled statements by the class of their dialect; SQLAlchemy itself separates them by engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), value)


_statements = _Statements()


def cache_compiled() -> None:
    """Make this process compile each route, template and statement once for all apps.

    Every test has an app and a database of its own, with the same routes,
    templates and statements. Measured on 106 tests of orders, sites and the
    widget on SQLite: 9.8 s of processor time with this, 16.2 s without. It
    replaces internals of werkzeug, Jinja and SQLAlchemy; without the call in
    `tests/conftest.py` every test passes too, only later.
    """
    Rule.compile = _remembered  # type: ignore[method-assign]
    Environment.compile = _remembered_template  # type: ignore[method-assign,assignment]
    database.create_engine = _create_engine  # type: ignore[attr-defined]


def _create_engine(*args: Any, **options: Any) -> Engine:
    engine = create_engine(*args, **options)
    engine._compiled_cache = _statements  # type: ignore[assignment]
    return engine


def _remembered_template(self: Environment, source: Any, *args: Any, **options: Any) -> Any:
    if not isinstance(source, str):
        return _compile_template(self, source, *args, **options)
    place = (source, args, tuple(sorted(options.items())))
    if place not in _templates:
        _templates[place] = _compile_template(self, source, *args, **options)
    return _templates[place]


def _remembered(self: Rule) -> None:
    if self.host or self.subdomain:
        _compile(self)
        return
    defaults = tuple(sorted((self.defaults or {}).items()))
    place = (self.rule, defaults, self.merge_slashes, self.strict_slashes, self.websocket)
    found = _rules.get(place)
    if found is None:
        _compile(self)
        _rules[place] = self
        return
    # The rule of the first app; its converters are the same, and none of ours uses its map.
    self._parts, self._trace, self._converters = list(found._parts), list(found._trace), dict(found._converters)
    self.arguments = set(found.arguments)
    self._build = found._build.__func__.__get__(self, None)  # type: ignore[attr-defined]
    self._build_unknown = found._build_unknown.__func__.__get__(self, None)  # type: ignore[attr-defined]
