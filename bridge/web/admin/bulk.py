"""Bulk changes: upload or select, look at the preview, confirm, follow the progress, and fetch what failed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.admin.balance_edits import Mode
from bridge.domain.admin.bulk_changes import COLUMNS, MAX_ROWS, BulkRow, Source
from bridge.domain.errors import FieldError, InvalidRequest, KeyReused
from bridge.domain.stores.stores import Store
from bridge.services.admin import bulk_changes, bulk_files
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import bulk_view, user_query
from bridge.web.admin.balance_form import new_key, reason_error
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.admin.users import BulkForm, list_page
from bridge.web.api.csv_tables import csv_response
from bridge.web.api.parsing import path_number, typed_amount
from bridge.web.context import in_transaction, reading, transaction, utcnow

bp = Blueprint("bulk", __name__, url_prefix="/admin/<store>/credits/bulk")

_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)
_ID = re.compile(r"\d{1,19}", re.ASCII)


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the form for a file, and the latest bulk changes."""
    return _list_page(store)


@bp.post("")
@needs(Role.MANAGER)
def upload(store: str) -> ResponseReturnValue:
    """Prepare a preview from a CSV file; nothing is applied."""
    found = _store(store)
    reason, sent = request.form.get("reason", "").strip(), request.files.get("file")
    body = sent.read() if sent is not None else b""
    error = reason_error(reason, found) if reason else ""
    if not body:
        error = "Choose a CSV file with a header and at least one row."
    if error:
        return _list_page(store, error=error, reason=reason), 422
    try:
        rows = bulk_files.read_file(body, found, default_reason=reason)
        bulk_id = _prepare(found, Source.CSV, rows, [hashlib.sha256(body).hexdigest(), reason])
    except InvalidRequest as invalid:
        error = "; ".join(f"{field.field} {field.message}" for field in invalid.fields)
        return _list_page(store, error=error or invalid.detail, reason=reason), 422
    except KeyReused:
        return _list_page(store, error="This form was already sent with another file.", reason=reason), 409
    return redirect(url_for("bulk.show_one", store=store, bulk=bulk_id), 303)


@bp.post("/users")
@needs(Role.MANAGER)
def select(store: str) -> ResponseReturnValue:
    """Prepare a preview for the selected users, or for all users of the list; nothing is applied."""
    found, form = _store(store), _read_bulk_form()
    try:
        return redirect(url_for("bulk.show_one", store=store, bulk=_select(found, form)), 303)
    except InvalidRequest as invalid:
        fault = next(iter(invalid.fields), FieldError("form", invalid.detail))
        if fault.field not in {"users", "tokens", "reason"}:
            raise
        words = f"{fault.message[0].upper()}{fault.message[1:]}".rstrip(".")
        return list_page(store, bulk=replace(form, error=f"{words}.", error_field=fault.field)), 422


def _read_bulk_form() -> BulkForm:
    typed = {name: request.form.get(name, "").replace("\0", "").strip() for name in ("tokens", "reason")}
    return BulkForm(
        scope=request.form.get("scope", "")[:20],
        mode=request.form.get("mode", "")[:20],
        tokens=typed["tokens"][:100],
        reason=typed["reason"],
        users=frozenset(request.form.getlist("user")[: MAX_ROWS + 1]),
    )


def _select(store: Store, form: BulkForm) -> int:
    """Prepare a preview for the users that a form names; raises `InvalidRequest` for a value that is not valid."""
    now, amount = utcnow(), typed_amount(form.tokens)
    if form.mode not in {Mode.ADD.value, Mode.SUBTRACT.value} or not amount:
        raise InvalidRequest(fields=[FieldError("tokens", "enter the tokens to add or subtract as a whole number")])
    if error := reason_error(form.reason, store):
        raise InvalidRequest(fields=[FieldError("reason", error)])
    is_filter = form.scope == Source.FILTER.value
    if is_filter:
        with reading() as connection:
            users = bulk_changes.list_matching(connection, store, user_query.read_listing(), now=now)
    else:
        users = [path_number(text, "user") for text in request.form.getlist("user")[: MAX_ROWS + 1]]
    tokens = amount if form.mode == Mode.ADD.value else -amount
    rows = bulk_changes.rows_for_users(users, tokens=tokens, reason=form.reason)
    source = Source.FILTER if is_filter else Source.SELECTION
    return _prepare(store, source, rows, [str(tokens), form.reason, *map(str, users if not is_filter else ())])


