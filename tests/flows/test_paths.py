"""The files that requests pass through are those that the documentation lists, in its order."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import factories
from tests.support.connected_shop import open_connected_shop
from tests.support.pages import read, send, sign_in

pytestmark = pytest.mark.one_engine

ROOT = Path(__file__).resolve().parents[2]
SHARED = (
    *("bridge/storage/", "bridge/metrics/", "bridge/web/server/", "bridge/web/i18n/"),
    *("bridge/runtime.py", "bridge/web/context.py", "bridge/web/errors.py", "bridge/web/security.py"),
    *("bridge/web/api/parsing.py", "bridge/web/api/bounded_json.py", "bridge/web/api/openapi.py"),
    *("bridge/services/transactions.py", "bridge/services/secrets.py", "bridge/services/stores/settings.py"),
    *("bridge/rendering/ids.py", "bridge/rendering/documents.py", "bridge/rendering/event_payloads.py"),
    # Value types of the domain.
    *("bridge/domain/accounts/accounts.py", "bridge/domain/events/events.py"),
    *("bridge/domain/admin/admins.py", "bridge/domain/admin/user_list.py"),
    *(f"bridge/domain/stores/{name}.py" for name in ("stores", "zones", "public_address", "shortcode", "thresholds")),
    "bridge/domain/stores/pasted_text.py",
    # The parameters and the style of fragments, and parts of the widget's texts and links.
    *(f"bridge/web/widget/{name}.py" for name in ("look", "accent", "stylesheet", "options", "recent_use")),
    *("bridge/web/spend_order.py", "bridge/web/return_links.py"),
)
"""The foundations that requests share: every other file that a request enters must be listed."""


def listed_files(heading: str) -> list[str]:
    section = (ROOT / "docs/explanation/architecture.md").read_text().partition(f"## {heading}\n")[2]
    return re.findall(r"^\d+\. `(bridge/[\w/]+\.py)`", section.partition("\n## ")[0], re.MULTILINE)


def entered_by(work: Callable[[], object]) -> list[str]:
    """Return the files of the product whose functions a piece of work calls, in any thread, as first entered."""
    entered: list[str] = []

    def note(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT / "bridge"):
            name = str(path.relative_to(ROOT))
            if name not in entered:
                entered.append(name)

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
    return entered


def compare(heading: str, entered: list[str]) -> None:
    listed = listed_files(heading)
    assert [name for name in entered if name in listed] == listed
    assert [name for name in entered if name not in listed and not name.startswith(SHARED)] == []


@pytest.fixture
def buyer(shop):
    factories.put_package(shop, 10, 1_000)
    factories.deliver(shop, factories.order(1))
    factories.give(shop, 2, 5)
    return shop


def test_spend_passes_the_listed_files(buyer):
    body = {"user": {"id": 2}, "module": "chat", "tokens": 1}
    headers = buyer.headers | {"Idempotency-Key": "path"}
    compare(
        "From a spend to its response",
        entered_by(lambda: buyer.client.post("/v1/spends", json=body, headers=headers)),
    )
    assert factories.balance_of(buyer, 2) == 1_004


def test_widget_passes_the_listed_files(buyer):
    def ask(title):
        path = f"/v1/widget?user_id=2&title={title}"
        assert buyer.client.get(path, headers=buyer.headers).status_code == 200

    ask("first")
    # Another title: the fragment of the first is kept.
    compare("From a widget request to its HTML", entered_by(lambda: ask("second")))


def test_balance_edit_passes_the_listed_files(app, buyer):
    admin = sign_in(app)
    form = read(admin.get("/admin/shop/credits?edit=2")).form("/balance")
    compare("From a balance edit to the ledger", entered_by(lambda: send(admin, form, balance="77", reason="path")))
    assert factories.balance_of(buyer, 2) == 77


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_webhook_passes_the_listed_files(app):
    with open_connected_shop(app) as connected_shop:
        connected_shop.connect()
        factories.put_package(connected_shop, 10, 1_000)
        entered = entered_by(lambda: factories.deliver(connected_shop, factories.order(1, customer=2)))
        assert factories.balance_of(connected_shop, 2) == 1_000

    # The JSON is parsed on receipt; the event is read when the delivery is processed.
    early = {"bridge/clients/woocommerce/webhook_events.py", "bridge/clients/woocommerce/documents.py"}
    listed = listed_files("From an order webhook to a balance")
    assert len(listed) == 12
    assert set(listed) <= set(entered)
    assert [name for name in entered if name in listed and name not in early] == [
        name for name in listed if name not in early
    ]
    deciding = ("bridge/services/shop/", "bridge/services/orders/")
    others = {name for name in entered if name.startswith(deciding)} - set(listed)
    assert others == {"bridge/services/orders/relations.py"}
