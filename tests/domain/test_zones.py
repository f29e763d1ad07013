"""Zones of stores: IANA names and fixed offsets as WordPress allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.metering.limits import Calendar, Period, window_at
from bridge.domain.stores.zones import canonical_zone, wordpress_zone, zone_label, zone_of


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("Europe/Paris", "Europe/Paris"),
        (" UTC ", "UTC"),
        ("+05:30", "+05:30"),
        ("UTC+5:30", "+05:30"),
        ("utc-3", "-03:00"),
        ("+0545", "+05:45"),
        ("UTC+0", "UTC"),
        ("+15", None),
        ("5.5", None),
        ("Mars/Base", None),
        ("../etc/passwd", None),
        ("", None),
    ],
)
def test_zone_is_stored_in_one_form(name, canonical):
    assert canonical_zone(name) == canonical


@pytest.mark.parametrize(
    ("timezone_string", "gmt_offset", "zone"),
    [
        ("America/New_York", -5, "America/New_York"),
        ("", 5.5, "+05:30"),
        ("", "5.75", "+05:45"),
        ("", -3.5, "-03:30"),
        ("", 0, "UTC"),
        ("", "", None),
        (None, None, None),
        ("", float("nan"), None),
        ("", 99, None),
        ("Nowhere/Town", 2, None),
    ],
)
def test_zone_of_a_wordpress_site(timezone_string, gmt_offset, zone):
    assert wordpress_zone(timezone_string, gmt_offset) == zone


def test_day_begins_on_a_fixed_offset():
    calendar = Calendar(zone_of("+05:30"))

    window = window_at(Period.DAILY, datetime(2026, 3, 1, 18, 29, tzinfo=UTC), calendar)

    assert window.starts_at == datetime(2026, 2, 28, 18, 30, tzinfo=UTC)
    assert window.ends_at == window.starts_at + timedelta(days=1)
    assert zone_label(zone_of("+05:30")) == "UTC+05:30"
    assert zone_label(zone_of("America/New_York")) == "America/New York"
