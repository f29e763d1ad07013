"""The widget of a pass in a real frame: shown with its style on a site of the store, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask, request
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from tests.factories import give
from tests.support.portal import link

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.parametrize("engine", ["sqlite"])]


@pytest.fixture
def port() -> Iterator[int]:
    """Return the port of a site whose page shows the address in its query in a frame."""
    site = Flask("site")
    site.add_url_rule("/", "show", lambda: f'<title>Site</title><iframe src="{request.args["url"]}"></iframe>')
    server = make_server("127.0.0.1", 0, site, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_widget_is_shown_on_the_stores_own_sites_only(shop, address: str, browser: Browser, port: int) -> None:
    give(shop, 2, 1234)
    own = {"url": f"http://127.0.0.1:{port}/blog", "name": "Blog"}
    assert shop.client.post("/v1/users/2/sites", json=own, headers=shop.headers).status_code == 201
    wanted = {"user": {"id": 2}, "for": "widget"}
    url = address + link(shop, **wanted).removeprefix(address)
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)

    page.goto(f"http://127.0.0.1:{port}/?url={url}")
    shown = page.frame_locator("iframe")

    expect(shown.locator(".token-bridge__balance")).to_have_text("1,234")
    corner = "element => getComputedStyle(element).borderTopLeftRadius"
    assert shown.locator(".token-bridge").evaluate(corner) == "12px"
    page.goto(f"http://localhost:{port}/?url={url}")
    page.wait_for_load_state()
    expect(page.frame_locator("iframe").locator(".token-bridge")).to_have_count(0)
    context.close()
