"""The files that a webhook passes on its way to a balance are those that the documentation lists."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests import factories
from tests.support.reading import open_rig

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## From an order webhook to a balance"


def listed_files() -> list[str]:
    section = (ROOT / "docs/explanation/architecture.md").read_text().partition(HEADING)[2].partition("\n## ")[0]
    return re.findall(r"^\d+\. `(bridge/[\w/]+\.py)`", section, re.MULTILINE)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_webhook_passes_the_listed_files(app):
    entered: list[str] = []

    def note(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT / "bridge"):
            name = str(path.relative_to(ROOT))
            if name not in entered:
                entered.append(name)

    with open_rig(app) as rig:
        rig.connect()
        factories.put_package(rig, 10, 1_000)
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            factories.deliver(rig, factories.order(1, customer=2))
        finally:
            sys.setprofile(before)
        assert factories.balance_of(rig, 2) == 1_000

    # The JSON is parsed on receipt; the event is read when the delivery is processed.
    early = {"bridge/clients/woocommerce/webhook_events.py", "bridge/clients/woocommerce/documents.py"}
    listed = listed_files()
    assert len(listed) == 12
    assert set(listed) <= set(entered)
    assert [name for name in entered if name in listed and name not in early] == [
        name for name in listed if name not in early
    ]
    deciding = ("bridge/services/shop/", "bridge/services/orders/")
    others = {name for name in entered if name.startswith(deciding)} - set(listed)
    assert others == {"bridge/services/orders/relations.py"}
