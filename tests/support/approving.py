"""The owner's answer on the shop's page that asks for approval of REST keys."""

from __future__ import annotations

import html
import re
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urljoin


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stays, urllib.request.ProxyHandler({}))


def approve(authorize_url: str) -> tuple[int, str]:
    """Press Approve; return the shop's status, and the owner's next address."""
    return _get(_button(authorize_url, "approve"))


def deny(authorize_url: str) -> str:
    """Press Deny; return the owner's next address."""
    return _button(authorize_url, "deny")


def _button(authorize_url: str, name: str) -> str:
    with _opener.open(authorize_url, timeout=10) as response:
        page = response.read().decode()
    found = re.search(rf'class="wc-auth-{name}" href="([^"]+)"', page)
    assert found is not None, page
    return urljoin(authorize_url, html.unescape(found[1]))


def _get(url: str) -> tuple[int, str]:
    try:
        with _opener.open(url, timeout=10) as response:
            return response.status, ""
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers.get("Location", "")