@bp.get("/<bulk>")
@signed_in
def show_one(store: str, bulk: str) -> ResponseReturnValue:
    """Show the preview, the progress or the result of a bulk change."""
    after = request.args.get("after")
    with reading() as connection:
        page = bulk_view.bulk_page(
            connection,
            settings.get_store(connection, store),
            _read_id(bulk),
            after=path_number(after, "after") if after else 0,
            only_failed=request.args.get("show") == "failed",
            now=utcnow(),
        )
    return render_template("admin/bulk_change.html", page=page, store=page.store, admin=current_admin())


@bp.post("/<bulk>/confirm")
@needs(Role.MANAGER)
def confirm(store: str, bulk: str) -> ResponseReturnValue:
    """Apply a preview: the first rows at once, the others by the job."""
    found, bulk_id, admin, now = _store(store), _read_id(bulk), current_admin(), utcnow()
    in_transaction(lambda connection: bulk_changes.confirm(connection, found, bulk_id, admin=admin, now=now))
    bulk_changes.apply(transaction, bulk_id, now=now)
    return redirect(url_for("bulk.show_one", store=store, bulk=bulk_id), 303)


@bp.post("/<bulk>/cancel")
@needs(Role.MANAGER)
def cancel(store: str, bulk: str) -> ResponseReturnValue:
    """Stop a bulk change; rows that are applied stay."""
    found, bulk_id, now = _store(store), _read_id(bulk), utcnow()
    in_transaction(lambda connection: bulk_changes.cancel(connection, found, bulk_id, now=now))
    return redirect(url_for("bulk.show_one", store=store, bulk=bulk_id), 303)


@bp.post("/<bulk>/undo")
@needs(Role.MANAGER)
def undo(store: str, bulk: str) -> ResponseReturnValue:
    """Take back the applied rows of a recent bulk change, once."""
    found, bulk_id, admin, now = _store(store), _read_id(bulk), current_admin(), utcnow()
    made = in_transaction(lambda connection: bulk_changes.undo(connection, found, bulk_id, admin=admin, now=now))
    if made is None:
        flash("Nothing was undone: no row is applied, or the change ended more than 15 minutes ago.", "bad")
        return redirect(url_for("bulk.show_one", store=store, bulk=bulk_id), 303)
    bulk_changes.apply(transaction, made.id, now=now)
    return redirect(url_for("bulk.show_one", store=store, bulk=made.id), 303)


@bp.get("/<bulk>/failed.csv")
@signed_in
def failed(store: str, bulk: str) -> Response:
    """Return the rows that were not applied as a CSV file, with the reason."""
    bulk_id = _read_id(bulk)
    with reading() as connection:
        change = bulk_changes.get(connection, settings.get_store(connection, store), bulk_id)

    def rows(connection: Connection) -> Iterator[Sequence[str | int]]:
        yield (*COLUMNS, "line", "error")
        for row in bulk_changes.list_rows(connection, change, after=0, limit=MAX_ROWS, only_failed=True):
            yield _failed_row(row)

    return csv_response(rows, name=f"failed-{bulk_id}")


def _failed_row(row: BulkRow) -> Sequence[str | int]:
    blank = ""
    return (
        blank if row.user_id is None else row.user_id,
        blank if row.tokens is None else row.tokens,
        row.reason,
        row.position,
        row.error,
    )


def _prepare(store: Store, source: Source, rows: Sequence[BulkRow], stated: Sequence[str]) -> int:
    key = request.form.get("form_key", "")
    if not _KEY.fullmatch(key):
        raise InvalidRequest(fields=[FieldError("form", "load the page again; parts of its form are missing")])
    fingerprint = hashlib.sha256("\n".join([source.value, *stated]).encode("utf-8", "replace")).hexdigest()
    prepare = partial(
        bulk_changes.prepare,
        store=store,
        source=source,
        rows=rows,
        key=key,
        fingerprint=fingerprint,
        admin=current_admin(),
        now=utcnow(),
    )
    return in_transaction(lambda connection: prepare(connection))


def _list_page(store: str, *, error: str = "", reason: str = "") -> str:
    with reading() as connection:
        page = bulk_view.bulk_list(connection, settings.get_store(connection, store))
    return render_template(
        "admin/bulk.html",
        page=page,
        store=page.store,
        error=error,
        reason=reason,
        key=new_key(),
        most=MAX_ROWS,
        admin=current_admin(),
    )


def _store(slug: str) -> Store:
    with reading() as connection:
        return settings.get_store(connection, slug)


def _read_id(text: str) -> int:
    if not _ID.fullmatch(text) or int(text) >= 2**63:
        raise InvalidRequest(fields=[FieldError("bulk", "follow a link of the list")])
    return int(text)
