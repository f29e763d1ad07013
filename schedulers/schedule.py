"""The timetable: what runs, and how often."""

from __future__ import annotations

from functools import partial

from bridge.services.shops import Shops
from bridge.services.vault import Vault
from schedulers import jobs
from schedulers.shift import Job

TIMETABLE = (
    Job("expire_holds", 15, jobs.expire_holds),
    Job("due_windows", 30, jobs.due_windows),
    Job("settle_open_orders", 60, jobs.settle_open_orders),
    Job("prune", 3600, jobs.prune),
)


def timetable_for(vault: Vault, public_url: str) -> tuple[Job, ...]:
    """The whole timetable, with the jobs that need the vault or the bridge's own address."""
    retry_deliveries = partial(jobs.retry_deliveries, shops=Shops(vault))
    send_events = partial(jobs.send_events, vault=vault, public_url=public_url)
    return (Job("retry_deliveries", 5, retry_deliveries), *TIMETABLE, Job("send_events", 5, send_events))
