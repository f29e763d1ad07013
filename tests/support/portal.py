"""Buyers in the portal: a browser that came with a pass, the routes, and files as spreadsheets read them."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.factories import Shop

SITE = "http://127.0.0.1:8980/my-account/"
"""An address on the shop of the fixture `shop`."""
OPEN = {"portal.overview", "portal.enter"}
"""The routes that passes arrive at."""


def make_pass(shop: Shop, **body: Any) -> TestResponse:
    """Create a pass and return the response."""
    return shop.client.post("/v1/passes", json=body, headers=shop.headers)


def link(shop: Shop, **body: Any) -> str:
    """Create a pass and return the path of its link."""
    answer = make_pass(shop, **body)
    assert answer.status_code == 201, answer.text
    url: str = answer.json["url"]
    return url.removeprefix("http://127.0.0.1:8000")


def enter(app: Flask, shop: Shop, user: int = 2, **body: Any) -> FlaskClient:
    """Return the browser of a buyer who came with a pass."""
    client = app.test_client()
    answer = client.get(link(shop, user={"id": user}, **{"for": "portal"}, **body))
    assert answer.status_code == 303
    return client


def rules(app: Flask) -> list[Rule]:
    """Return the routes of the portal."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("portal")]


def path_of(rule: Rule) -> str:
    """Return the path of a route, with the ID of no site and no order."""
    return rule.rule.replace("<site_id>", "si_1").replace("<order>", "999999")


def table(response: TestResponse) -> list[list[str]]:
    """Return the rows of a file, read as a spreadsheet of its language does."""
    assert response.get_data().startswith(b"\xef\xbb\xbf")
    text = response.get_data().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=";" if ";" in text else ","))
