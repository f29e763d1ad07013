"""Routes, templates and SQL statements that a test process makes once and all its apps share."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask
from jinja2 import Environment
from sqlalchemy import Engine, create_engine
from werkzeug.routing import Rule

from bridge.storage.engine import database
from tests.support import kept_connections

_compile = Rule.compile
_register = Flask.register_blueprint
_compile_template = Environment.compile
_rules: dict[tuple[Any, ...], Rule] = {}
_templates: dict[tuple[Any, ...], Any] = {}
_views: dict[Blueprint, dict[str, Any]] = {}
"""The views of each blueprint, by endpoint, as the first app of this process registered them."""
_first_apps: list[Flask] = []


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
    Flask.register_blueprint = _register_remembered  # type: ignore[method-assign]
    Environment.compile = _remembered_template  # type: ignore[method-assign,assignment]
    database.create_engine = _create_engine  # type: ignore[attr-defined]


def _create_engine(*args: Any, **options: Any) -> Engine:
    engine = create_engine(*args, **options)
    engine._compiled_cache = _statements  # type: ignore[assignment]
    kept_connections.install(engine)
    return engine


def _register_remembered(self: Flask, blueprint: Blueprint, **options: Any) -> None:
    """Register a blueprint; every app after the first shares the routes of the first, which are the same."""
    if not _first_apps:
        _first_apps.append(self)
    first = _first_apps[0]
    if self is first:
        before = _count_for_all_routes(self)
        known = set(self.view_functions)
        _register(self, blueprint, **options)
        views = {name: view for name, view in self.view_functions.items() if name not in known}
        assert _count_for_all_routes(self) == before, f"{blueprint.name} is more than routes: extend this function"
        _views[blueprint] = views
    elif blueprint not in _views:
        _register(self, blueprint, **options)
    else:
        self.url_map = first.url_map
        self.blueprints[blueprint.name] = blueprint
        self.view_functions.update(_views[blueprint])
        blueprint._merge_blueprint_funcs(self, blueprint.name)


def _count_for_all_routes(app: Flask) -> int:
    """Return how many functions an app calls for every route, its own and those of its blueprints."""
    functions = [
        app.before_request_funcs[None],
        app.after_request_funcs[None],
        app.teardown_request_funcs[None],
        app.template_context_processors[None],
        app.url_default_functions[None],
        app.url_value_preprocessors[None],
        app.teardown_appcontext_funcs,
        app.jinja_env.filters,
        app.cli.commands,
        *app.error_handler_spec[None].values(),
    ]
    return sum(map(len, functions))


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
