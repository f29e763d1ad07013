"""Fixtures of flows in a real browser: the app on a port, and a new browser context for each test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext
from werkzeug.serving import make_server

from bridge.runtime import Runtime


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Return the address where the app answers a browser, which is its public address as well."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    parts: Runtime = app.extensions["bridge"]
    app.extensions["bridge"] = replace(parts, config=replace(parts.config, public_url=url))
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a new browser context without scripts and cookies."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    yield context
    context.close()
