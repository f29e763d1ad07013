"""An import of products that is cut off goes on where it stopped, by the button, the command or the scheduler."""

from __future__ import annotations

import logging

import pytest

from bridge.services.shop import product_import
from bridge.web.admin import connection as connection_door
from fakeshop.faults import Kind
from schedulers import shop_jobs
from schedulers.context import JobContext
from tests.support.pages import read, send, sign_in
from tests.support.reading import open_rig

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""What is read from a shop does not depend on where it is written to."""
PAGE = "/admin/shop/connection"


@pytest.fixture
def rig(app, caplog):
    """A connected shop of six products, two of which have variations or bring nothing, read in pages of two."""
    caplog.set_level(logging.CRITICAL)
    with open_rig(app, page=2) as rig:
        yield rig.connect()


def go_on(rig):
    """What the scheduler does."""
    rig.later()
    return shop_jobs.import_packages(JobContext(rig.database, lambda: rig.now, lambda: True), shops=rig.shops)


def begin(rig, *, pages):
    """An import that is told to stop after so many pages."""
    turns = iter([True] * (pages - 1))
    with rig.reading(may_go_on=lambda: next(turns, False)) as reading:
        return product_import.import_products(reading, now=rig.now)


def pages_asked(rig):
    """Which pages of products were asked for since last asked."""
    asked = [path for _, path in rig.served.requests if "/products?" in path]
    rig.served.requests.clear()
    return [path.partition("page=")[2].partition("&")[0] for path in (part.replace("per_page=", "") for part in asked)]


def test_import_that_was_stopped_is_finished_by_the_job(rig):
    began = begin(rig, pages=1)

    assert (began.products, began.left) == (2, 4)
    assert pages_asked(rig) == ["1"]
    assert go_on(rig) == "4 products read"
    assert pages_asked(rig) == ["2", "3"]
    assert go_on(rig) == "0 products read"
    assert pages_asked(rig) == []
    assert rig.client.get("/v1/packages", headers=rig.headers).json["items"][0]["tokens"] > 0


def test_list_that_got_shorter_meanwhile_is_begun_anew(rig):
    begin(rig, pages=2)
    rig.shop.delete_product(min(rig.shop.products))
    rig.served.requests.clear()

    assert go_on(rig) == "5 products read"
    assert pages_asked(rig) == ["3", "1", "2", "3"]


def test_shop_that_fails_half_way_is_asked_again_from_there(rig):
    begin(rig, pages=1)
    rig.served.faults.add(Kind.ERROR_PAGE, path="/products", times=None)

    assert go_on(rig) == "0 products read, 1 shops failed"
    rig.served.faults.clear()
    rig.served.requests.clear()
    assert go_on(rig) == "4 products read"
    assert pages_asked(rig) == ["2", "3"]


def test_page_that_runs_out_of_patience_says_how_far_it_got(rig, monkeypatch):
    monkeypatch.setattr(connection_door, "_PATIENCE_SECONDS", 0)
    admin = sign_in(rig.app)

    page = admin.get(send(admin, read(admin.get(PAGE)).form("connection/packages")).location).text

    assert "2 products were read. The other 4 are read within minutes." in page
    assert "The products are being imported: 2 of 6 so far." in page
    go_on(rig)
    assert "6 products grant tokens." in admin.get(PAGE).text


def test_import_begun_again_reads_everything(rig):
    begin(rig, pages=2)
    rig.served.requests.clear()

    done = begin(rig, pages=9)

    assert (done.products, done.left, pages_asked(rig)) == (6, 0, ["1", "2", "3"])
