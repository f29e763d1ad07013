"""`/metrics` of the real server: all processes in one scrape, whichever answers, also after one was killed."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.metrics.exposition import TEXT_SECONDS
from bridge.metrics.recorder import SAMPLE_SECONDS
from tests.conftest import SECRET_KEY
from tests.support.programs import Program
from tests.support.service import Service, all_at_once

TOKEN = "a-token-of-the-tests"
PATIENCE = 60
HEALTH = {"route": "/healthz", "method": "GET", "status": "2xx"}


@pytest.fixture
def service(tmp_path, sqlite_template):
    """The service with two workers, on a database of its own."""
    path = tmp_path / "bridge.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    service = Service(f"sqlite:///{path}", SECRET_KEY, tmp_path, workers=2, threads=4, metrics_token=TOKEN)
    service.start()
    yield service
    service.close()


def scrape(service):
    """Every sample, by its name and labels; what was counted before is in it, whichever worker answers."""
    threading.Event().wait(TEXT_SECONDS + 2 * SAMPLE_SECONDS)
    answer = service.insist("GET", "/metrics", b"", {"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(found, name, **labels):
    """One sample; 0 where there is none."""
    return found.get((f"token_bridge_{name}", frozenset(labels.items())), 0)


def until(service, holds):
    """The first scrape of which `holds` is true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = scrape(service)
        if holds(found):
            return found
    raise AssertionError(f"{found}\n{service.log()}")


def ask(service, times):
    all_at_once(lambda _: service.insist("GET", "/healthz", b"", {}), range(times), threads=min(8, times))


def workers_of(service):
    """The workers, by the lock files they hold."""
    return {int(path.stem.split("_")[1]) for path in service.folder.glob("metrics/*/process_*.lock")}


def histograms(service):
    """The files of the workers with the requests they answered."""
    return list(service.folder.glob("metrics/*/histogram_*.db"))


def test_one_scrape_sums_both_workers(service):
    until(service, lambda found: value(found, "processes", kind="web") == 2)
    asked = 0
    while asked < 400 and sum(b"/healthz" in path.read_bytes() for path in histograms(service)) < 2:
        ask(service, 20)
        threading.Event().wait(2 * SAMPLE_SECONDS)
        asked += 20

    found = scrape(service)

    assert sum(b"/healthz" in path.read_bytes() for path in histograms(service)) == 2, "both workers answered"
    assert value(found, "http_request_duration_seconds_count", **HEALTH) == asked
    assert value(found, "threads") == 8
    assert value(found, "resident_memory_bytes", kind="web") > 50_000_000


def test_count_does_not_fall_when_a_worker_is_killed(service):
    ask(service, 40)
    before = until(service, lambda found: value(found, "processes", kind="web") == 2)
    killed = min(workers_of(service))

    os.kill(killed, signal.SIGKILL)
    between = until(
        service, lambda found: value(found, "processes", kind="web") == 1 or killed not in workers_of(service)
    )
    after = until(service, lambda found: value(found, "processes", kind="web") == 2)
    ask(service, 5)

    for found in (before, between, after):
        assert value(found, "http_request_duration_seconds_count", **HEALTH) == 40
    assert value(scrape(service), "http_request_duration_seconds_count", **HEALTH) == 45
    assert len(workers_of(service)) == 2, "the files of the killed one are the new one's"
    assert killed not in workers_of(service)


def test_new_start_begins_at_zero(service):
    ask(service, 10)
    assert value(scrape(service), "http_request_duration_seconds_count", **HEALTH) == 10

    service.kill()
    service.start()

    found = until(service, lambda found: value(found, "processes", kind="web") == 2)
    assert value(found, "http_request_duration_seconds_count", **HEALTH) == 0
    assert len(workers_of(service)) == 2


def test_addresses_that_do_not_exist_share_one_label(service):
    for number in range(20):
        service.insist("GET", f"/nothing/{number}", b"", {})
        service.insist(f"VERB{number}", "/healthz", b"", {})
    service.insist("POST", "/v1/link", b"", {"Content-Length": "3000000"})

    found = scrape(service)

    routes = {(dict(labels)["route"], dict(labels)["method"]) for name, labels in found if "http" in name}
    assert {route for route, _ in routes} <= {"none", "/healthz", "/metrics"}
    assert {method for _, method in routes} <= {"GET", "POST", "OTHER"}
    assert value(found, "http_request_duration_seconds_count", route="none", method="GET", status="4xx") == 20
    assert value(found, "http_request_duration_seconds_count", route="none", method="POST", status="4xx") == 1


def test_scheduler_of_its_own_is_part_of_the_scrape(service):
    settings = {
        "BRIDGE_DATABASE_URL": service.database_url,
        "BRIDGE_SECRET_KEY": SECRET_KEY,
        "BRIDGE_METRICS_DIR": str(service.folder / "metrics"),
    }
    scheduler = Program(["-m", "schedulers"], env=os.environ | settings)
    try:
        found = until(service, lambda found: value(found, "job_last_run_timestamp_seconds", job="expire_holds"))
        assert value(found, "processes", kind="scheduler") == 1
        assert value(found, "job_duration_seconds_count", job="expire_holds", result="ok") >= 1
        assert abs(time.time() - value(found, "job_last_success_timestamp_seconds", job="expire_holds")) < PATIENCE
    finally:
        scheduler.terminate()
        assert scheduler.wait(PATIENCE) == 0
    assert value(until(service, lambda found: not value(found, "processes", kind="scheduler")), "processes", kind="web")


def test_directory_that_cannot_be_used_costs_only_the_sum(service):
    service.kill()
    shutil.rmtree(service.folder / "metrics", ignore_errors=True)
    (service.folder / "metrics").write_text("a file")
    service.start()

    ask(service, 10)

    found = scrape(service)
    assert value(found, "database_up") == 1
    assert value(found, "threads") in {0, 4}
    assert "cannot be used for metrics" in service.log()
