"""The Connection page of a store: each step has a button that calls the shop and returns to the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import FieldError, InvalidRequest, NoShopKeys, ShopUnreachable
from bridge.domain.shop.authorization import callback_fault
from bridge.domain.stores.public_address import host_of
from bridge.domain.stores.stores import Store
from bridge.runtime import runtime
from bridge.services.ops import addresses
from bridge.services.shop import authorization, backfill, inbox, monitor, shop_keys
from bridge.services.shop import connection as connections
from bridge.services.shop import subscriptions as hooks
from bridge.services.shop.monitor import MonitorContext
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import connection_view
from bridge.web.admin.connect import go_to_shop, typed_keys
from bridge.web.admin.packages import import_now
from bridge.web.admin.sessions import current_admin, needs, signed_in
from bridge.web.context import in_transaction, reading, transaction, utcnow
from bridge.web.i18n.formatting import number

bp = Blueprint("connection", __name__, url_prefix="/admin/<store>/connection")

_BEGINNING_SECONDS = 5
"""How long the choice about past orders reads the shop in the request; the scheduler continues."""

_PATIENCE_SECONDS = 20
"""How long a button may read the shop; the scheduler continues."""

Act = Callable[[Store, datetime], str]


@bp.get("")
@signed_in
def show(store: str) -> ResponseReturnValue:
    """Show the state of the connection, step by step."""
    with reading() as connection:
        return _render(connection, settings.get_store(connection, store))


@bp.post("/look")
@needs(Role.MANAGER)
def look(store: str) -> ResponseReturnValue:
    """Check the shop now, as the monitor does every few minutes."""
    return _ask_shop(store, lambda found, now: "The shop was checked.")


@bp.post("/webhooks")
@needs(Role.OWNER)
def install_webhooks(store: str) -> ResponseReturnValue:
    """Create or repair the webhooks; if deliveries would not arrive, the admin must confirm."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        where = addresses.service_address(connection, runtime().config.public_url, is_set=True)
    fault = where.mismatch or addresses.check_delivery(where.url, shop_url=found.url)
    if fault and not addresses.is_local_trial(found.url) and request.form.get("confirm") != "1":
        with reading() as connection:
            how = "To install them anyway, select the checkbox beside the button."
            error = f"{fault.rstrip('.')}. Nothing was created. {how}"
            return _render(connection, found, error=error, must_confirm=True), 422
    return _ask_shop(store, _install)


@bp.post("/packages")
@needs(Role.OWNER)
def import_packages(store: str) -> ResponseReturnValue:
    """Import the products of the shop."""
    return _ask_shop(store, _import)


@bp.post("/history")
@needs(Role.OWNER)
def answer_history(store: str) -> ResponseReturnValue:
    """Store the owner's choice about orders placed before the shop was connected."""
    answer = request.form.get("answer", "")
    if answer not in {"grant", "skip"}:
        raise InvalidRequest(fields=[FieldError("answer", "choose one of the two buttons")])

    admin = current_admin()

    def keep(connection: Connection) -> None:
        found = settings.get_store(connection, store)
        settings.answer_history(connection, found, answer, actor=admin.email, now=utcnow())

    in_transaction(keep)
    if answer == "grant":
        _grant_past_orders(store)
    else:
        flash("Orders placed before the shop was connected are not granted.")
    return redirect(url_for("connection.show", store=store), 303)


@bp.post("/sources")
@needs(Role.OWNER)
def accept_source(store: str) -> ResponseReturnValue:
    """Accept deliveries of another site as the shop's own; the scheduler processes those that wait."""
    admin, url = current_admin(), request.form.get("url", "")[:500]
    count = in_transaction(
        lambda connection: inbox.accept_source(
            connection, settings.get_store(connection, store), url, actor=admin.email, now=utcnow()
        )
    )
    flash(f"Deliveries from that site are accepted. {number(count)} waiting deliveries are applied now.")
    return redirect(url_for("connection.show", store=store), 303)


@bp.post("/ask")
@needs(Role.OWNER)
def ask_again(store: str) -> ResponseReturnValue:
    """Redirect to the shop for new REST keys."""
    with reading() as connection:
        found = settings.get_store(connection, store)
        if fault := callback_fault(runtime().config.public_url, shop_url=found.url):
            return _render(connection, found, error=fault), 422
    state = in_transaction(lambda connection: authorization.ask_again(connection, found, now=utcnow()))
    return go_to_shop(state, name=found.name, shop_url=found.url, store=found)


