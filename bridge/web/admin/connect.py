"""Connect a shop: the form, the redirect to the shop and back, and the callback that receives its REST keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import Field

from bridge.domain.admin.admins import Role
from bridge.domain.errors import InvalidRequest, ShopUnreachable, StoreExists
from bridge.domain.shop.authorization import MAX_URL, RestKeys, callback_fault
from bridge.domain.stores.pasted_text import clean_credential
from bridge.domain.stores.stores import Store
from bridge.rendering import zones
from bridge.runtime import runtime
from bridge.services.shop import authorization, monitor, site_lookup
from bridge.services.shop.monitor import MonitorContext
from bridge.services.stores import settings
from bridge.services.stores.settings import NewStore
from bridge.storage.engine.database import Connection
from bridge.web.admin import connect_view
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.api.parsing import Body, read_body
from bridge.web.api.responses import json_response
from bridge.web.context import in_transaction, reading, transaction, utcnow
from bridge.web.server.public_path import external_url

bp = Blueprint("connecting", __name__)

_MAX_CALLBACK_BYTES = 4096
_MAX_STATE = 100


class KeysIn(Body):
    """The body that a shop posts after its owner approved: the state as `user_id`, and the keys."""

    key_id: Annotated[int, Field(strict=True, ge=0)]
    user_id: Annotated[str, Field(strict=True, min_length=1, max_length=_MAX_STATE)]
    consumer_key: Annotated[str, Field(strict=True, max_length=200)]
    consumer_secret: Annotated[str, Field(strict=True, max_length=200)]
    key_permissions: Literal["read_write"]


@bp.get("/admin/connect")
@needs(Role.OWNER)
def show() -> ResponseReturnValue:
    """Show the form to connect a shop."""
    return _form(NewStore(slug="", url=""))


@bp.post("/admin/connect")
@needs(Role.OWNER)
def send() -> ResponseReturnValue:
    """Redirect to the shop, or store the keys that were typed; show the form again after an error."""
    typed = _read_form()
    try:
        with reading() as connection:
            wanted = authorization.check_wanted(connection, typed)
        by_hand = request.form.get("way") == "keys"
        if by_hand:
            authorization.check_keys(runtime().shops, wanted.url, typed_keys())
        # The shop is called outside any transaction, and only if a field was left empty.
        site = None if typed.name and typed.time_zone else site_lookup.look_up_site(wanted.url)
        filled = site_lookup.from_site(typed, site)
        wanted = replace(wanted, name=filled.name or wanted.name, time_zone=filled.time_zone or wanted.time_zone)
        zone_source = zones.describe(site_lookup.zone_source_of(typed, site))
        if by_hand:
            return _connect_by_hand(wanted, zone_source)
        if fault := callback_fault(runtime().config.public_url, shop_url=wanted.url):
            return _form(typed, error=fault), 422
    except (InvalidRequest, StoreExists) as error:
        field = error.fields[0] if error.fields else None
        status = 409 if isinstance(error, StoreExists) else 422
        sentence = field.message if field else error.detail
        return _form(typed, error=sentence, error_field=field.field if field else ""), status
    except ShopUnreachable as error:
        return _form(typed, error=f"Nothing was saved: {error.detail}.", error_field="consumer_key"), 422
    state = in_transaction(lambda connection: authorization.ask_for_new(connection, wanted, now=utcnow()))
    return go_to_shop(state, name=wanted.name, shop_url=wanted.url, zone_source=zone_source)


@bp.get("/admin/connect/return")
@needs(Role.OWNER)
def come_back() -> ResponseReturnValue:
    """Receive the owner back from the shop, with or without the keys."""
    state = request.args.get("user_id", "")[:_MAX_STATE]
    with reading() as connection:
        asked, store = authorization.find_request(connection, state)
    if asked.used_at is not None and store is not None:
        flash("The shop’s keys have arrived.")
        return redirect(url_for("connection.show", store=store.slug), 303)
    is_denied = request.args.get("success") == "0"
    return render_template(
        "admin/connect_back.html", is_denied=is_denied, back=store, store=store, admin=current_admin()
    )


@bp.post("/connect/woocommerce")
def receive() -> Response:
    """Store the keys that a shop posts; they must belong to an open key request, which is used once."""
    # This also covers bodies without a Content-Length.
    request.max_content_length = _MAX_CALLBACK_BYTES
    body = read_body(KeysIn)
    keys = RestKeys(body.consumer_key, body.consumer_secret)
    if not keys.are_well_formed:
        raise InvalidRequest("the keys do not have the form that WooCommerce creates")
    vault = runtime().vault
    in_transaction(lambda connection: authorization.receive(connection, body.user_id, keys, vault_=vault, now=utcnow()))
    return json_response({"status": "received"})


def go_to_shop(state: str, *, name: str, shop_url: str, store: Store | None = None, zone_source: str = "") -> str:
    """Return the page with the link to the shop; the content policy forbids forms to redirect there."""
    page = connect_view.build_go_page(
        name=name,
        shop_url=shop_url,
        state=state,
        return_url=external_url("connecting.come_back"),
        callback_url=external_url("connecting.receive"),
        store=store,
        zone_source=zone_source,
    )
    return render_template("admin/connect_go.html", page=page, store=store, admin=current_admin())


def _check_only(store: Store) -> None:
    """Check a shop with new keys and store the result, which the page shows."""
    monitoring = MonitorContext(transaction, runtime().shops, runtime().config.public_url)
    monitor.watch(monitoring, store, now=utcnow(), may_repair=False)


def typed_keys() -> RestKeys:
    """Return the REST keys typed in the form."""
    key, secret = (request.form.get(name, "")[:1000] for name in ("consumer_key", "consumer_secret"))
    return RestKeys(clean_credential(key)[:200], clean_credential(secret)[:200])


def _connect_by_hand(wanted: NewStore, zone_source: str) -> ResponseReturnValue:
    admin, keys, vault = current_admin(), typed_keys(), runtime().vault

    def connect(connection: Connection) -> Store:
        return authorization.connect(connection, wanted, keys, vault_=vault, actor=admin.email, now=utcnow())

    store = in_transaction(connect)
    # The next page shows the shop's response; nothing is changed there.
    _check_only(store)
    flash(f"The shop accepts these keys; they are saved. {zone_source}".strip())
    return redirect(url_for("connection.show", store=store.slug), 303)


def _read_form() -> NewStore:
    typed = {name: request.form.get(name, "").strip() for name in ("url", "name", "slug", "time_zone", "week_start")}
    # PostgreSQL cannot store characters that cannot be printed.
    clean = {name: "".join(letter for letter in text if letter.isprintable()) for name, text in typed.items()}
    return NewStore(
        slug=clean["slug"][:64],
        url=clean["url"][: MAX_URL + 1],
        name=clean["name"][:200],
        time_zone=clean["time_zone"][:64],
        week_start=clean["week_start"][:16] or "monday",
    )


def _form(form: NewStore, *, error: str = "", error_field: str = "") -> str:
    with reading() as connection:
        is_first = not settings.list_stores(connection)
    page = connect_view.build(
        form, public_url=runtime().config.public_url, is_first=is_first, error=error, error_field=error_field
    )
    return render_template("admin/connect.html", page=page, admin=current_admin())
