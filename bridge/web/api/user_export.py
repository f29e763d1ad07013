"""The export of everything held about a person, as one JSON document or as a ZIP file of CSV files."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import IO, Any, cast

from flask import Blueprint, Response, request

from bridge.domain.accounts.accounts import Account
from bridge.domain.errors import FieldError, InvalidRequest, UnknownUser
from bridge.domain.stores.stores import Store
from bridge.rendering.documents import format_timestamp
from bridge.runtime import runtime
from bridge.services.accounts import profiles
from bridge.services.ops import account_export
from bridge.services.ops.account_export import LISTS, PersonalData
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection, Database
from bridge.web.api.answers.export import ExportOut
from bridge.web.api.auth import caller, store_key
from bridge.web.api.csv_tables import safe
from bridge.web.api.operations import Parameter, operation
from bridge.web.api.parsing import path_number
from bridge.web.context import reading, utcnow

FORMATS = ("json", "csv")
_ROWS = 500
"""How many rows are written at a time."""
_BOM = "\ufeff"
"""Spreadsheets read a file without it in an encoding of their own."""

bp = Blueprint("api_user_export", __name__, url_prefix="/v1/users/<user_id>/export")


@bp.get("")
@store_key
@operation(
    "Export a user",
    tag="Users",
    answer=ExportOut,
    query=(
        Parameter(
            "format",
            "`csv` for a ZIP file with a CSV file for each list.",
            {"type": "string", "enum": [*FORMATS]},
            "json",
        ),
    ),
    errors=(UnknownUser,),
    media=("application/json", "application/zip"),
)
def export(user_id: str) -> Response:
    """Return everything held about the person of a user, with the users who were merged into them."""
    with reading() as connection:
        store = settings.get_by_id(connection, caller().store_id)
        account = profiles.get_account(connection, store.id, path_number(user_id, "user_id"))
    return export_response(store, account)


def export_response(store: Store, account: Account) -> Response:
    """Return the export in the format that the request names, sent while it is read, in constant memory."""
    form = request.args.get("format", FORMATS[0])
    if form not in FORMATS:
        raise InvalidRequest(fields=[FieldError("format", f"use one of {', '.join(FORMATS)}")])
    now = utcnow()
    database = runtime().database
    parts = _json_parts(database, store, account, now=now) if form == "json" else _zip_parts(database, account)
    kind, ending = ("application/json", "json") if form == "json" else ("application/zip", "zip")
    response = Response(parts, content_type=kind)
    name = f"{store.slug}-user-{account.user_id}-{now.date().isoformat()}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _json_parts(database: Database, store: Store, account: Account, *, now: datetime) -> Iterator[str]:
    with database.reading() as connection:
        found = account_export.open_export(connection, account)
        head = {"exported_at": format_timestamp(now), "store": store.slug, "id": account.user_id}
        yield json.dumps(head)[:-1]
        for name in LISTS:
            yield f', "{name}": ['
            is_first = True
            for rows in _chunks(connection, found, name):
                text = ", ".join(json.dumps(row, ensure_ascii=False, default=_plain) for row in rows)
                yield text if is_first else f", {text}"
                is_first = False
            yield "]"
        yield "}"


class _Sink:
    """Collects what a ZIP file writes, to be sent on. It has no position, so the file is written front to back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        """Keep a part."""
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Do nothing: parts are sent when they are taken."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _zip_parts(database: Database, account: Account) -> Iterator[bytes]:
    sink = _Sink()
    with database.reading() as connection:
        found = account_export.open_export(connection, account)
        with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED) as archive:
            for name in LISTS:
                columns = found.columns(name)
                with archive.open(f"{name}.csv", "w", force_zip64=True) as file:
                    file.write((_BOM + _lines([columns])).encode())
                    for rows in _chunks(connection, found, name):
                        file.write(_lines([[_cell(row[column]) for column in columns] for row in rows]).encode())
                        yield sink.take()
        yield sink.take()


def _chunks(connection: Connection, found: PersonalData, name: str) -> Iterator[list[dict[str, Any]]]:
    rows = found.rows(connection, name)
    while chunk := list(islice(rows, _ROWS)):
        yield chunk


def _lines(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([safe(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str | int:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return value
    return (
        json.dumps(value, ensure_ascii=False, default=_plain) if isinstance(value, list | dict) else str(_plain(value))
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_timestamp(value)
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, Decimal) else repr(value)
