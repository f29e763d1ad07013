"""Each admin may use the pages that their role allows, in their own stores only, as every route declares it."""

from __future__ import annotations

import re

import pytest

from bridge.domain.admin.admins import Role
from tests import factories
from tests.support.pages import add_admin, read, send, try_sign_in

OPEN = {"admin.home", "admin.sign_in", "admin.sign_out", "root.show_root"}
"""The pages of browsers that are not signed in."""
OPEN_BLUEPRINTS = {"invitations", "second_factor", "pass_sign_in"}

one_engine = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def admin_rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin")]


def is_open(rule):
    return rule.endpoint in OPEN or rule.endpoint.partition(".")[0] in OPEN_BLUEPRINTS


def path_of(rule, slug):
    """Return the address of a rule in a store, with 1 for every other part."""
    return re.sub(r"<[^>]+>", "1", rule.rule.replace("<store>", slug))


def needed(app, rule):
    return app.view_functions[rule.endpoint].needed_role


@pytest.fixture
def browser(app, shop):
    """Return a browser of an admin with a role in single stores, or in all."""

    def signed_in(name, role=None, **stores):
        email = f"{name}@example.test"
        add_admin(app, email, role, stores=dict(stores.values()))
        client = app.test_client()
        assert try_sign_in(client, email).status_code == 303
        return client

    return signed_in


def token_of(client):
    return read(client.get("/admin/stores")).form("sign-out").fields["csrf_token"]


@one_engine
def test_every_page_declares_the_role_it_needs(app):
    undeclared = [
        rule.rule
        for rule in admin_rules(app)
        if not is_open(rule) and not isinstance(getattr(app.view_functions[rule.endpoint], "needed_role", None), Role)
    ]

    assert undeclared == []


@one_engine
def test_every_page_that_changes_something_needs_more_than_a_viewer(app):
    own = {"account", "admin"}
    loose = [
        rule.rule
        for rule in admin_rules(app)
        if "POST" in rule.methods
        and not is_open(rule)
        and rule.endpoint.partition(".")[0] not in own
        and needed(app, rule) is Role.VIEWER
    ]

    assert loose == []


@one_engine
@pytest.mark.parametrize("role", Role)
def test_a_role_in_a_store_opens_what_it_allows_and_no_other_store(app, shop, browser, role):
    other, _ = factories.add_shop(app, "second")
    client = browser(role.value, None, a=(shop.id, role))
    token = token_of(client)
    wrong = []

    for rule in admin_rules(app):
        if is_open(rule) or "<store>" not in rule.rule:
            continue
        for method in sorted({"GET", "POST"} & rule.methods):
            more = {"data": {"csrf_token": token}} if method == "POST" else {}
            status = client.open(path_of(rule, "shop"), method=method, **more).status_code
            is_allowed = role.includes(needed(app, rule))
            if (status == 403) == is_allowed or status >= 500:
                wrong.append((method, rule.rule, status))
            status = client.open(path_of(rule, "second"), method=method, **more).status_code
            if status != 404:
                wrong.append((method, rule.rule, "in the other store", status))

    assert wrong == []
    assert other is not None


@one_engine
@pytest.mark.parametrize("role", [None, *Role])
def test_pages_of_the_installation_need_the_role_for_all_stores(app, shop, browser, role):
    """An owner of one store only is no owner of the installation."""
    stores = {"a": (shop.id, Role.OWNER)} if role is None else {}
    client = browser("anyone", role, **stores)
    token = token_of(client)
    wrong = []

    for rule in admin_rules(app):
        if is_open(rule) or "<store>" in rule.rule:
            continue
        for method in sorted({"GET", "POST"} & rule.methods):
            more = {"data": {"csrf_token": token}} if method == "POST" else {}
            need = needed(app, rule)
            is_allowed = need is Role.VIEWER or (role is not None and role.includes(need))
            if is_allowed and method == "POST":
                continue
            status = client.open(path_of(rule, "shop"), method=method, **more).status_code
            if (status == 403) == is_allowed or status >= 500:
                wrong.append((method, rule.rule, status))

    assert wrong == []


@one_engine
def test_signed_out_browsers_are_sent_to_the_sign_in(app, shop):
    client = app.test_client()

    for rule in admin_rules(app):
        if not is_open(rule) and "GET" in rule.methods:
            response = client.get(path_of(rule, "shop"))
            assert (response.status_code, response.location[:6]) == (303, "/admin"), rule.rule


@one_engine
@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER])
def test_pages_offer_only_forms_that_the_role_may_send(app, shop, browser, role):
    factories.put_package(shop, 10, 1000)
    factories.deliver(shop, factories.order(1, customer=0))
    factories.deliver(shop, factories.order(2, lines=[factories.line(1, 0), factories.line(2, 77)]))
    factories.give(shop, 2, 50)
    client = browser(role.value, None, a=(shop.id, role))
    adapter = app.url_map.bind("localhost")
    offered = set()

    for rule in admin_rules(app):
        if "GET" not in rule.methods or is_open(rule) or not role.includes(needed(app, rule)):
            continue
        response = client.get(path_of(rule, "shop").replace("/1", "/2"))
        for form in read(response).forms if response.mimetype == "text/html" else ():
            if "csrf_token" not in form.fields:
                continue
            endpoint, _ = adapter.match(form.action.partition("?")[0], method="POST")
            if endpoint not in OPEN and not role.includes(app.view_functions[endpoint].needed_role):
                offered.add((rule.rule, form.action))

    assert offered == set()


@one_engine
def test_a_viewer_who_sends_a_form_anyway_changes_nothing(app, shop, browser):
    factories.give(shop, 2, 50)
    client = browser("viewer", None, a=(shop.id, Role.VIEWER))
    owner = browser("owner", Role.OWNER)
    form = read(owner.get("/admin/shop/credits?edit=2")).form("credits/2/balance")
    form.fields["csrf_token"] = token_of(client)

    assert send(client, form, balance="9000").status_code == 403
    assert factories.put_user(shop, 2)["balance"]["balance"] == 50
