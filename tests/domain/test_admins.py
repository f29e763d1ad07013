from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.admins import pause_after

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, None), (4, None), (5, 1), (6, 2), (7, 4), (8, 8), (9, 15), (1000, 15)]
)
def test_pause_begins_with_the_fifth_failure_and_stops_growing(failures, minutes):
    assert pause_after(failures, now=NOW) == (None if minutes is None else NOW + timedelta(minutes=minutes))
