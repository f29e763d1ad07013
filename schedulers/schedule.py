"""The timetable: the jobs, and their intervals."""

from __future__ import annotations

from functools import partial

from bridge.services.secrets import Vault
from bridge.services.shop.rest import Shops
from schedulers import console_jobs, jobs, shop_jobs
from schedulers.context import Job

TIMETABLE = (
    Job("expire_holds", 15, jobs.expire_holds),
    Job("due_windows", 30, jobs.due_windows),
    Job("settle_open_orders", 60, jobs.settle_open_orders),
    Job("settle_past_orders", 10, jobs.settle_past_orders),
    Job("roll_up", console_jobs.ROLL_UP_EVERY, console_jobs.roll_up),
    Job("roll_up_groups", console_jobs.GROUPS_EVERY, console_jobs.roll_up_groups),
    Job("refresh_figures", console_jobs.REFRESH_EVERY, console_jobs.refresh_figures),
    Job("apply_bulk_changes", console_jobs.BULK_EVERY, console_jobs.apply_bulk_changes),
    Job("go_on_erasing", console_jobs.ERASE_EVERY, console_jobs.go_on_erasing),
    Job("prune", 3600, jobs.prune_and_record),
)


def timetable_for(vault: Vault, public_url: str, *, installation: str = "", has_audit: bool = True) -> tuple[Job, ...]:
    """Return the whole timetable, including the jobs that need the vault or the service's own address.

    The full scan is checked each hour and runs once a night, in each store's time zone. So does
    the audit, by UTC, unless it is off.
    """
    shops = Shops(vault)
    return (
        Job("retry_deliveries", 5, partial(jobs.retry_deliveries, shops=shops)),
        *TIMETABLE,
        *((Job("audit", jobs.AUDIT_EVERY, jobs.audit_records),) if has_audit else ()),
        Job("send_events", 5, partial(jobs.send_events, vault=vault, public_url=public_url)),
        Job("grant_past_orders", shop_jobs.GRANT_EVERY, partial(shop_jobs.grant_past_orders, shops=shops)),
        Job("import_packages", shop_jobs.IMPORT_EVERY, partial(shop_jobs.import_packages, shops=shops)),
        Job(
            "watch_webhooks",
            shop_jobs.WATCH_EVERY,
            partial(shop_jobs.watch_webhooks, shops=shops, public_url=public_url, installation=installation),
        ),
        Job("reconcile_orders", shop_jobs.POLL_EVERY, partial(shop_jobs.reconcile_orders, shops=shops)),
        Job("sweep_orders", shop_jobs.FULL_SCAN_EVERY, partial(shop_jobs.full_scan_orders, shops=shops)),
    )
