"""A shop on loopback, and a client of it that does not wait between attempts."""

from __future__ import annotations

import threading

import pytest

from bridge.clients.woocommerce.api import open_shop
from tests.support.certificates import make_certificate
from tests.support.shop_server import KEY, SECRET, shop_serving


@pytest.fixture
def server():
    """Return the shop; the test sets its answers."""
    with shop_serving() as server:
        yield server


@pytest.fixture
def waits():
    """Return the seconds the client would have waited."""
    return []


@pytest.fixture
def client(server, waits):
    """Return a client of the shop."""
    with open_shop(server.url, consumer_key=KEY, consumer_secret=SECRET, sleep=waits.append) as client:
        yield client


@pytest.fixture
def hasty(server, waits):
    """Return a client with a timeout of a third of a second."""
    keys = {"consumer_key": KEY, "consumer_secret": SECRET}
    with open_shop(server.url, **keys, timeout=(5, 0.3), sleep=waits.append) as hasty:
        yield hasty


@pytest.fixture
def released():
    """Return an event that releases a silent shop."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Return a key and its certificate for 127.0.0.1, in one file that is also the authority."""
    return make_certificate(tmp_path_factory.mktemp("shop") / "shop.pem")


@pytest.fixture
def tls_server(certificate, monkeypatch):
    """Return the shop over https, whose certificate is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with shop_serving(certificate=certificate) as server:
        yield server


@pytest.fixture
def tls_client(tls_server, waits):
    """Return a client of the shop over https."""
    with open_shop(tls_server.url, consumer_key=KEY, consumer_secret=SECRET, sleep=waits.append) as client:
        yield client
