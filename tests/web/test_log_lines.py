"""A record is one line of the log, whatever a caller writes into an address."""

from __future__ import annotations

import json
import logging

import pytest

from bridge.logs import configure_logs
from tests.conftest import make_config


@pytest.fixture
def own_handlers():
    """Restore the root logger afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_address_begins_no_line_of_its_own(own_handlers, capsys, log_format):
    configure_logs(make_config("sqlite://", log_format=log_format))
    path = "/v1/users/1\n2026-11-26 ERROR   bridge: all is lost\r\x1b[31m\x85é"

    logging.getLogger("bridge.web.errors").warning("GET %s failed", path)

    line, end = capsys.readouterr().err.split("\n")
    assert end == ""
    assert not {"\r", "\x1b"} & set(line)
    assert "é failed" in (line if log_format == "text" else json.loads(line)["message"])