@bp.post("/keys")
@needs(Role.OWNER)
def give_keys(store: str) -> ResponseReturnValue:
    """Store REST keys typed by hand, after the shop accepted them."""
    typed, vault = typed_keys(), runtime().vault
    with reading() as connection:
        found = settings.get_store(connection, store)
        other = authorization.store_of_key(connection, typed.consumer_key, vault_=vault)
    try:
        authorization.check_keys(runtime().shops, found.url, typed)
    except (InvalidRequest, ShopUnreachable) as error:
        sentence = error.fields[0].message if error.fields else f"Nothing was saved: {error.detail}."
        if other is not None and other.id != found.id:
            sentence += f" This is the key of the store {other.slug}."
        with reading() as connection:
            return _render(connection, found, error=sentence), 422

    admin = current_admin()

    def keep(connection: Connection) -> None:
        key, secret = typed.consumer_key, typed.consumer_secret
        shop_keys.set_keys(
            connection,
            found,
            consumer_key=key,
            consumer_secret=secret,
            vault_=vault,
            actor=admin.email,
            now=utcnow(),
        )

    in_transaction(keep)
    return _ask_shop(store, lambda found, now: "The shop accepts these keys. They were saved.")


def _ask_shop(slug: str, act: Act) -> ResponseReturnValue:
    """Run an action that calls the shop, then check the shop; an error is shown on the next page."""
    with reading() as connection:
        store = settings.get_store(connection, slug)
    try:
        message, category = act(store, utcnow()), "good"
    except NoShopKeys:
        message, category = "The shop cannot be read: there are no API keys yet.", "bad"
    except ShopUnreachable as error:
        message, category = f"The action failed: {error.detail}.", "bad"
    until = time.monotonic() + _PATIENCE_SECONDS
    config = runtime().config
    monitoring = MonitorContext(
        transaction, runtime().shops, config.public_url, lambda: time.monotonic() < until, config.installation
    )
    with reading() as connection:
        # Every button repairs webhooks that were installed; only Install webhooks installs them.
        may_repair = connections.has_webhooks(connection, store)
    watched = monitor.watch(monitoring, store, now=utcnow(), may_repair=may_repair)
    if watched.repaired:
        message += f" Repaired: {watched.repaired}."
    flash(message[:600], category)
    return redirect(url_for("connection.show", store=slug), 303)


def _grant_past_orders(slug: str) -> None:
    """Start to grant past orders; the scheduler continues if time runs out or the shop does not respond."""
    with reading() as connection:
        store = settings.get_store(connection, slug)
    until = time.monotonic() + _BEGINNING_SECONDS
    try:
        report = backfill.go_on(
            transaction, runtime().shops, store, now=utcnow(), may_go_on=lambda: time.monotonic() < until
        )
    except ShopUnreachable as error:
        flash(f"Past orders will be granted as soon as the shop responds: {error.detail}."[:600], "bad")
        return
    with reading() as connection:
        left = backfill.progress_of(connection, store.id)
    granted = f" {number(report.granted)} tokens were granted so far." if report is not None and report.granted else ""
    flash(f"Past orders are {'being' if left else ''} granted.{granted}".replace("  ", " "))


def _install(store: Store, now: datetime) -> str:
    config = runtime().config
    _, steps = hooks.install(
        transaction, runtime().shops, store, public_url=config.public_url, installation=config.installation, now=now
    )
    changes = len(hooks.changes_of(steps))
    return f"All webhooks are installed; {number(changes)} changes were made in the shop."


def _import(store: Store, now: datetime) -> str:
    return import_now(store, now, seconds=_PATIENCE_SECONDS)


def _render(connection: Connection, store: Store, *, error: str = "", must_confirm: bool = False) -> str:
    config, vault = runtime().config, runtime().vault
    page = connection_view.build(connection, store, public_url=config.public_url, vault_=vault, error=error)
    if must_confirm and not page.delivery_fault:
        page = replace(page, delivery_fault=f"{host_of(config.public_url)} cannot be reached from outside")
    return render_template("admin/connection.html", page=page, store=store, admin=current_admin())
