"""A crawler that follows every link of the pages and sends every form, as an admin or signed out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.markup import Markup

HERE = "http://localhost"


@dataclass
class _Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Parser(Markup):
    def __init__(self, source: str) -> None:
        self.links: list[str] = []
        self.forms: list[_Form] = []
        self.assets: list[str] = []
        self._form: _Form | None = None
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "form":
            self._form = _Form(values.get("action", ""), values.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag in {"input", "textarea"} and self._form is not None and values.get("name"):
            self._form.fields.append((values["name"], values.get("value", "")))
        elif tag == "button" and self._form is not None:
            self._form.buttons.append((values.get("name", ""), values.get("value", "")))
        elif tag in {"link", "img", "script"}:
            self.assets.append(values.get("href") or values.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


@dataclass
class Crawler:
    """A crawler; `faults` lists the problems, `pages` the visited addresses, `sent` the forms."""

    client: FlaskClient
    below: str = ""
    faults: list[str] = field(default_factory=list)
    pages: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    most: int = 40
    alike: int = 2
    """How many addresses and forms are tried that differ in their numbers only."""
    _kinds: Counter[str] = field(default_factory=Counter)
    _assets: dict[str, int] = field(default_factory=dict)
    """The status of each asset that was asked for."""

    def crawl(self, *starts: str) -> Crawler:
        """Follow the links from these addresses, then send every form once; sign-out comes last."""
        forms: dict[str, tuple[_Form, tuple[str, str]]] = {}
        waiting = list(starts)
        while waiting and len(self.pages) < self.most:
            address = waiting.pop(0)
            if address in self.pages or self._is_like_others(address):
                continue
            self.pages.add(address)
            waiting += self._look(address, self.client.get(address, base_url=HERE), forms)
        for key in sorted(forms, key=lambda key: "sign-out" in key):
            if not self._is_like_others(key):
                self._send(key, *forms[key])
        return self

    def _is_like_others(self, key: str) -> bool:
        kind = re.sub(r"\d+", "0", key)
        self._kinds[kind] += 1
        return self._kinds[kind] > self.alike

    def _look(self, address: str, response: TestResponse, forms: dict[str, tuple[_Form, tuple[str, str]]]) -> list[str]:
        if response.status_code in {301, 302, 303, 307, 308}:
            return self._inside(address, [response.location])
        if response.status_code != 200:
            self.faults.append(f"GET {address}: {response.status_code}")
            return []
        if "text/html" not in response.content_type:
            return []
        page = _Parser(response.get_data(as_text=True))
        for form in page.forms:
            target = self._inside(address, [form.action or address])
            if not target:
                self.faults.append(f"{address}: a form goes to {form.action}")
                continue
            for button in form.buttons or [("", "")]:
                values = [(name, value) for name, value in form.fields if name != "csrf_token"]
                forms.setdefault(
                    f"{form.method} {target[0]} {values if len(values) < 3 else ''} {button}", (form, button)
                )
                form.action = target[0]
        for asset in self._inside(address, page.assets):
            if asset not in self._assets:
                with self.client.get(asset) as response:
                    self._assets[asset] = response.status_code
            if self._assets[asset] != 200:
                self.faults.append(f"{address}: {asset} is not there")
        return self._inside(address, page.links)

    def _send(self, key: str, form: _Form, button: tuple[str, str]) -> None:
        self.sent.add(key)
        typed = dict(form.fields) | ({button[0]: button[1]} if button[0] else {})
        if form.method == "get":
            response = self.client.get(form.action, query_string=typed, base_url=HERE)
        else:
            response = self.client.post(form.action, data=typed, base_url=HERE)
        if response.status_code in {404, 405} or response.status_code >= 500:
            self.faults.append(f"{key}: {response.status_code}")
        if response.status_code == 303:
            for place in self._inside(form.action, [response.location]):
                after = self.client.get(place, base_url=HERE)
                if after.status_code not in {200, 303}:
                    self.faults.append(f"{key}, then {place}: {after.status_code}")

    def _inside(self, address: str, links: list[str]) -> list[str]:
        """Return the links that stay on this host, without fragments; one that leaves the path below it is a fault."""
        found = []
        for link in links:
            parts = urlsplit(urljoin(f"{HERE}{address}", link))
            if f"{parts.scheme}://{parts.netloc}" != HERE:
                continue
            if not (parts.path == self.below or parts.path.startswith(f"{self.below}/")):
                self.faults.append(f"{address}: {link} leads outside of {self.below}")
                continue
            found.append(parts.path + (f"?{parts.query}" if parts.query else ""))
        return found
