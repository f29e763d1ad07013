"""The page of one user, and its lists as CSV."""

from __future__ import annotations

from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import Account
from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.rendering.ids import decode_id
from bridge.services.accounts import profiles
from bridge.services.metering import confirmations
from bridge.services.ops import exports
from bridge.services.stores import settings
from bridge.web.admin import user_query, user_view
from bridge.web.admin.balance_form import new_key
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.admin.user_limits_view import LimitForm
from bridge.web.admin.user_sites_view import CapForm, NewKey
from bridge.web.admin.user_view import ExplainForm, Shown
from bridge.web.admin.users import bp as bp
from bridge.web.api.csv_tables import csv_response
from bridge.web.api.parsing import path_number
from bridge.web.api.user_export import export_response
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.history_tables import entry_table, purchase_table, usage_table


@bp.get("/<user_id>")
@signed_in
def show_user(store: str, user_id: str) -> ResponseReturnValue:
    """Show one user; `?module=` and `?tokens=` ask for an explanation."""
    return render_user(store, path_number(user_id, "user_id"), now=utcnow())


@bp.get("/<user_id>/ledger.csv")
@signed_in
def ledger_csv(store: str, user_id: str) -> ResponseReturnValue:
    """Return the whole ledger of a user as CSV."""
    account = _account(store, user_id)
    return csv_response(
        lambda connection: entry_table(exports.iterate_entries(connection, account)), name=f"ledger-{user_id}"
    )


@bp.get("/<user_id>/purchases.csv")
@signed_in
def purchases_csv(store: str, user_id: str) -> ResponseReturnValue:
    """Return all purchases of a user as CSV, a row for each line."""
    account = _account(store, user_id)
    return csv_response(
        lambda connection: purchase_table(exports.iterate_purchases(connection, account)), name=f"purchases-{user_id}"
    )


@bp.get("/<user_id>/usage.csv")
@signed_in
def usage_csv(store: str, user_id: str) -> ResponseReturnValue:
    """Return the use of a user by day as CSV; `?days=` chooses how many."""
    account, days, now = _account(store, user_id), user_query.read_days(), utcnow()
    return csv_response(
        lambda connection: usage_table(exports.iterate_usage(connection, account, days=days, now=now)),
        name=f"usage-{user_id}",
    )


@bp.get("/<user_id>/export")
@needs(Role.MANAGER)
def export(store: str, user_id: str) -> ResponseReturnValue:
    """Return everything held about the person of a user; `?format=csv` for a ZIP file of tables."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        account = profiles.get_account(connection, found.id, path_number(user_id, "user_id"))
    return export_response(found, account)


@bp.post("/<user_id>/confirmation")
@needs(Role.MANAGER)
def set_confirmation(store: str, user_id: str) -> ResponseReturnValue:
    """Save whether a user is asked before tokens of their balance are taken."""
    user, wanted, now = path_number(user_id, "user_id"), request.form.get("confirm_paid"), utcnow()
    if wanted not in {"yes", "no"}:
        raise InvalidRequest(fields=[FieldError("confirm_paid", "send yes or no")])
    with reading() as connection:
        found = settings.get_store(connection, store)
    actor = current_admin().email
    in_transaction(
        lambda connection: confirmations.set_wanted(connection, found.id, user, wanted == "yes", actor=actor, now=now)
    )
    is_on = "is asked" if wanted == "yes" else "is no longer asked"
    flash(f"User {user} {is_on} before tokens of the balance are taken.")
    return redirect(url_for("credits.show_user", store=store, user_id=user, _anchor="account"), 303)


def render_user(
    store: str,
    user_id: int,
    *,
    limit_form: LimitForm | None = None,
    cap_form: CapForm | None = None,
    site_key: NewKey | None = None,
    now: datetime,
) -> str:
    """Return the page of a user, with a form that is shown again, or a key that was just made."""
    shown = Shown(
        before=_entry_before(),
        orders_before=_orders_before(),
        explain=_explain(),
        limit_form=limit_form,
        cap_form=cap_form,
        new_key=site_key,
        days=user_query.read_days(),
    )
    with reading() as connection:
        page = user_view.user_page(connection, settings.get_store(connection, store), user_id, shown, now=now)
    # One key for all forms of the page: it counts only together with what a form states.
    form_key = new_key()
    return render_template(
        "admin/user.html", page=page, user=page.user, store=page.store, form_key=form_key, admin=current_admin()
    )


def _account(store: str, user_id: str) -> Account:
    with reading() as connection:
        found = settings.get_store(connection, store)
        return profiles.get_own_account(connection, found.id, path_number(user_id, "user_id"))


def _explain() -> ExplainForm | None:
    if "module" not in request.args:
        return None
    # A plus sign that was not encoded arrives as a space.
    at = request.args.get("at", "").strip()[:40]
    return ExplainForm(request.args["module"].strip()[:64], request.args.get("tokens", "").strip()[:40], at)


def _entry_before() -> int | None:
    text = request.args.get("entries")
    if not text:
        return None
    found = decode_id("en", text)
    if found is None:
        raise InvalidRequest(fields=[FieldError("entries", "start at the newest entry")])
    return found


def _orders_before() -> int | None:
    text = request.args.get("orders")
    return path_number(text, "orders", low=0) if text else None
