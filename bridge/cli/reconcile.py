"""The command that reads orders from the shops and posts missing grants and reversals."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import click

from bridge.cli.base import Command, prepared, utcnow
from bridge.domain.errors import FieldError, InvalidRequest, NoShopKeys, ShopUnreachable, UnknownOrder
from bridge.domain.shop.reconciliation import Report
from bridge.domain.stores.stores import Store
from bridge.runtime import Runtime
from bridge.services.orders import apply
from bridge.services.shop import backfill, full_scan, reconcile
from bridge.services.shop.ingest import SyncContext
from bridge.services.shop.paging import Progress
from bridge.services.shop.rest import Shops
from bridge.services.stores import settings

_YEARS = range(1990, 3000)


@click.command("reconcile", cls=Command)
@click.argument("slug", required=False)
@click.option(
    "--since", metavar="ISO", help="Read changes from this time on; without a UTC offset, in the store's time zone."
)
@click.option("--full", is_flag=True, help="Compare the orders of the last 60 days, as the service does every night.")
@click.option("--order", "order", metavar="ID", help="Read one order, by its ID or the number shown in the shop.")
@click.option("--dry-run", is_flag=True, help="Show what would be posted, without writing anything.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(slug: str | None, since: str | None, full: bool, order: str | None, dry_run: bool, as_json: bool) -> None:
    """Read changed orders from the shop SLUG, or from all shops, and apply them.

    Starts where the last run stopped, or at --since. --full compares the orders
    of the last 60 days that have grants, refunds or review items. --order reads
    one order. Exits with status 1 if an order could not be applied or a shop
    could not be read.
    """
    wanted = _wanted(slug, since=since, is_full=full, order=order)
    runtime = prepared()
    with runtime.database.reading() as connection:
        chosen = [settings.get_store(connection, slug)] if slug else settings.list_stores(connection)
    reports: dict[str, Report] = {}
    skipped: list[str] = []
    for store in chosen:
        begin = _moment(since, store)
        try:
            reports[store.slug] = wanted(_Run(runtime, store, begin, is_dry=dry_run, is_hidden=as_json))
        except NoShopKeys as error:
            if slug:
                raise
            skipped.append(store.slug)
            click.echo(error.detail, err=True)
        except ShopUnreachable as error:
            reports[store.slug] = Report(interruption=error.detail)
    if as_json:
        listed = [{"store": name, **report.document} for name, report in reports.items()]
        click.echo(json.dumps({"dry_run": dry_run, "reports": listed, "without_keys": skipped}))
    else:
        if not reports and not skipped:
            click.echo("No shop is connected yet. Connect one: flask stores add SLUG --url URL")
        for name, report in reports.items():
            for line in _lines(name, report, is_dry=dry_run):
                click.echo(line)
    if not all(report.is_clean for report in reports.values()):
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class _Run:
    """One shop to read, from the given time on or from where the last run stopped."""

    runtime: Runtime
    store: Store
    since: datetime | None
    is_dry: bool
    is_hidden: bool

    @contextmanager
    def reading(self) -> Iterator[SyncContext]:
        """Yield the context for reading the shop."""
        shops = Shops(self.runtime.vault)
        reading = reconcile.open_reading(self.runtime.database.transaction, shops, self.store, is_dry=self.is_dry)
        with reading.shop:
            yield reading


def _wanted(slug: str | None, *, since: str | None, is_full: bool, order: str | None) -> Callable[[_Run], Report]:
    """Return the function to run for each shop; raises `InvalidRequest` for options that exclude each other."""
    if sum((since is not None, is_full, order is not None)) > 1:
        raise InvalidRequest(fields=[FieldError("--since, --full, --order", "use only one of them")])
    if order is None:
        return _compare if is_full else _read
    if slug is None:
        raise InvalidRequest(fields=[FieldError("SLUG", "give the store of the order")])
    return partial(_read_order, text=order)


def _read(run: _Run) -> Report:
    if run.since is None and not run.is_dry and (report := _grant_past_orders(run)) is not None:
        return report
    with run.reading() as reading, _progress(f"Reading {run.store.slug}", is_hidden=run.is_hidden) as progress:
        return reconcile.poll(reading, since=run.since, now=utcnow(), progress=progress)


def _grant_past_orders(run: _Run) -> Report | None:
    """Continue granting past orders if the owner chose that; None if nothing is left to do."""
    with run.runtime.database.reading() as connection:
        is_due = backfill.progress_of(connection, run.store.id) is not None
    if not is_due:
        return None
    with _progress(f"Granting past orders of {run.store.slug}", is_hidden=run.is_hidden) as progress:
        return backfill.go_on(
            run.runtime.database.transaction, Shops(run.runtime.vault), run.store, now=utcnow(), progress=progress
        )


def _compare(run: _Run) -> Report:
    """Run the whole nightly comparison."""
    with run.reading() as reading, _progress(f"Comparing {run.store.slug}", is_hidden=run.is_hidden) as progress:
        return full_scan.compare_all(reading, now=utcnow(), progress=progress)


def _read_order(run: _Run, *, text: str) -> Report:
    with run.runtime.database.reading() as connection:
        number = apply.find_id(connection, run.store, text)
    if number is None:
        raise UnknownOrder(f"there is no order {text[:100]}")
    with run.reading() as reading:
        return reconcile.read_one(reading, number, now=utcnow())


@contextmanager
def _progress(label: str, *, is_hidden: bool) -> Iterator[Progress]:
    with click.progressbar(length=1, label=label, hidden=is_hidden) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress


def _moment(since: str | None, store: Store) -> datetime | None:
    if since is None:
        return None
    try:
        moment = datetime.fromisoformat(since)
        moment = moment.replace(tzinfo=store.calendar.zone) if moment.tzinfo is None else moment
        if moment.year in _YEARS:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest(
        fields=[FieldError("--since", "give a date or time such as 2026-11-20 or 2026-11-20T15:00:00Z")]
    )


def _lines(slug: str, report: Report, *, is_dry: bool) -> list[str]:
    verb = "would be " if is_dry else ""
    lines = [
        f"{slug}: {report.seen:,} orders read, {report.expected:,} tokens expected,"
        f" {report.granted_before:,} were granted; {report.granted:,} {verb}granted now,"
        f" {report.reversed:,} {verb}removed, {report.parked:,} orders wait for a buyer"
    ]
    lines += [
        f"  order {found.number}: expected {found.expected:,}, had {found.granted:,},"
        f" {f'posted {found.posted:+,}' if found.posted or not found.is_parked else 'waits for its buyer'}"
        for found in report.differences
    ]
    if report.awaiting_decision:
        lines.append(
            f"  {report.awaiting_decision} orders from before the shop was connected wait for your decision:"
            f" flask stores history {slug} grant, or: flask stores history {slug} skip"
        )
    lines += [f"  NOT APPLIED {sentence}" for sentence in report.failures]
    lines += [f"  SET ASIDE {sentence}" for sentence in report.aside]
    named = len(report.failures) + len(report.aside)
    if report.failed > named:
        lines.append(f"  and {report.failed - named} more")
    if report.interruption:
        lines.append(f"  STOPPED {report.interruption}")
    return lines
