"""Every call of the API that changes a setting has a form on a page, or a reason why it has none."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

SETTINGS = ("api_settings.", "api_packages.", "api_events.")
"""The parts of the API that hold the settings of a store, except prices."""

FORMS = {
    "api_settings.put_store": {"store_settings.save"},
    "api_settings.put_module": {"limits.save"},
    "api_settings.put_limit": {"limits.save"},
    "api_settings.delete_limit": {"limits.save"},
    "api_packages.put_package": {"packages.save"},
    "api_packages.delete_package": {"packages.clear"},
    "api_packages.decide_past_orders": {"packages.decide_past_orders"},
    "api_events.create_endpoint": {"event_endpoints.create"},
    "api_events.delete_endpoint": {"event_endpoints.delete"},
    "api_events.replay": {"event_endpoints.replay"},
}

MISSING: dict[str, str] = {}
"""Calls without a form, with the reason."""


def test_every_setting_of_the_api_has_a_form(app):
    calls = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(SETTINGS) and rule.methods & {"POST", "PUT", "PATCH", "DELETE"}
    }

    assert calls - set(MISSING) == set(FORMS)
    assert [name for names in FORMS.values() for name in names if name not in app.view_functions] == []
