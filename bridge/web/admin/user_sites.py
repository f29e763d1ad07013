"""The forms of a user's open holds and linked sites: release, cap, key rotation, unlink."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.accounts.accounts import MAX_TOKENS
from bridge.domain.admin.admins import Role
from bridge.domain.errors import BridgeError, FieldError, InvalidRequest, SiteNotLinked, UnknownSite
from bridge.domain.metering.commands import ReleaseRequest
from bridge.domain.metering.errors import UnknownHold
from bridge.domain.sites.sites import Site
from bridge.domain.stores.principals import Caller
from bridge.rendering.ids import decode_id
from bridge.runtime import runtime
from bridge.services.accounts import profiles
from bridge.services.metering import records
from bridge.services.metering.refusals import RefusedRequest
from bridge.services.sites import sites
from bridge.services.sites.sites import Linked
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.admin.user import render_user
from bridge.web.admin.user_sites_view import CapForm, NewKey
from bridge.web.api.parsing import path_number, typed_amount
from bridge.web.context import in_transaction, reading, utcnow
from bridge.web.i18n.formatting import number

bp = Blueprint("user_sites", __name__, url_prefix="/admin/<store>/credits/<user_id>")

GRACE = {
    "0": "The old key stopped working.",
    "86400": "The old key still works for 1 day.",
    "604800": "The old key still works for 7 days.",
}
"""The grace periods to choose from, in seconds, with the effect of each."""


@bp.post("/holds/<hold_id>/release")
@needs(Role.MANAGER)
def release(store: str, user_id: str, hold_id: str) -> ResponseReturnValue:
    """Release an open hold of the user; one that is not open any more stays as it is."""
    user, number_ = path_number(user_id, "user_id"), decode_id("ho", hold_id)
    if number_ is None:
        raise UnknownHold()
    with reading() as connection:
        caller = Caller(settings.get_store(connection, store).id, current_admin().email)
        page = records.list_open_holds(connection, caller, user_id=user, before=number_ + 1, limit=1, now=utcnow())
    held = page.holds[0].hold if page.holds and page.holds[0].hold.id == number_ else None
    reply = held and runtime().group_commit.spend(
        ReleaseRequest(caller=caller, key=None, fingerprint="", hold_id=number_)
    )
    if held is None or isinstance(reply, BridgeError | RefusedRequest):
        flash("Nothing was changed: this hold is not open any more.", "bad")
    else:
        flash(f"The hold was released: {number(held.tokens)} tokens are available again.")
    return _back(store, user, "holds")


@bp.post("/sites/<site_id>/cap")
@needs(Role.MANAGER)
def save_cap(store: str, user_id: str, site_id: str) -> ResponseReturnValue:
    """Set or remove the monthly cap of a site; show the page again after an error."""
    user, typed, now = path_number(user_id, "user_id"), request.form.get("cap", "").strip()[:40], utcnow()
    cap = typed_amount(typed)
    if typed and cap is None:
        error = f"Enter a whole number of tokens from 0 to {number(MAX_TOKENS)}, or leave it empty for no cap."
        return render_user(store, user, cap_form=CapForm(site_id, typed, error), now=now), 422
    admin = current_admin()

    def change(connection: Connection) -> Site:
        site = _site(connection, store, user, site_id)
        return sites.change_site(connection, site.store_id, site.id, {"monthly_cap": cap}, actor=admin.email, now=now)

    try:
        site = in_transaction(change)
    except SiteNotLinked:
        flash("Nothing was changed: this site is not linked any more.", "bad")
    else:
        flash(f"{site.name} may use {'any number of' if cap is None else number(cap)} tokens in a month.")
    return _back(store, user, "sites")


@bp.post("/sites/<site_id>/rotate")
@needs(Role.OWNER)
def rotate(store: str, user_id: str, site_id: str) -> ResponseReturnValue:
    """Make a new key for a site and show it, this one time. Sent twice, the key that is shown last is valid."""
    user, grace, admin, now = path_number(user_id, "user_id"), request.form.get("grace", ""), current_admin(), utcnow()
    if grace not in GRACE:
        raise InvalidRequest(fields=[FieldError("grace", "choose how long the old key still works")])

    def change(connection: Connection) -> Linked:
        site = _site(connection, store, user, site_id)
        wanted = timedelta(seconds=int(grace))
        return sites.rotate_key(connection, site.store_id, site.id, grace=wanted, actor=admin.email, now=now)

    try:
        linked = in_transaction(change)
    except SiteNotLinked:
        flash("Nothing was changed: this site is not linked any more.", "bad")
        return _back(store, user, "sites")
    return render_user(store, user, site_key=NewKey(linked.site.name, linked.access_key, GRACE[grace]), now=now)


@bp.post("/sites/<site_id>/unlink")
@needs(Role.OWNER)
def unlink(store: str, user_id: str, site_id: str) -> ResponseReturnValue:
    """Unlink a site: its keys are refused from now on. Sent twice, the second changes nothing."""
    user, admin, now = path_number(user_id, "user_id"), current_admin(), utcnow()

    def change(connection: Connection) -> Site:
        site = _site(connection, store, user, site_id)
        sites.unlink_site(connection, site.store_id, site.id, actor=admin.email, now=now)
        return site

    site = in_transaction(change)
    flash(f"{site.name} is unlinked. Its keys no longer work.")
    return _back(store, user, "sites")


def _site(connection: Connection, store: str, user: int, site_id: str) -> Site:
    """Return a site of this user; raises `UnknownSite` for one of another user."""
    found = settings.get_store(connection, store)
    account, number_ = profiles.get_account(connection, found.id, user), decode_id("si", site_id)
    site = None if number_ is None else sites.get_site(connection, found.id, number_)
    if site is None or site.account_id != account.id:
        raise UnknownSite()
    return site


def _back(store: str, user: int, anchor: str) -> ResponseReturnValue:
    return redirect(url_for("credits.show_user", store=store, user_id=user, _anchor=anchor), 303)
