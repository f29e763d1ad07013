"""The timetable: what runs, and how often."""

from __future__ import annotations

from schedulers import jobs
from schedulers.shift import Job

TIMETABLE = (
    Job("retry_deliveries", 5, jobs.retry_deliveries),
    Job("due_windows", 30, jobs.due_windows),
    Job("settle_open_orders", 60, jobs.settle_open_orders),
    Job("prune", 3600, jobs.prune),
)
