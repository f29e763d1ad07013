"""An import of products that is cut off continues there, by the button, the command or the scheduler."""

from __future__ import annotations

import logging

import pytest

from bridge.services.shop import product_import
from bridge.web.admin import connection as connection_page
from fakeshop.rest.faults import Kind
from schedulers import shop_jobs
from schedulers.context import JobContext
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""The values read from a shop do not depend on the database engine."""
PAGE = "/admin/shop/connection"


@pytest.fixture
def connected_shop(app, caplog):
    """Return a connected shop of six products, two with variations or without tokens, in pages of two."""
    caplog.set_level(logging.CRITICAL)
    with open_connected_shop(app, page=2) as connected_shop:
        yield connected_shop.connect()


def go_on(connected_shop):
    """Run the scheduler's job."""
    connected_shop.later()
    return shop_jobs.import_packages(
        JobContext(connected_shop.database, lambda: connected_shop.now, lambda: True), shops=connected_shop.shops
    )


def begin(connected_shop, *, pages):
    """Start an import that stops after this many pages."""
    turns = iter([True] * (pages - 1))
    with connected_shop.reading(may_go_on=lambda: next(turns, False)) as reading:
        return product_import.import_products(reading, now=connected_shop.now)


def pages_asked(connected_shop):
    """Return the pages of products that were requested since the last call."""
    asked = [path for _, path in connected_shop.served.requests if "/products?" in path]
    connected_shop.served.requests.clear()
    return [path.partition("page=")[2].partition("&")[0] for path in (part.replace("per_page=", "") for part in asked)]


def test_import_that_was_stopped_is_finished_by_the_job(connected_shop):
    began = begin(connected_shop, pages=1)

    assert (began.products, began.left) == (2, 4)
    assert pages_asked(connected_shop) == ["1"]
    assert go_on(connected_shop) == "4 products read"
    assert pages_asked(connected_shop) == ["2", "3"]
    assert go_on(connected_shop) == "0 products read"
    assert pages_asked(connected_shop) == []
    assert connected_shop.client.get("/v1/packages", headers=connected_shop.headers).json["items"][0]["tokens"] > 0


def test_list_that_got_shorter_meanwhile_is_read_again(connected_shop):
    begin(connected_shop, pages=2)
    connected_shop.shop.delete_product(min(connected_shop.shop.products))
    connected_shop.served.requests.clear()

    assert go_on(connected_shop) == "5 products read"
    assert pages_asked(connected_shop) == ["3", "1", "2", "3"]


def test_shop_that_fails_half_way_is_asked_again_from_there(connected_shop):
    begin(connected_shop, pages=1)
    connected_shop.served.faults.add(Kind.ERROR_PAGE, path="/products", times=None)

    assert go_on(connected_shop) == "0 products read, 1 shops failed"
    connected_shop.served.faults.clear()
    connected_shop.served.requests.clear()
    assert go_on(connected_shop) == "4 products read"
    assert pages_asked(connected_shop) == ["2", "3"]


def test_page_that_runs_out_of_patience_says_how_far_it_got(connected_shop, monkeypatch):
    monkeypatch.setattr(connection_page, "_PATIENCE_SECONDS", 0)
    admin = sign_in(connected_shop.app)

    page = admin.get(send(admin, read(admin.get(PAGE)).form("connection/packages")).location).text

    assert "2 products were read. The other 4 are read within minutes." in page
    assert "The products are being imported: 2 of 6 so far." in page
    go_on(connected_shop)
    assert "6 products grant tokens." in admin.get(PAGE).text


def test_import_begun_again_reads_everything(connected_shop):
    begin(connected_shop, pages=2)
    connected_shop.served.requests.clear()

    done = begin(connected_shop, pages=9)

    assert (done.products, done.left, pages_asked(connected_shop)) == (6, 0, ["1", "2", "3"])
