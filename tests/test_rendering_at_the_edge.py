"""Text is read and rendered at the edges: services hold no markup, no HTTP status and no parsing of times."""

from pathlib import Path

import pytest

from tests.support import architecture

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "check",
    [
        architecture.parsing_faults,
        architecture.markup_faults,
        architecture.status_faults,
        architecture.payload_faults,
    ],
)
def test_text_is_read_and_rendered_at_the_edge(check):
    paths = [path for path in architecture.project_files(ROOT) if path.endswith(".py")]

    assert [fault for path in paths for fault in check(path, (ROOT / path).read_text(encoding="utf-8"))] == []


def test_guard_of_parsing_finds():
    source = "from datetime import datetime\ndatetime.fromisoformat('2026-11-20')"

    assert len(architecture.parsing_faults("bridge/services/orders/apply.py", source)) == 1
    assert len(architecture.parsing_faults("schedulers/jobs.py", source)) == 1
    assert len(architecture.parsing_faults("bridge/storage/orders/packing.py", source)) == 1
    assert len(architecture.parsing_faults("bridge/clients/woocommerce/documents.py", source)) == 1
    assert architecture.parsing_faults("bridge/clients/woocommerce/times.py", source) == []


@pytest.mark.parametrize("text", ["aria-sort", "aria_label", "<b>", "</td>", '<a href="/admin">', "<br/>"])
def test_guard_of_markup_finds(text):
    assert len(architecture.markup_faults("bridge/services/admin/users.py", f"TEXT = '{text}'")) == 1
    assert architecture.markup_faults("bridge/web/admin/users.py", f"TEXT = '{text}'") == []


def test_guard_of_markup_lets_comparisons_pass():
    assert architecture.markup_faults("bridge/services/admin/users.py", "if a <b and c> d: ...") == []


@pytest.mark.parametrize(
    "source",
    ["def f():\n    return 201, {}", "x = {'status': 403 if a else 402}", "Reply(status=200)"],
)
def test_guard_of_statuses_finds(source):
    assert len(architecture.status_faults("bridge/services/metering/execute.py", source)) == 1
    assert architecture.status_faults("bridge/web/api/spends.py", source) == []


@pytest.mark.parametrize("source", ["BATCH = 500", "def f():\n    return 1, {}", "x = {'status': order.status}"])
def test_guard_of_statuses_lets_pass(source):
    assert architecture.status_faults("bridge/services/metering/execute.py", source) == []


@pytest.mark.parametrize(
    "source",
    [
        "payload = {'order': 1}",
        "payload: Document = {}",
        "NewEvent(1, 2, 3, EventType.BALANCE_LOW, {'balance': 1}, now)",
        "work.announce(account, EventType.BALANCE_LOW, {'balance': 1})",
    ],
)
def test_guard_of_payloads_finds(source):
    assert len(architecture.payload_faults("bridge/services/orders/posting.py", source)) == 1
    assert architecture.payload_faults("bridge/rendering/event_payloads.py", source) == []
