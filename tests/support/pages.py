"""Pages as a browser without scripts reads them: forms, tables and texts."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge.domain.admin.admins import Role
from bridge.runtime import Runtime
from bridge.services import secrets
from bridge.storage.admin import admins, sessions
from bridge.storage.admin.tables import admin_roles
from bridge.web.context import utcnow
from tests.support.markup import Markup

EMAIL = "owner@example.test"
PASSWORD = "a long enough word"


@dataclass
class Form:
    """A form: its target, and the values of its fields."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page(Markup):
    """A page: its forms, the rows of its tables as texts by class, its links and the attributes of its headings.

    A table that is folded away in a `<details>` has no rows here.
    """

    source: str
    forms: list[Form] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    row_classes: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    sorts: dict[str, str] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._form: Form | None = None
        self._select = ""
        self._texts: list[tuple[str, dict[str, str], list[str]]] = []
        self._in_body = False
        self._folded = 0
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        if tag == "form":
            self._form = Form(values.get("action", ""))
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and "name" in values:
            self._form.fields[values["name"]] = values.get("value", "")
        elif tag == "select":
            self._select = values.get("name", "")
        elif tag == "option" and self._form is not None and self._select:
            if "selected" in values or self._select not in self._form.fields:
                self._form.fields[self._select] = values.get("value", "")
        elif tag == "details":
            self._folded += 1
        elif tag == "tbody":
            self._in_body = not self._folded
        elif tag == "tr" and self._in_body:
            self.rows.append([])
            self.row_classes.append(values.get("class", ""))
        if tag in {"a", "td", "th", "p"}:
            self._texts.append((tag, values, []))

    def handle_endtag(self, tag: str) -> None:
        if tag == "tbody":
            self._in_body = False
        elif tag == "details":
            self._folded -= 1
        if not self._texts or self._texts[-1][0] != tag:
            return
        _, values, parts = self._texts.pop()
        text = " ".join("".join(parts).split())
        if tag == "a":
            self.links[values.get("aria-label") or text] = values.get("href", "")
        elif tag == "th" and values.get("scope") == "col" and not self._folded:
            self.sorts[text.rstrip("↑↓")] = values.get("aria-sort", "")
        elif tag in {"td", "th"} and self.rows and self._in_body:
            self.rows[-1].append(text)
        elif tag == "p" and values.get("role") == "alert":
            self.alerts.append(text)
        if self._texts:
            self._texts[-1][2].append(text)

    def handle_data(self, data: str) -> None:
        if self._texts:
            self._texts[-1][2].append(data)

    @property
    def users(self) -> list[int]:
        """Return the ids of the rows that are about a user."""
        return [int(values["data-user"]) for tag, values in self.tags if tag == "tr" and "data-user" in values]

    def form(self, part: str) -> Form:
        """Return the form whose address contains this part."""
        return next(form for form in self.forms if part in form.action)


def read(response: TestResponse) -> Page:
    """Parse the page of a response."""
    return Page(response.get_data(as_text=True))


def send(client: FlaskClient, form: Form, **typed: str) -> TestResponse:
    """Send a form with these fields filled in."""
    return client.post(form.action, data=form.fields | typed)


def add_owner(app: Flask) -> None:
    """Add an admin, with a password hash that is fast to compute."""
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        admins.add(connection, EMAIL, password_hash=_hash(), role=Role.OWNER, now=utcnow())


def add_admin(app: Flask, email: str, role: Role | None, *, stores: Mapping[int, Role] | None = None) -> None:
    """Add an admin with the password of these tests, with a role everywhere or roles in single stores by id."""
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        admins.add(connection, email, password_hash=_hash(), role=role, now=utcnow())
        added = admins.find_by_email(connection, email)
        for store_id, own in (stores or {}).items():
            connection.execute(admin_roles.insert().values(admin_id=added.admin.id, store_id=store_id, role=own.value))


@functools.cache
def _hash() -> str:
    return PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)


def try_sign_in(
    client: FlaskClient, email: str = EMAIL, password: str = PASSWORD, path: str = "/admin"
) -> TestResponse:
    """Fill in the sign-in form at this address, and send it."""
    return send(client, read(client.get(path)).form("sign-in"), email=email, password=password)


def sign_in(app: Flask) -> FlaskClient:
    """Return a browser of a new, signed-in admin."""
    # Without the form of the sign-in, which has tests of its own.
    add_owner(app)
    session_id, now = secrets.new_session(), utcnow()
    parts: Runtime = app.extensions["bridge"]
    with parts.database.transaction() as connection:
        admin_id = admins.find_by_email(connection, EMAIL).admin.id
        admins.mark_signed_in(connection, admin_id, now=now)
        hashed = secrets.hash_session(session_id)
        sessions.add(connection, hashed, admin_id, limit=None, agent="", address="127.0.0.1", now=now)
    client = app.test_client()
    with client.session_transaction() as session:
        session["admin"] = session_id
    return client
