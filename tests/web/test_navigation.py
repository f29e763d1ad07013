"""The navigation: the pages of a store, the section of the current page, and the links an admin may use."""

from __future__ import annotations

import pytest

from bridge.web.admin import navigation
from tests import factories
from tests.support.pages import read, sign_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def admin(app):
    return sign_in(app)


def current(response):
    """Return the addresses and marks of the current links of a page's navigation, without choices inside the page."""
    found = [values for tag, values in read(response).tags if tag == "a" and "aria-current" in values]
    return [(values["href"], values["aria-current"]) for values in found if "?" not in values["href"]]


def test_a_page_marks_its_own_link(shop, admin):
    assert current(admin.get("/admin/shop/connection")) == [("/admin/shop/connection", "page")]


def test_a_page_below_another_marks_the_other(shop, admin):
    factories.give(shop, 2, 50)

    assert current(admin.get("/admin/shop/credits/2")) == [("/admin/shop/credits", "true")]


def test_a_settings_page_marks_its_section_and_itself(shop, admin):
    response = admin.get("/admin/shop/packages")

    assert current(response) == [("/admin/shop/packages", "true"), ("/admin/shop/packages", "page")]
    assert '<nav class="subnav" aria-label="Settings">' in response.get_data(as_text=True)


def test_other_pages_have_no_second_navigation(shop, admin):
    assert "subnav" not in admin.get("/admin/shop/credits").get_data(as_text=True)


def test_pages_that_do_not_exist_are_left_out(app, shop, admin):
    links = read(admin.get("/admin/shop/packages")).links

    missing = [item for item in navigation.SETTINGS.items if item.endpoint not in app.view_functions]
    assert not {item.label for item in missing} & set(links)
    assert {"Credits", "Exceptions", "Settings", "Packages", "Connection"} <= set(links)
