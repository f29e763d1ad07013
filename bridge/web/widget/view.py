"""The usage widget, an HTML fragment for a page of another site: the route and its conditional responses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from html import escape
from pathlib import Path

from flask import Blueprint, Response, render_template, request

from bridge.domain.accounts.accounts import Profile, Visitor, Who
from bridge.domain.errors import FieldError, InvalidRequest
from bridge.domain.stores.principals import Principal
from bridge.services import secrets
from bridge.services.accounts import profiles
from bridge.services.portal.widget import WidgetState, read_at_once, read_widget
from bridge.storage.engine.database import Connection
from bridge.web import allowances, spend_order
from bridge.web.api.auth import deferred_store_key, principal
from bridge.web.api.operations import Parameter, operation
from bridge.web.api.parsing import path_number
from bridge.web.context import glance, in_transaction, reading, utcnow
from bridge.web.i18n import formatting, messages
from bridge.web.i18n.formatting import direction
from bridge.web.i18n.messages import texts_of
from bridge.web.widget import look as look_parameters
from bridge.web.widget import options as option_parameters
from bridge.web.widget import recent_use
from bridge.web.widget.card import UsageCard, balance_state, usage_card
from bridge.web.widget.look import Look, read_look
from bridge.web.widget.options import Options, View, read_options, read_roles
from bridge.web.widget.rendered import printed
from bridge.web.widget.shell import fragment, heading

bp = Blueprint("widget", __name__, url_prefix="/v1/widget")

_MAX_GUEST = 255


@bp.get("")
@deferred_store_key
@operation(
    "Get the usage widget",
    tag="Widget",
    answer=None,
    query=(
        Parameter("user_id", "ID of the user in the shop.", {"type": "string"}, "42"),
        Parameter("guest_id", "ID of a guest, in place of a user.", {"type": "string"}, ""),
        *option_parameters.PARAMETERS,
        *look_parameters.PARAMETERS,
    ),
    media=("text/html",),
)
def show() -> Response:
    """Return the balance, limits, use and purchases of a user as an HTML fragment.

    An unknown value of a parameter for content or look is replaced by the default,
    and noted in the log. `If-None-Match` with the last `ETag` is answered with 304
    while nothing has changed that the fragment shows.
    """
    # A plain dictionary: the request's own raises and catches an error for each parameter that is missing.
    values = request.args.to_dict()
    options, look, now, holder = read_options(values), read_look(values), utcnow(), principal()
    who = _who(holder.store_id, values)
    state = _read(holder, who, options, now=now)
    if _has_new_roles(state, who):
        in_transaction(lambda connection: profiles.put_profile(connection, holder.store_id, _profile(who), now=now))
        state = _read(holder, who, options, now=now)
    chosen = options.over(state.policy.store.shortcode)
    shown_at = now.replace(second=0, microsecond=0)
    response = Response(content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Language"] = look.language.value
    version = _version(state, chosen, look, shown_at)
    response.set_etag(version)
    if request.if_none_match.contains(version):
        response.status_code = 304
    else:
        response.set_data(printed(version, lambda: render(state, chosen, look, now=shown_at)))
    return response


def read_state(
    connection: Connection, store_id: int, who: Who, options: Options, *, now: datetime
) -> tuple[WidgetState, Options]:
    """Return what the widget shows, and the options with the store's own where a request has none."""
    state = read_widget(connection, store_id, who, is_full=_is_full(options), now=now)
    return state, options.over(state.policy.store.shortcode)


def _read(holder: Principal, who: Who, options: Options, *, now: datetime) -> WidgetState:
    is_full = _is_full(options)
    with glance() as connection:
        state = read_at_once(connection, holder, who, is_full=is_full, now=now)
    if state is None:
        with reading() as connection:
            state = read_widget(connection, holder.store_id, who, is_full=is_full, now=now, holder=holder)
    return state


def _is_full(options: Options) -> bool:
    # The store's own view is in its policy, which is read later.
    return options.view in {None, View.FULL}


