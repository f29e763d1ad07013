"""Connect a WordPress site: download its plugin, create a connect code, and see whether the site used it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bridge.domain.admin.admins import Role
from bridge.domain.errors import NotFound
from bridge.domain.stores.stores import Store
from bridge.rendering.ids import decode_id, encode_id
from bridge.runtime import runtime
from bridge.services.ops import plugin_archive
from bridge.services.shop import connect_codes
from bridge.services.shop.connect_codes import NewCode
from bridge.services.stores import settings
from bridge.storage.engine.database import Connection
from bridge.web.admin import connect_wordpress_view as view
from bridge.web.admin.connect_wordpress_view import ShownCode, State
from bridge.web.admin.navigation import count_exceptions
from bridge.web.admin.sessions import current_admin, needs
from bridge.web.api.responses import json_response
from bridge.web.context import in_transaction, reading, utcnow

bp = Blueprint("wordpress", __name__)

_ID = "cc"
_NEW = "/admin/connect/wordpress"
_KNOWN = "/admin/<store>/connection/wordpress"


@bp.get(_NEW)
@bp.get(_KNOWN, endpoint="show_store")
@needs(Role.OWNER)
def show(store: str | None = None) -> ResponseReturnValue:
    """Show the three steps, for a new store or for one that exists."""
    with reading() as connection:
        return _render(connection, _find_store(connection, store))


@bp.post(_NEW)
@bp.post(_KNOWN, endpoint="create_for_store")
@needs(Role.OWNER)
def create(store: str | None = None) -> ResponseReturnValue:
    """Create a code and show it once, without a redirect, which could not carry it."""
    admin, now = current_admin(), utcnow()

    def make(connection: Connection) -> tuple[Store | None, NewCode]:
        found = _find_store(connection, store)
        public_url = runtime().config.public_url
        return found, connect_codes.new_code(connection, found, public_url=public_url, made_by=admin.email, now=now)

    found, made = in_transaction(make)
    code = view.show_code(
        found, text=made.code, follow_url=_follow(store, made.id), expires_at=made.expires_at, used_at=None, now=now
    )
    with reading() as connection:
        return _render(connection, found, code=code)


@bp.get(f"{_NEW}/codes/<code_id>")
@bp.get(f"{_KNOWN}/codes/<code_id>", endpoint="follow_for_store")
@needs(Role.OWNER)
def follow(code_id: str, store: str | None = None) -> ResponseReturnValue:
    """Go on to the connection once the site has used the code; until then, show the steps again."""
    number = decode_id(_ID, code_id, allow_untagged=False)
    with reading() as connection:
        found = None if number is None else connect_codes.find_code(connection, number)
        asked = _find_store(connection, store)
        if number is None or found is None or (asked is not None and found[0].store_id != asked.id):
            raise NotFound("There is no such connect code. Create another one.")
        code, connected = found
        shown = view.show_code(
            connected,
            text="",
            follow_url=_follow(store, number),
            expires_at=code.expires_at,
            used_at=code.used_at,
            now=utcnow(),
        )
        if "state" in request.args:
            return json_response({"state": shown.state.value})
        if shown.state is not State.CONNECTED or connected is None:
            return _render(connection, asked, code=shown)
    flash("The WordPress site is connected. Its users and packages arrive within minutes.")
    return redirect(url_for("connection.show", store=connected.slug), 303)


@bp.get(f"{_NEW}/{plugin_archive.NAME}")
@bp.get(f"{_KNOWN}/{plugin_archive.NAME}", endpoint="download_for_store")
@needs(Role.OWNER)
def download(store: str | None = None) -> ResponseReturnValue:
    """Return the plugin as a ZIP file; it is the same for every store."""
    archive = plugin_archive.find_archive(view.PLUGIN)
    if archive is None:
        abort(404)
    response = Response(archive, content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="{plugin_archive.NAME}"'
    return response


def _find_store(connection: Connection, slug: str | None) -> Store | None:
    return None if slug is None else settings.get_store(connection, slug)


def _follow(slug: str | None, code_id: int) -> str:
    shown = encode_id(_ID, code_id)
    if slug is None:
        return url_for("wordpress.follow", code_id=shown)
    return url_for("wordpress.follow_for_store", store=slug, code_id=shown)


def _render(connection: Connection, store: Store | None, *, code: ShownCode | None = None) -> str:
    page = view.build(
        store,
        stores=() if store is not None else tuple(settings.list_stores(connection)),
        public_url=runtime().config.public_url,
        code=code,
        open_questions="" if store is None else count_exceptions(connection, store),
    )
    return render_template("admin/connect_wordpress.html", page=page, store=store, admin=current_admin())
