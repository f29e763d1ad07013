"""The user list as a CSV file: all users that match, in the order and with the columns of the credits page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from flask import Blueprint, Response

from bridge.domain.admin.user_list import Listing
from bridge.domain.stores.stores import Store
from bridge.runtime import runtime
from bridge.services.admin import store_stats, user_list
from bridge.services.admin.user_list import Read, UserRecord
from bridge.services.stores import settings
from bridge.web.admin import user_query
from bridge.web.admin.sessions import signed_in
from bridge.web.admin.user_usage import usage_text
from bridge.web.api.csv_tables import safe
from bridge.web.context import reading, utcnow
from bridge.web.i18n.formatting import local_time

bp = Blueprint("user_export", __name__, url_prefix="/admin/<store>/credits")

COLUMNS = (
    "User ID",
    "Name",
    "Email",
    "Roles",
    "Balance",
    "Held",
    "Debt",
    f"Used, {store_stats.USAGE_DAYS} days",
    "Free use this period",
    "Purchased",
    "Last activity",
)
_BOM = "\ufeff"
"""Spreadsheets read a file without it in an encoding of their own."""


@bp.get("/export.csv")
@signed_in
def export(store: str) -> Response:
    """Send the users that match the address as CSV while they are read, in constant memory."""
    listing, now = user_query.read_listing(), utcnow()
    with reading() as connection:
        found = settings.get_store(connection, store)
    name = f"{found.slug}-users-{store_stats.today_of(found, now).isoformat()}.csv"
    response = Response(_lines(runtime().database.reading, found, listing, now=now), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _lines(reading: Read, store: Store, listing: Listing, *, now: datetime) -> Iterator[str]:
    yield _BOM + _written([COLUMNS])
    for records in user_list.iterate(reading, store, listing, now=now):
        yield _written([_row(store, record, now=now) for record in records])


def _row(store: Store, record: UserRecord, *, now: datetime) -> tuple[str | int, ...]:
    line = record.line
    return (
        line.user_id,
        line.name or "",
        line.email or "",
        ", ".join(line.roles),
        line.balance,
        line.held,
        line.debt,
        line.used,
        usage_text(record.overview, now=now),
        line.purchased,
        local_time(line.active_at, store.calendar.zone).iso,
    )


def _written(rows: list[tuple[str | int, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([safe(value) for value in row] for row in rows)
    return text.getvalue()
