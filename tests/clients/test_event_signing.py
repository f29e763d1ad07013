"""Signatures of outgoing events: the bytes, their coverage, and verification by receivers."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import time_machine

from bridge.clients.event_signing import signed_headers

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))], ids=str)
def test_headers_are_these_bytes(zone):
    """Computed with `openssl dgst -sha256 -hmac`, so that no library can change them unseen."""
    now = (NOW + timedelta(microseconds=999_999)).astimezone(zone)

    headers = signed_headers('{"name":"Zoë"}'.encode(), event_id="evt_1", secret=SECRET, now=now)

    assert headers == {
        "webhook-id": "evt_1",
        "webhook-timestamp": "1795176000",
        "webhook-signature": "v1,Sh+vbJOFvpuLF37Cg4vH9CQwtZzD4ODrhhcYl2UFqUI=",
    }


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body"])
def test_signature_covers_id_time_and_body(changed):
    headers = signed_headers(b"{}", event_id="evt_1", secret=SECRET, now=NOW)
    other = signed_headers(
        b"[]" if changed == "body" else b"{}",
        event_id="evt_2" if changed == "webhook-id" else "evt_1",
        secret=SECRET,
        now=NOW + timedelta(seconds=1) if changed == "webhook-timestamp" else NOW,
    )

    assert headers["webhook-signature"] != other["webhook-signature"]


def test_python_of_the_documentation_verifies_an_event():
    document = (DOCS / "how-to/receive-events.md").read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "hmac" in block)
    scope: dict[str, Any] = {}
    exec(code, scope)
    headers = signed_headers(b"{}", event_id="evt_1", secret=SECRET, now=NOW)

    with time_machine.travel(NOW, tick=False):
        assert scope["is_from_bridge"](SECRET, headers, b"{}")
        assert not scope["is_from_bridge"](SECRET, headers, b"[]")
    with time_machine.travel(NOW + timedelta(seconds=301), tick=False):
        assert not scope["is_from_bridge"](SECRET, headers, b"{}")