def render(state: WidgetState, options: Options, look: Look, *, now: datetime) -> str:
    """Return the fragment; `now` is the time that its texts are relative to."""
    if options.view is View.BALANCE:
        return _balance(state, look)
    card = usage_card(state, options, look.language, titled=look.heading is not None, now=now)
    content = heading(look, card.heading) + _content(card)
    return fragment(look, kind=card.view.value, label=card.words.title, content=content, sheets=("usage",))


def _content(card: UsageCard) -> str:
    return render_template(
        "_widget.html",
        card=card,
        words=card.words,
        spark_width=recent_use.WIDTH,
        spark_height=recent_use.HEIGHT,
    )


def _balance(state: WidgetState, look: Look) -> str:
    """Return the balance as a number that looks like the text around it; an empty element for a guest."""
    texts, known = texts_of(look.language), state.overview()
    name, text = balance_state(known, texts)
    inner, label = "", ""
    if not known.account.is_guest:
        shown = formatting.number(known.balance.balance, look.language)
        tokens = texts.ngettext("{n} token", "{n} tokens", known.balance.balance)
        label = f' title="{escape(". ".join(filter(None, (tokens, text))))}"'
        inner = f'<span class="token-bridge__balance">{shown}</span>'
    kind = f" token-bridge--{name}" if name else ""
    return (
        f'<span class="token-bridge token-bridge--balance{kind}" lang="{look.language.value}"'
        f' dir="{direction(look.language)}"{label}>{inner}</span>\n'
    )


def _who(store_id: int, values: Mapping[str, str]) -> Who:
    user, guest = values.get("user_id"), values.get("guest_id")
    if (user is None) == (guest is None):
        raise InvalidRequest(fields=[FieldError("user_id", "send exactly one of user_id and guest_id")])
    if user is not None:
        return Profile(path_number(user, "user_id"), roles=read_roles(values))
    if not guest or len(guest) > _MAX_GUEST:
        raise InvalidRequest(fields=[FieldError("guest_id", f"send 1 to {_MAX_GUEST} characters")])
    with glance() as connection:
        salt = profiles.guest_salt(connection, store_id)
    return Visitor(secrets.hash_guest(guest, salt=salt))


def _has_new_roles(state: WidgetState, who: Who) -> bool:
    """Return whether the request states roles that the account does not have."""
    if not isinstance(who, Profile) or who.roles is None or state.account.is_erased:
        return False
    # A merged user has a profile of their own, and the widget shows the person's account.
    is_own = state.account.user_id == who.user_id
    return is_own and state.account.roles != who.roles and (bool(state.account.id) or bool(who.roles))


def _profile(who: Who) -> Profile:
    if not isinstance(who, Profile):
        raise TypeError("a guest has no profile")
    return who


def _version(state: WidgetState, options: Options, look: Look, shown_at: datetime) -> str:
    """Return a hash of everything that the fragment is made of.

    The time counts only where a text names how long something lasts, by the minute.
    """
    found = blake2b(_PROGRAM, digest_size=16)
    found.update(state.version())
    found.update(repr((options, look, shown_at if state.has_resets() else None)).encode(errors="replace"))
    return found.hexdigest()


def _hash_of_files(files: Mapping[str, Path]) -> bytes:
    """Return a hash of the code, texts and style of the fragment: another release may print the same rows otherwise."""
    found = blake2b()
    for name in sorted(files):
        found.update(files[name].read_bytes())
    return found.digest()


def _files() -> dict[str, Path]:
    here = Path(__file__).parent
    root = here.parents[2]
    modules = [Path(module.__file__ or "") for module in (allowances, spend_order, formatting, messages)]
    catalogs = messages.LOCALES.glob("*.po")
    templates = (root / "templates").glob("_widget*.html")
    return {str(path): path for path in (*here.rglob("*.py"), *here.rglob("*.css"), *modules, *catalogs, *templates)}


_PROGRAM = _hash_of_files(_files())
