"""The Events page: endpoints are added, deleted, and sent earlier events again."""

from __future__ import annotations

import html
import re

import pytest

from bridge.domain.admin.admins import Role
from bridge.domain.events.events import EventType
from bridge.web.admin import event_endpoints_view
from tests import factories
from tests.support import ledger_sql
from tests.support.admin_roles import become
from tests.support.forms import read_form
from tests.support.pages import read, send, sign_in

PAGE = "/admin/shop/settings/events"
URL = "https://1.1.1.1/events"
one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def admin(app):
    return sign_in(app)


def add(admin, url=URL, *types):
    """Send the form with these types chosen, or with all."""
    form = read_form(admin.get(PAGE), "settings/events")
    chosen = list(types) or [type_.value for type_ in EventType]
    return admin.post(PAGE, data=form.fields | {"url": url, "types": chosen})


def listed(shop):
    return shop.client.get("/v1/event-endpoints", headers=shop.headers).json["items"]


def forms(admin, action):
    return [form for form in read(admin.get(PAGE)).forms if form.action.endswith(action)]


def grant(shop):
    factories.put_package(shop, 10, 600)
    factories.deliver(shop, factories.order(1))


def pending(database):
    return ledger_sql.rows(database, "select event_id from event_deliveries where state = 'pending'")


def test_every_type_of_event_is_explained():
    assert set(event_endpoints_view.TYPES) == set(EventType)


def test_endpoint_is_added_with_its_secret_shown_once(shop, admin):
    answer = add(admin, URL, "balance.low", "grant.created")

    (secret,) = re.findall(r"<code>(whsec_[^<]+)</code>", answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert html.unescape(secret) not in html.unescape(admin.get(PAGE).text)
    (endpoint,) = listed(shop)
    assert (endpoint["url"], endpoint["types"]) == (URL, ["balance.low", "grant.created"])
    assert "Not used yet" in admin.get(PAGE).text


@one_engine
def test_all_types_mean_also_later_ones(shop, admin):
    add(admin)

    assert listed(shop)[0]["types"] is None


@pytest.mark.parametrize(
    "url", ["", "receiver", "ftp://1.1.1.1/", "http://10.0.0.1/x", "https://u:p@1.1.1.1/", "x" * 2001]
)
@one_engine
def test_address_that_events_must_not_be_sent_to_is_refused(shop, admin, url):
    answer = add(admin, url, "balance.low")

    assert answer.status_code == 422
    assert 'id="url-error"' in answer.text
    assert listed(shop) == []
    assert answer.text.count(" checked") == 1, "the chosen type is kept"


@one_engine
def test_endpoint_without_types_is_refused_and_keeps_its_address(shop, admin):
    form = read_form(admin.get(PAGE), "settings/events")
    form.fields.pop("types")

    answer = send(admin, form, url=URL)

    assert answer.status_code == 422
    assert 'id="types-error"' in answer.text
    assert read_form(answer, "settings/events").fields["url"] == URL
    assert listed(shop) == []


def test_form_sent_twice_adds_one_endpoint(shop, admin):
    assert [add(admin).status_code for _ in range(2)] == [200, 409]

    assert len(listed(shop)) == 1


def test_endpoint_is_deleted(shop, admin):
    add(admin)
    (form,) = forms(admin, "/delete")

    assert [send(admin, form).status_code for _ in range(2)] == [303, 404]

    assert listed(shop) == []


def test_latest_event_and_events_since_a_time_are_sent_again(shop, admin, database):
    add(admin)
    latest, since = forms(admin, "/replay")
    assert send(admin, latest).status_code == 303
    assert "the store has no event yet" in admin.get(PAGE).text
    grant(shop)
    assert send(admin, latest).status_code == 303
    assert "is on its way already" in admin.get(PAGE).text
    with database.transaction() as connection:
        connection.exec_driver_sql("update outbox set fanned_out_at = created_at")
    assert pending(database) == []

    assert send(admin, latest).status_code == 303

    assert len(pending(database)) == 1
    assert "1 event is sent again" in admin.get(PAGE).text
    assert send(admin, since, since="2026-01-01T00:00").status_code == 303
    assert "1 event is sent again" in admin.get(PAGE).text
    assert send(admin, since, since="2999-01-01T00:00").status_code == 303
    assert "0 events are sent again" in admin.get(PAGE).text


@pytest.mark.parametrize("typed", ["", "yesterday", "0001-01-01T00:00", "9999-12-31T23:59", "2026-13-01T00:00"])
@one_engine
def test_time_that_is_none_is_refused_beside_its_field(shop, admin, typed):
    add(admin)

    answer = send(admin, forms(admin, "/replay")[1], since=typed)

    assert answer.status_code == 422
    assert "Enter a date and time" in answer.text


@one_engine
def test_another_stores_endpoint_is_not_changed(app, shop, admin, database):
    factories.add_shop(app, "other")
    add(admin)
    grant(shop)

    for action in ("delete", "replay"):
        form = forms(admin, f"/{action}")[0]
        form.action = form.action.replace("/shop/", "/other/")
        assert send(admin, form, action="since", since="2026-01-01T00:00").status_code == 404

    assert len(listed(shop)) == 1
    assert pending(database) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER])
@one_engine
def test_only_owners_change_endpoints(app, shop, admin, role):
    add(admin)
    sent = [forms(admin, "/delete")[0], *forms(admin, "/replay"), read_form(admin.get(PAGE), "settings/events")]
    become(app, role)

    assert [send(admin, form, since="2026-01-01T00:00").status_code for form in sent] == [403] * 4
    page = admin.get(PAGE)
    assert page.status_code == 200
    assert [form for form in read(page).forms if "settings/events" in form.action] == []
    assert len(listed(shop)) == 1
