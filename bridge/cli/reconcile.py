"""The command that reads the shops' orders back and makes the books agree with them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from bridge.cli.tools import Command, Tools, prepared, utcnow
from bridge.domain.errors import FieldError, InvalidRequest, NoShopKeys, ShopUnreachable
from bridge.domain.reconciliation import Report
from bridge.domain.stores import Store
from bridge.services import reconciliation, stores
from bridge.services.shop_pages import Progress
from bridge.services.shops import Shops

_YEARS = range(1990, 3000)


@click.command("reconcile", cls=Command)
@click.argument("slug", required=False)
@click.option("--since", metavar="ISO", help="Read from this moment on; without a zone it is the store's time.")
@click.option("--dry-run", is_flag=True, help="Say what would be posted, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(slug: str | None, since: str | None, dry_run: bool, as_json: bool) -> None:
    """Read what changed in the shop SLUG, or in every shop, and apply what is missing.

    Begins where the last run stopped, or at --since. Ends with status 1 where
    an order could not be applied or a shop not be read.
    """
    tools = prepared()
    with tools.database.reading() as connection:
        chosen = [stores.get_store(connection, slug)] if slug else stores.list_stores(connection)
    reports: dict[str, Report] = {}
    skipped: list[str] = []
    for store in chosen:
        begin = _moment(since, store)
        try:
            reports[store.slug] = _read(tools, store, since=begin, is_dry=dry_run, is_hidden=as_json)
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
        for name, report in reports.items():
            for line in _lines(name, report, is_dry=dry_run):
                click.echo(line)
    if not all(report.is_clean for report in reports.values()):
        sys.exit(1)


def _read(tools: Tools, store: Store, *, since: datetime | None, is_dry: bool, is_hidden: bool) -> Report:
    reading = reconciliation.open_reading(tools.database.transaction, Shops(tools.vault), store, is_dry=is_dry)
    with reading.shop, _progress(f"Reading {store.slug}", is_hidden=is_hidden) as progress:
        return reconciliation.poll(reading, since=since, now=utcnow(), progress=progress)


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
    raise InvalidRequest(fields=[FieldError("--since", "give a moment such as 2026-11-20 or 2026-11-20T15:00:00Z")])


def _lines(slug: str, report: Report, *, is_dry: bool) -> list[str]:
    verb = "would be " if is_dry else ""
    lines = [
        f"{slug}: {report.seen:,} orders read, {report.expected:,} tokens expected,"
        f" {report.granted_before:,} were granted; {report.granted:,} {verb}granted now,"
        f" {report.reversed:,} {verb}taken back, {report.parked:,} orders wait for a buyer"
    ]
    lines += [
        f"  order {found.order}: expected {found.expected:,}, had {found.granted:,},"
        f" {f'posted {found.posted:+,}' if found.posted or not found.is_parked else 'waits for its buyer'}"
        for found in report.differences
    ]
    if report.unanswered:
        lines.append(
            f"  {report.unanswered} orders from before the shop was connected are not granted until you say so:"
            f" flask stores history {slug} grant, or skip"
        )
    lines += [f"  NOT APPLIED {sentence}" for sentence in report.failures]
    lines += [f"  SET ASIDE {sentence}" for sentence in report.aside]
    named = len(report.failures) + len(report.aside)
    if report.failed > named:
        lines.append(f"  and {report.failed - named} more")
    if report.interruption:
        lines.append(f"  STOPPED {report.interruption}")
    return lines
